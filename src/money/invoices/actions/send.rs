use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{IssueInvoice, about};
use crate::invoices::{InvoiceState, data};
use customers::contacts;
use messages::outbox::{self, MessageKind, MessageState, NewMessage, actions::CancelMessage};
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{InvoiceId, MessageId},
    role::{Capability, ModelLevel, Permission},
    text,
};

/// How an invoice is delivered to the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    #[default]
    Email,
    Print,
    /// The sender shares the link themselves.
    Link,
    Qr,
}

impl How {
    pub fn of_name(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }
}

/// Sends an invoice, issuing it if it is a draft. When sent by mail, it counts as sent once the mail server has accepted it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct SendInvoice {
    pub invoice_id: InvoiceId,
    #[serde(default)]
    pub how: How,
    /// Email address to use instead of the customer's first one.
    #[serde(default)]
    pub to: Option<String>,
    /// Personal text placed above the rest of the mail.
    #[serde(default)]
    #[garde(custom(words_fit))]
    pub message: Option<String>,
}

fn words_fit(words: &Option<String>, _: &()) -> garde::Result {
    if words.as_ref().is_some_and(|w| w.len() > 4000) {
        return Err(garde::Error::new("The message has at most 4,000 characters."));
    }
    Ok(())
}

/// The invoice sent, and its mail if there is one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sent {
    pub id: InvoiceId,
    pub number: String,
    /// The queued mail; `None` unless sent by mail.
    pub message_id: Option<MessageId>,
}

impl Action for SendInvoice {
    const NAME: &'static str = "invoice.send";
    const NEEDS: Permission = Permission::Send;
    const CAPABILITY: Option<Capability> = Some(Capability::Invoices);
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = Sent;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Sent> {
        let who = cx.who;
        let invoice = data::locked(cx.db(), who, self.invoice_id).await?;
        if invoice.state == InvoiceState::Void {
            return Err(Error::conflict("This invoice is void and is not sent any more."));
        }
        let contact = contacts::data::summary(cx.db(), invoice.contact_id).await?;
        if contact.is_archived {
            return Err(FieldErrors::one("contact_id", "This customer is archived. Bring the customer back first."));
        }
        let typed = self.to.as_deref().map(str::trim).filter(|t| !t.is_empty());
        let to = match typed {
            Some(typed) => Some(text::email(typed).ok_or_else(|| FieldErrors::one("to", "This is not an email address."))?),
            None => None,
        };
        if self.how == How::Email && to.is_none() && contact.email.is_none() {
            return Err(FieldErrors::one("to", "There is no email address for this customer. Type one, or print or share the invoice."));
        }
        // Issuing comes last, as it locks the number counter until the commit: all checks have passed by now.
        let message_id = match self.how {
            How::Email => Some(queue(cx, &invoice, contact.email.as_deref(), to, self.message).await?),
            how => {
                cx.event("invoice.handed_over", about(&invoice), json!({ "how": how })).await?;
                None
            }
        };
        let issued = cx.run(IssueInvoice { invoice_id: invoice.id }).await?;
        Ok(Sent { id: invoice.id, number: issued.number, message_id })
    }
}

/// Queues the invoice's mail and returns its id. A mail still waiting is kept if address and text are the same, else cancelled and
/// replaced. Returns a conflict if a different mail is being sent at this moment. `usual` is the customer's own address.
async fn queue(
    cx: &mut Cx<'_>,
    invoice: &data::Invoice,
    usual: Option<&str>,
    to: Option<String>,
    words: Option<String>,
) -> Result<MessageId> {
    let who = cx.who;
    let words = words.filter(|w| !w.trim().is_empty());
    let filter = outbox::data::Filter { kind: Some(MessageKind::Invoice), subject: Some(invoice.id.0), ..Default::default() };
    let before = outbox::data::list(cx.db(), who, &filter, None, 100).await?;
    if let Some(waiting) = before.iter().find(|m| matches!(m.state, MessageState::Queued | MessageState::Sending)) {
        let address = |to: &Option<String>| to.as_deref().or(usual).map(str::to_lowercase);
        let custom_body = outbox::data::message(cx.db(), who, waiting.id).await?.custom_body;
        if address(&waiting.to_address) == address(&to) && custom_body == words {
            return Ok(waiting.id);
        }
        if waiting.state == MessageState::Sending {
            return Err(Error::conflict("The mail of a moment ago is going out right now. Send this one in a minute."));
        }
        cx.run(CancelMessage { id: waiting.id }).await?;
    }
    let message = NewMessage {
        contact_id: Some(invoice.contact_id),
        to_address: to,
        custom_body: words,
        cancel_group: Some(format!("invoice:{}", invoice.id)),
        dedup_key: Some(format!("invoice:{}:{}", invoice.id, before.len())),
        ..NewMessage::about(MessageKind::Invoice, "invoice", invoice.id.0)
    };
    outbox::queue(cx, message).await
}

/// Marks the invoice as sent: the mail server has accepted its mail. Only for the sending job; not offered to programs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct MarkSent {
    pub invoice_id: InvoiceId,
}

impl Action for MarkSent {
    const NAME: &'static str = "invoice.mark_sent";
    const NEEDS: Permission = Permission::Send;
    type Output = InvoiceId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<InvoiceId> {
        let (who, now) = (cx.who, cx.now());
        let invoice = data::locked(cx.db(), who, self.invoice_id).await?;
        sqlx::query!(
            "update invoices set sent_at = coalesce(sent_at, $2), state = case when state = 'issued' then 'sent'::invoice_state else state end where id = $1",
            invoice.id.0,
            now
        )
        .execute(cx.db())
        .await?;
        let payload = json!({ "number": invoice.number, "amount": invoice.total, "currency": invoice.currency });
        cx.event("invoice.sent", about(&invoice), payload).await?;
        Ok(invoice.id)
    }
}

/// Records that the invoice's mail was refused permanently. Only for the sending job; the message itself holds the reason.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct MarkSendFailed {
    pub invoice_id: InvoiceId,
}

impl Action for MarkSendFailed {
    const NAME: &'static str = "invoice.mark_send_failed";
    const NEEDS: Permission = Permission::Send;
    type Output = InvoiceId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<InvoiceId> {
        let invoice = data::invoice(cx.db(), self.invoice_id).await?;
        cx.event("invoice.send_failed", about(&invoice), json!({ "number": invoice.number })).await?;
        Ok(invoice.id)
    }
}
