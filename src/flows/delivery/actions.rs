//! Records the outcome of sending, and updates the record that the message is about, in one transaction.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use messages::{
    channels::Outcome,
    outbox::{
        MessageKind, MessageState,
        actions::{MarkSent, Record},
        data,
    },
};
use money::invoices::actions::{MarkSendFailed, MarkSent as MarkInvoiceSent};
use platform::{
    action::{Action, Cx},
    error::Result,
    ids::{InvoiceId, MessageId},
    role::{ModelLevel, Permission},
};

/// Records the outcome of sending a message. For the sending job alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct Finish {
    pub message_id: MessageId,
    pub outcome: Outcome,
}

impl Action for Finish {
    const NAME: &'static str = "message.finish";
    const NEEDS: Permission = Permission::Send;
    type Output = Option<MessageState>;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let state = cx.run(Record { message_id: self.message_id, outcome: self.outcome }).await?;
        tell(cx, self.message_id, state).await?;
        Ok(state)
    }
}

/// Marks a message as sent, for a person who knows that it arrived or has informed the customer otherwise.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct MarkMessageSent {
    pub id: MessageId,
}

impl Action for MarkMessageSent {
    const NAME: &'static str = "message.mark_sent";
    const NEEDS: Permission = Permission::Send;
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = MessageId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<MessageId> {
        cx.run(MarkSent { id: self.id }).await?;
        tell(cx, self.id, Some(MessageState::Sent)).await?;
        Ok(self.id)
    }
}

/// Updates the invoice of an invoice message: it becomes “sent” once the mail server has accepted the mail, and not before.
async fn tell(cx: &mut Cx<'_>, id: MessageId, state: Option<MessageState>) -> Result<()> {
    let who = cx.who;
    let message = data::message(cx.db(), who, id).await?;
    if message.row.kind != MessageKind::Invoice {
        return Ok(());
    }
    let invoice_id = InvoiceId(message.row.subject_id);
    match state {
        Some(MessageState::Sent) => cx.run(MarkInvoiceSent { invoice_id }).await.map(drop),
        Some(MessageState::Failed) => cx.run(MarkSendFailed { invoice_id }).await.map(drop),
        _ => Ok(()),
    }
}
