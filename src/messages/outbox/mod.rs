//! Messages to customers and owners, by mail or, for reach-outs, by hand. The outbox row is written in the transaction of the change that
//! causes it; `delivery` renders it when it is sent, from the record as it then is. `dedup_key` prevents a second message for one change.

pub mod actions;
pub mod data;
pub mod section;
pub mod templates;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

pub use crate::channels::Channel;
use platform::{
    action::{Cx, Subject},
    error::Result,
    ids::{ContactId, MessageId},
};
use ui::Tone;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "message_kind", rename_all = "snake_case")]
pub enum MessageKind {
    Confirmation,
    Moved,
    Cancellation,
    Invoice,
    Receipt,
    /// Marketing: needs consent, carries one-click unsubscribe.
    ReachOut,
    OwnerNotice,
}

impl MessageKind {
    pub const ALL: [Self; 7] =
        [Self::Confirmation, Self::Moved, Self::Cancellation, Self::Invoice, Self::Receipt, Self::ReachOut, Self::OwnerNotice];

    /// The kinds whose template the owner may edit.
    pub const EDITABLE: [Self; 6] = [Self::Confirmation, Self::Moved, Self::Cancellation, Self::Invoice, Self::Receipt, Self::ReachOut];

    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Moved => "moved",
            Self::Cancellation => "cancellation",
            Self::Invoice => "invoice",
            Self::Receipt => "receipt",
            Self::ReachOut => "reach_out",
            Self::OwnerNotice => "owner_notice",
        }
    }

    /// The label that people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmation => "Appointment confirmation",
            Self::Moved => "Appointment moved",
            Self::Cancellation => "Appointment cancelled",
            Self::Invoice => "Invoice",
            Self::Receipt => "Receipt",
            Self::ReachOut => "Reach out",
            Self::OwnerNotice => "Notice to owner",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }

    /// The channels that it may take, the preferred one first. Without an address for a mail, a reach-out is left to a person.
    pub fn channels(self) -> &'static [Channel] {
        if self == Self::ReachOut { &[Channel::Email, Channel::Phone] } else { &[Channel::Email] }
    }

    /// Whether this is marketing, which needs consent and can be unsubscribed from; all other kinds are sent regardless.
    pub fn is_marketing(self) -> bool {
        self == Self::ReachOut
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "message_state", rename_all = "snake_case")]
pub enum MessageState {
    Draft,
    Queued,
    Sending,
    /// Due, but without an email address to send it to: a person calls or texts.
    ByHand,
    Sent,
    Delivered,
    /// A person called or texted.
    Told,
    Bounced,
    Complained,
    Failed,
    /// The outcome of sending is unknown, for example after a crash; a person decides.
    InDoubt,
    Cancelled,
    Expired,
}

impl MessageState {
    pub const ALL: [Self; 13] = [
        Self::Draft,
        Self::Queued,
        Self::Sending,
        Self::ByHand,
        Self::Sent,
        Self::Delivered,
        Self::Told,
        Self::Bounced,
        Self::Complained,
        Self::Failed,
        Self::InDoubt,
        Self::Cancelled,
        Self::Expired,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::ByHand => "by_hand",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Told => "told",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::Queued => "Waiting",
            Self::Sending => "Sending",
            Self::ByHand => "Call or text",
            Self::Sent => "Sent",
            Self::Delivered => "Delivered",
            Self::Told => "Done",
            Self::Bounced => "Bounced",
            Self::Complained => "Complained",
            Self::Failed => "Failed",
            Self::InDoubt => "In doubt",
            Self::Cancelled => "Cancelled",
            Self::Expired => "Expired",
        }
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::Sent | Self::Delivered | Self::Told => Tone::Good,
            Self::Draft | Self::Queued | Self::ByHand => Tone::Wait,
            Self::Sending => Tone::Info,
            Self::Failed | Self::InDoubt | Self::Bounced | Self::Complained => Tone::Bad,
            Self::Cancelled | Self::Expired => Tone::Idle,
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Whether its text and time can still be changed, and the message cancelled.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Draft | Self::Queued | Self::ByHand)
    }

    /// Whether a person has to deal with it.
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::Failed | Self::InDoubt | Self::Bounced)
    }
}

/// A message to write into the outbox; the fields are columns of `messages`.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The id, if the client has made one.
    pub id: Option<MessageId>,
    pub kind: MessageKind,
    pub contact_id: Option<ContactId>,
    /// `None` for the contact's first email address at the time of sending.
    pub to_address: Option<String>,
    /// The kind of record the message is about: `ticket`, `invoice`, `payment` or `contact`.
    pub subject_kind: &'static str,
    pub subject_id: Uuid,
    /// The sender's own text; `None` for the template alone. The subject replaces the template's. The body is the whole text of a
    /// reach-out or an owner notice, and the value of `{{custom_message}}` in all other kinds.
    pub custom_subject: Option<String>,
    pub custom_body: Option<String>,
    /// `None` to send it now.
    pub send_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
    /// Groups the messages that `withdraw` cancels together: `ticket:<id>`.
    pub cancel_group: Option<String>,
    /// The idempotency key: a second message with the same key is not written.
    pub dedup_key: Option<String>,
    /// The ticket's `sequence` (the SEQUENCE of its calendar file) when the message was written.
    pub sequence: Option<i32>,
    pub consent_basis: Option<String>,
}

impl NewMessage {
    /// Returns a message of this kind about a record, to be sent now, with all other fields empty.
    pub fn about(kind: MessageKind, subject_kind: &'static str, subject_id: Uuid) -> Self {
        Self {
            id: None,
            kind,
            contact_id: None,
            to_address: None,
            subject_kind,
            subject_id,
            custom_subject: None,
            custom_body: None,
            send_at: None,
            expires_at: None,
            cancel_group: None,
            dedup_key: None,
            sequence: None,
            consent_basis: None,
        }
    }
}

/// Writes a message into the outbox in this transaction; if due, it is sent after the commit. If `dedup_key` is taken, returns the id of
/// the message that has it.
pub async fn queue(cx: &mut Cx<'_>, message: NewMessage) -> Result<MessageId> {
    actions::outbox::insert(cx, message).await
}

/// Cancels all messages of a group that have not been sent. Returns their number.
pub async fn withdraw(cx: &mut Cx<'_>, cancel_group: &str) -> Result<u64> {
    actions::outbox::withdraw(cx, cancel_group).await
}

/// Says that a message may go out now: it is sent after the commit.
async fn due(cx: &mut Cx<'_>, id: MessageId) -> Result<()> {
    cx.event("message.due", Subject { kind: "message", id: id.0, contact: None }, json!({})).await
}
