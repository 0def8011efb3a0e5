//! `contact.archive` and `contact.restore`: nothing is lost, the record only leaves the lists.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{ContactOutput, about, index};
use crate::contacts::data;
use platform::{
    action::{Action, Cx},
    error::Result,
    ids::ContactId,
    role::Permission,
};

/// Archives a contact: it leaves the lists.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ArchiveContact {
    pub contact_id: ContactId,
}

/// Restores an archived contact to the lists.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RestoreContact {
    pub contact_id: ContactId,
}

/// Archives or restores a contact; does nothing if it already is in that state.
async fn set(cx: &mut Cx<'_>, id: ContactId, archived: bool) -> Result<ContactOutput> {
    let who = cx.who;
    data::visible(cx.db(), who, id).await?;
    let contact = data::contact(cx.db(), id).await?;
    if contact.is_archived() == archived {
        return Ok(ContactOutput { id, name: contact.name, version: contact.version });
    }
    let at = archived.then_some(who.now);
    let version =
        sqlx::query_scalar!("update contacts set deleted_at = $2 where id = $1 returning version", id.0, at).fetch_one(cx.db()).await?;
    index(cx, id).await?;
    let event = if archived { "contact.archived" } else { "contact.restored" };
    cx.event(event, about(id), json!({ "name": contact.name })).await?;
    Ok(ContactOutput { id, name: contact.name, version })
}

impl Action for ArchiveContact {
    const NAME: &'static str = "contact.archive";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = ContactOutput;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("contacts", self.contact_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        set(cx, self.contact_id, true).await
    }
}

impl Action for RestoreContact {
    const NAME: &'static str = "contact.restore";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = ContactOutput;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("contacts", self.contact_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        set(cx, self.contact_id, false).await
    }
}
