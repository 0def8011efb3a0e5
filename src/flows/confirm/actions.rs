//! Actions: asking the customer to confirm, and the customer's answer.

use chrono::Duration;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::cancel_group;
use customers::contacts;
use messages::outbox::{self, MessageKind, NewMessage};
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, Result},
    ids::{AnswerId, MessageId, TicketId},
    links::{self, LinkKind},
    redact::redact,
    role::{Capability, ModelLevel, Permission},
};
use ui::format;
use work::tickets::{
    self, Answer, TicketState,
    actions::{AnswerByLink, MarkAsked},
    data::Ticket,
};

/// The event that the customer is informed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Asked,
    Moved,
    Cancelled,
}

/// Informs the customer that a ticket was created, moved or cancelled: withdraws outdated messages, then queues the mail with its link
/// if there is an address. Every change of a ticket's slot queues it as a job.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct Tell {
    pub ticket_id: TicketId,
    /// The ticket's `sequence` when the job was queued; if it has changed since, nothing is done.
    pub sequence: i32,
    pub what: What,
    /// Whether to mail the customer; outdated messages are withdrawn either way.
    pub tell: bool,
}

impl Action for Tell {
    const NAME: &'static str = "confirmation.tell";
    const NEEDS: Permission = Permission::Send;
    type Output = Option<MessageId>;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let ticket = tickets::data::ticket(cx.db(), self.ticket_id).await?;
        // If the job runs again after a crash, the message is already there.
        if let Some(first) = outbox::data::by_key(cx.db(), &key(&ticket, self.what == What::Cancelled, 0)).await? {
            return Ok(Some(first));
        }
        // The slot has changed since. The job of that change, which may have run before this one, mails the customer.
        if ticket.sequence != self.sequence {
            return Ok(None);
        }
        outbox::withdraw(cx, &cancel_group(ticket.id)).await?;
        let expected = if self.what == What::Cancelled { TicketState::Cancelled } else { TicketState::Scheduled };
        if !self.tell || ticket.state != expected {
            return Ok(None);
        }
        match self.what {
            What::Asked => ask(cx, &ticket, MessageKind::Confirmation, "", 0).await,
            What::Moved => ask(cx, &ticket, MessageKind::Moved, "", 0).await,
            What::Cancelled => queue(cx, &ticket, MessageKind::Cancellation, "", key(&ticket, true, 0)).await,
        }
    }
}

/// Asks the customer to confirm, at a member's request: marks the visit as asked, creates the link, and queues the mail if there is an
/// address. Without one, the member prints, shows or texts the link.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct Ask {
    pub ticket_id: TicketId,
    /// Whether to create only the link (to print, show or text it) and send no mail.
    #[serde(default)]
    pub link_only: bool,
    /// Text added to the mail for this customer; at most 2,000 characters.
    #[serde(default)]
    #[garde(custom(message_fits))]
    pub message: String,
}

fn message_fits(text: &str, _: &()) -> garde::Result {
    if text.chars().count() > 2_000 { Err(garde::Error::new("At most 2,000 characters fit here.")) } else { Ok(()) }
}

/// The result of asking.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Asked {
    /// The URL of the customer's page.
    pub url: String,
    /// `None` if there is no email address or only the link was asked for.
    pub message_id: Option<MessageId>,
}

impl Action for Ask {
    const NAME: &'static str = "confirmation.ask";
    const NEEDS: Permission = Permission::Send;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = Asked;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Asked> {
        let who = cx.who;
        let ticket = tickets::data::locked(cx.db(), who, self.ticket_id).await?;
        if ticket.state != TicketState::Scheduled {
            return Err(Error::conflict(format!("This visit is {}: there is nothing to confirm.", ticket.state.word().to_lowercase())));
        }
        if ticket.starts_at <= cx.now() {
            return Err(Error::conflict("This visit has begun: there is nothing to confirm."));
        }
        let link = links::ensure(cx, LinkKind::Confirm, ticket.id.0).await?;
        let url = links::url(cx.app, LinkKind::Confirm, link);
        let message_id = if self.link_only || !has_mail(cx, &ticket).await? {
            cx.run(MarkAsked { ticket_id: ticket.id, sequence: ticket.sequence }).await?;
            None
        } else {
            // Waiting mails are not counted, so asking again queues a second mail only once the first is sent.
            let before = outbox::data::asked_before(cx.db(), ticket.id.0, ticket.sequence).await?;
            ask(cx, &ticket, MessageKind::Confirmation, &self.message, before).await?
        };
        Ok(Asked { url, message_id })
    }
}

/// Returns the idempotency key of a mail: one to ask and one to cancel for each `sequence` of a visit. `before` is the number of mails
/// that have asked already, so that a person can ask again.
fn key(ticket: &Ticket, is_cancelling: bool, before: i64) -> String {
    let act = if is_cancelling { "cancel" } else { "ask" };
    format!("{act}:{}:{}:{before}", ticket.id, ticket.sequence)
}

/// Asks by mail. Without an address it does nothing and returns `None`: then a person has to pass on the link.
async fn ask(cx: &mut Cx<'_>, ticket: &Ticket, kind: MessageKind, words: &str, before: i64) -> Result<Option<MessageId>> {
    if !has_mail(cx, ticket).await? {
        return Ok(None);
    }
    cx.run(MarkAsked { ticket_id: ticket.id, sequence: ticket.sequence }).await?;
    links::ensure(cx, LinkKind::Confirm, ticket.id.0).await?;
    queue(cx, ticket, kind, words, key(ticket, false, before)).await
}

/// Whether the customer has an email address and is not archived.
async fn has_mail(cx: &mut Cx<'_>, ticket: &Ticket) -> Result<bool> {
    let contact = contacts::data::summary(cx.db(), ticket.contact_id).await?;
    Ok(contact.email.is_some() && !contact.is_archived)
}

/// Queues a mail; returns `None` if there is no address.
async fn queue(cx: &mut Cx<'_>, ticket: &Ticket, kind: MessageKind, words: &str, key: String) -> Result<Option<MessageId>> {
    if !has_mail(cx, ticket).await? {
        return Ok(None);
    }
    let message = NewMessage {
        contact_id: Some(ticket.contact_id),
        custom_body: (!words.trim().is_empty()).then(|| redact(words.trim()).text),
        expires_at: (kind != MessageKind::Cancellation).then_some(ticket.starts_at),
        cancel_group: Some(cancel_group(ticket.id)),
        dedup_key: Some(key),
        sequence: Some(ticket.sequence),
        ..NewMessage::about(kind, "ticket", ticket.id.0)
    };
    outbox::queue(cx, message).await.map(Some)
}

/// The delay of the owners' mail, so that a customer who changes their mind meanwhile causes one mail and not two.
const SECOND_THOUGHTS: Duration = Duration::minutes(2);

/// Records the customer's answer from the page of their link, and mails the owners about a decline or a request for another time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct Respond {
    pub ticket_id: TicketId,
    pub answer: Answer,
    #[serde(default)]
    pub wish: String,
    pub sequence: i32,
}

impl Action for Respond {
    const NAME: &'static str = "confirmation.respond";
    const NEEDS: Permission = Permission::Customer;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = AnswerId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<AnswerId> {
        let answer =
            AnswerByLink { ticket_id: self.ticket_id, answer: self.answer, wish: self.wish.clone(), sequence: Some(self.sequence) };
        let id = cx.run(answer).await?;
        let ticket = tickets::data::ticket(cx.db(), self.ticket_id).await?;
        tell_owners(cx, &ticket, self.answer, &self.wish, id).await?;
        Ok(id)
    }
}

/// Withdraws waiting mails about an earlier answer, and mails the owners about the new one unless it is an acceptance.
async fn tell_owners(cx: &mut Cx<'_>, ticket: &Ticket, answer: Answer, wish: &str, id: AnswerId) -> Result<()> {
    let owners = outbox::data::owners(cx.db()).await?;
    let key = |member| format!("answer:{id}:{member}");
    // The current answer was given again: the owners have their mail.
    if let Some((first, _)) = owners.first()
        && outbox::data::by_key(cx.db(), &key(*first)).await?.is_some()
    {
        return Ok(());
    }
    let group = format!("answer:{}", ticket.id);
    outbox::withdraw(cx, &group).await?;
    let slot = format::span(ticket.starts_at, ticket.ends_at, ticket.zone());
    let name = &ticket.contact_name;
    let subject = match answer {
        Answer::Accepted => return Ok(()),
        Answer::Declined => format!("{name} declined: {slot}"),
        Answer::ChangeRequested => format!("{name} wants another time: {slot}"),
    };
    let mut body = format!("{name} answered for T-{}, {slot}.", ticket.number);
    if !wish.trim().is_empty() {
        body.push_str("\n\nIn their words:\n");
        body.push_str(&redact(wish.trim()).text);
    }
    let send_at = cx.now() + SECOND_THOUGHTS;
    for (member, address) in owners {
        let message = NewMessage {
            to_address: Some(address),
            custom_subject: Some(subject.clone()),
            custom_body: Some(body.clone()),
            send_at: Some(send_at),
            cancel_group: Some(group.clone()),
            dedup_key: Some(key(member)),
            ..NewMessage::about(MessageKind::OwnerNotice, "ticket", ticket.id.0)
        };
        outbox::queue(cx, message).await?;
    }
    Ok(())
}

/// Revokes the customer's link and creates a new one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct RenewLink {
    pub ticket_id: TicketId,
}

impl Action for RenewLink {
    const NAME: &'static str = "confirmation.renew_link";
    const NEEDS: Permission = Permission::Send;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = Asked;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Asked> {
        let who = cx.who;
        let ticket = tickets::data::locked(cx.db(), who, self.ticket_id).await?;
        links::revoke(cx, LinkKind::Confirm, ticket.id.0).await?;
        let link = links::ensure(cx, LinkKind::Confirm, ticket.id.0).await?;
        let about = Subject { kind: "ticket", id: ticket.id.0, contact: Some(ticket.contact_id) };
        cx.event("ticket.link_renewed", about, json!({})).await?;
        Ok(Asked { url: links::url(cx.app, LinkKind::Confirm, link), message_id: None })
    }
}
