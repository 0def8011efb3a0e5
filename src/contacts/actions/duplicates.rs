//! Possible twins: proposed when a contact is written, dismissed by a person, never merged by themselves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::about;
use crate::{
    contacts::personal::{self, NewEmail, NewPhone},
    platform::{
        action::{Action, Cx},
        error::{Error, Result},
        ids::{ContactId, DuplicateId},
        role::Permission,
    },
};

/// Proposes everybody in use who has the same email, phone or name. A pair once proposed or dismissed is left alone.
pub(super) async fn propose(cx: &mut Cx<'_>, id: ContactId, emails: &[NewEmail], phones: &[NewPhone]) -> Result<()> {
    let emails: Vec<String> = emails.iter().map(|e| e.match_key.clone()).collect();
    let phones: Vec<String> = phones.iter().map(|p| p.match_key.clone()).collect();
    let mut twins: Vec<(ContactId, i32, &str)> = Vec::new();
    for (other, by_email) in personal::holders(cx.db(), &emails, &phones).await? {
        twins.push(if by_email { (other, 90, "Same email") } else { (other, 60, "Same phone") });
    }
    let namesakes = sqlx::query_scalar!(
        r#"
        select o.id as "id: ContactId" from contacts c
          join contacts o on o.org_id = c.org_id and o.name_key = c.name_key and o.id <> c.id and o.deleted_at is null
         where c.id = $1 limit 5
        "#,
        id.0
    )
    .fetch_all(cx.db())
    .await?;
    twins.extend(namesakes.into_iter().map(|other| (other, 50, "Same name")));
    for (other, score, reason) in twins.into_iter().filter(|t| t.0 != id) {
        let (one, two) = if id < other { (id, other) } else { (other, id) };
        sqlx::query!(
            r#"insert into contact_duplicates (id, contact_id, other_id, score, reason) values ($1, $2, $3, $4, $5)
               on conflict (org_id, contact_id, other_id) do nothing"#,
            DuplicateId::new().0,
            one.0,
            two.0,
            score,
            reason
        )
        .execute(cx.db())
        .await?;
    }
    Ok(())
}

/// A person says that two contacts are not the same one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct DismissDuplicate {
    pub duplicate_id: DuplicateId,
}

impl Action for DismissDuplicate {
    const NAME: &'static str = "contact.dismiss_duplicate";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = DuplicateId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let row = sqlx::query!(
            r#"update contact_duplicates set state = 'dismissed' where id = $1 returning contact_id as "contact_id: ContactId", other_id as "other_id: ContactId""#,
            self.duplicate_id.0
        )
        .fetch_optional(cx.db())
        .await?
        .ok_or(Error::NotFound)?;
        let who = cx.who;
        crate::contacts::data::visible(cx.db(), who, row.contact_id).await?;
        cx.event("contact.duplicate_dismissed", about(row.contact_id), json!({ "other_id": row.other_id })).await?;
        Ok(self.duplicate_id)
    }
}
