//! Messages: whatever goes to a customer (or an owner) by mail. The outbox row is written with the act that causes it; it is rendered when it is
//! sent, from the record as it then is (`delivery`). One act, one message a person: `dedup_key`.

pub mod actions;
pub mod data;
pub mod templates;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use platform::{
    action::Cx,
    error::Result,
    ids::{ContactId, MessageId},
};
use ui::Tone;

/// Task name of the job that sends one message; handled by `delivery`.
pub const SEND: &str = "send_message";

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

    /// Those whose words the owner may edit.
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

    /// The words people read.
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

    /// Marketing needs consent and can be unsubscribed from; everything else goes regardless (`domain.md`, Messages).
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
    /// Due, with no email address to mail it to: a person calls or texts.
    ByHand,
    Sent,
    Delivered,
    /// A person called or texted.
    Told,
    Bounced,
    Complained,
    Failed,
    /// A crash fell between sending and knowing; a person decides.
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

    /// Its words and time may still be changed, and it can be taken back.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Draft | Self::Queued | Self::ByHand)
    }

    /// A person has to look at it.
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::Failed | Self::InDoubt | Self::Bounced)
    }
}

/// How a message goes, as things are now: decided when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Channel {
    Email,
    /// A person calls or texts; Rounds sends nothing.
    Phone,
}

impl Channel {
    /// The words people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "by email",
            Self::Phone => "by phone or text",
        }
    }
}

/// What a slice wants said, to whom, when. See the columns of `messages`.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Made by the client where a page or phone made it.
    pub id: Option<MessageId>,
    pub kind: MessageKind,
    pub contact_id: Option<ContactId>,
    /// None: the contact's first email when it is sent.
    pub to_address: Option<String>,
    /// "ticket", "invoice", "payment", "contact".
    pub subject_kind: &'static str,
    pub subject_id: Uuid,
    /// The sender's own words, with variables. Reaching out: the whole text. Other kinds: what stands for `{{custom_message}}` in the
    /// kind's words. None: nothing is added.
    pub custom_subject: Option<String>,
    pub custom_body: Option<String>,
    /// None: now.
    pub send_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
    /// `ticket:<id>`: what `withdraw` takes back together.
    pub cancel_group: Option<String>,
    /// The same key is the same message: a second one is not written.
    pub dedup_key: Option<String>,
    /// The ticket's ICS SEQUENCE when this was said.
    pub sequence: Option<i32>,
    pub consent_basis: Option<String>,
}

impl NewMessage {
    /// A message of a kind about a record, now, with everything else left out.
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

/// Writes a message into the outbox in this transaction; due ones are sent once it commits. Returns the first one's id where `dedup_key` is taken.
pub async fn queue(cx: &mut Cx<'_>, message: NewMessage) -> Result<MessageId> {
    actions::outbox::insert(cx, message).await
}

/// Takes back every message of a group that has not gone out. Returns how many.
pub async fn withdraw(cx: &mut Cx<'_>, cancel_group: &str) -> Result<u64> {
    actions::outbox::withdraw(cx, cancel_group).await
}

/// Queues the job that sends a message, in this transaction.
async fn enqueue(cx: &mut Cx<'_>, id: MessageId) -> Result<()> {
    cx.enqueue(SEND, json!({ "message": id }), &format!("message:{id}")).await
}
