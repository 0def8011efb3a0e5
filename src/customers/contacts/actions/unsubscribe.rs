//! A customer withdraws the consent to marketing, by the link in every marketing mail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::about;
use platform::{
    action::{Action, Cx},
    error::{Error, Result},
    ids::{ConsentId, ContactId},
    role::{ModelLevel, Permission},
};

/// Withdraws the link's customer's consent to marketing mail. Invoices, receipts and appointment mails are still sent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct Unsubscribe {
    /// The wording that the customer saw, for the record.
    pub wording: String,
}

impl Action for Unsubscribe {
    const NAME: &'static str = "contact.unsubscribe";
    const NEEDS: Permission = Permission::Customer;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = ContactId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<ContactId> {
        let link = cx.who.link.ok_or(Error::Forbidden)?;
        // A link that was replaced by a newer one still unsubscribes.
        let contact =
            sqlx::query_scalar!(r#"select subject_id as "id: ContactId" from links where id = $1 and kind = 'unsubscribe'"#, link.0)
                .fetch_optional(cx.db())
                .await?
                .ok_or(Error::NotFound)?;
        let changed =
            sqlx::query!("update contacts set email_consent = false where id = $1 and email_consent is distinct from false", contact.0)
                .execute(cx.db())
                .await?
                .rows_affected();
        if changed == 1 {
            let source = cx.who.actor();
            sqlx::query!(
                "insert into consents (id, contact_id, channel, given, source, wording) values ($1, $2, 'email', false, $3, $4)",
                ConsentId::new().0,
                contact.0,
                source,
                self.wording
            )
            .execute(cx.db())
            .await?;
            cx.event("contact.unsubscribed", about(contact), json!({ "channel": "email" })).await?;
        }
        Ok(contact)
    }
}
