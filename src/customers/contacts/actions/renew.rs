//! What contacts are found by is stored. It is made anew after a function that makes it was changed (`migrations/functions`, `-- renews:`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::contacts::jobs::RenewSearchStep;
use platform::{
    action::{Action, Cx},
    error::Result,
    ids::ContactId,
    role::{ModelLevel, Permission},
};

/// Customers a step: well under a second of work.
const STEP: i64 = 500;

/// Renews the search entries of the customers that follow `after`, archived ones included, and queues the next step in the same transaction:
/// what is done stays done, and what was cut off is done again. Returns how many customers the step took.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RenewSearch {
    pub after: Option<ContactId>,
    /// Tells this round's steps from an earlier round's: the function may change again while one is under way.
    pub round: Uuid,
}

impl Action for RenewSearch {
    const NAME: &'static str = "contact.renew_search";
    const NEEDS: Permission = Permission::OwnBusiness;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = usize;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let after = self.after.map_or(Uuid::nil(), |contact| contact.0);
        let step =
            sqlx::query_scalar!("select id from contacts where id > $1 order by id limit $2", after, STEP).fetch_all(cx.db()).await?;
        let Some(last) = step.last() else { return Ok(0) };
        sqlx::query!("select app.index_contacts($1)", &step).execute(cx.db()).await?;
        cx.enqueue(RenewSearchStep { after: Some(ContactId(*last)), round: self.round }).await?;
        Ok(step.len())
    }
}
