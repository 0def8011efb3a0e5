use chrono::{DateTime, NaiveTime, Utc};
use office::notices::{self, NewNotice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::about;
use crate::tickets::{
    Answer, Confirmation, TicketState,
    data::{self, Ticket},
};
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{AnswerId, LinkId, TicketId},
    links::{self, LinkKind},
    localtime::{local_date, to_utc},
    redact::redact,
    role::{Capability, ModelLevel, Permission},
};

/// The channel of an answer recorded by a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Phone,
    Email,
    InPerson,
}

impl Channel {
    pub fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
            Self::InPerson => "in_person",
        }
    }
}

/// Records the customer's answer on their behalf. Only a member may.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RecordAnswer {
    pub ticket_id: TicketId,
    pub answer: Answer,
    pub channel: Channel,
    /// Which times suit the customer: "any weekday after 14:00".
    #[serde(default)]
    #[garde(custom(wish_fits))]
    pub wish: String,
}

fn wish_fits(wish: &str, _: &()) -> garde::Result {
    if wish.chars().count() > 2_000 { Err(garde::Error::new("Please keep it under 2,000 characters.")) } else { Ok(()) }
}

impl Action for RecordAnswer {
    const NAME: &'static str = "confirmation.record";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    // Only a person may give an answer, so a model needs authorization.
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = AnswerId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<AnswerId> {
        let who = cx.who;
        who.member.ok_or(Error::Forbidden)?;
        let ticket = data::locked(cx.db(), who, self.ticket_id).await?;
        record(cx, &ticket, self.answer, &self.wish, self.channel.name()).await
    }
}

/// Records the customer's answer given through their link. A conflict once the visit has moved (another `sequence`), and from the day of
/// the visit on. Idempotent: repeating the current answer records nothing new.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct AnswerByLink {
    pub ticket_id: TicketId,
    pub answer: Answer,
    #[serde(default)]
    #[garde(custom(wish_fits))]
    pub wish: String,
    /// The ticket's `sequence` as the customer's page showed it; a conflict if it has changed.
    #[serde(default)]
    pub sequence: Option<i32>,
}

impl Action for AnswerByLink {
    const NAME: &'static str = "confirmation.answer";
    const NEEDS: Permission = Permission::Customer;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = AnswerId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<AnswerId> {
        let (who, now) = (cx.who, cx.now());
        let link = who.link.ok_or(Error::Forbidden)?;
        let opens = sqlx::query_scalar!(
            r#"select exists (select from links where id = $1 and kind = 'confirm' and subject_id = $2 and revoked_at is null) as "opens!""#,
            link.0,
            self.ticket_id.0
        )
        .fetch_one(cx.db())
        .await?;
        if !opens {
            return Err(Error::NotFound);
        }
        let ticket = data::locked(cx.db(), who, self.ticket_id).await?;
        if self.sequence.is_some_and(|s| s != ticket.sequence) {
            return Err(Error::conflict("This visit was moved in the meantime. Please look at the new time."));
        }
        if now >= answers_until(&ticket) {
            return Err(Error::conflict("It is too late to answer here. Please call us."));
        }
        match standing(cx, &ticket, link).await? {
            Some((id, answer, wish)) if (answer, &wish) == (self.answer.into(), &redact(self.wish.trim()).text) => Ok(id),
            _ => record(cx, &ticket, self.answer, &self.wish, "link").await,
        }
    }
}

/// The ticket's current answer, if it came through `link` and is for the current start.
async fn standing(cx: &mut Cx<'_>, ticket: &Ticket, link: LinkId) -> Result<Option<(AnswerId, Confirmation, String)>> {
    let newest = data::answers(cx.db(), ticket.id).await?.into_iter().next();
    let newest = newest.filter(|a| (a.link_id, a.for_start, a.answer) == (Some(link), ticket.starts_at, ticket.confirmation));
    Ok(newest.map(|a| (a.id, a.answer, a.wish)))
}

/// The deadline for answers by link: the start of the visit's day in the ticket's time zone.
pub fn answers_until(ticket: &Ticket) -> DateTime<Utc> {
    let zone = ticket.zone();
    to_utc(local_date(ticket.starts_at, zone), NaiveTime::MIN, zone)
}

async fn record(cx: &mut Cx<'_>, ticket: &Ticket, answer: Answer, wish: &str, channel: &str) -> Result<AnswerId> {
    if ticket.state != TicketState::Scheduled {
        let state = ticket.state.word().to_lowercase();
        return Err(Error::conflict(format!("This visit is {state}: there is nothing to confirm any more.")));
    }
    let (id, who) = (AnswerId::new(), cx.who);
    let (confirmation, wish) = (Confirmation::from(answer), redact(wish.trim()).text);
    if wish.is_empty() && answer == Answer::ChangeRequested && channel == "link" {
        return Err(FieldErrors::one("wish", "Which days and times suit you?"));
    }
    sqlx::query!(
        "insert into ticket_answers (id, ticket_id, answer, wish, channel, link_id, member_id, for_start) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id.0,
        ticket.id.0,
        confirmation as Confirmation,
        wish,
        channel,
        who.link.map(|l| l.0),
        who.member.map(|m| m.0),
        ticket.starts_at
    )
    .execute(cx.db())
    .await?;
    sqlx::query!("update tickets set confirmation = $2 where id = $1", ticket.id.0, confirmation as Confirmation).execute(cx.db()).await?;
    let name = match answer {
        Answer::Accepted => "ticket.confirmed",
        Answer::Declined => "ticket.declined",
        Answer::ChangeRequested => "ticket.change_requested",
    };
    cx.event(name, about(ticket), json!({ "channel": channel, "for_start": ticket.starts_at, "sequence": ticket.sequence })).await?;
    notify(cx, ticket, answer, &wish).await?;
    Ok(id)
}

/// Opens a notice if the customer declines or wants another time; resolves it if they accept.
async fn notify(cx: &mut Cx<'_>, ticket: &Ticket, answer: Answer, wish: &str) -> Result<()> {
    let (kind, body) = match answer {
        Answer::Accepted => return settle_notice(cx, ticket.id).await,
        Answer::Declined => ("declined", format!("{} declined T-{}.", ticket.contact_name, ticket.number)),
        Answer::ChangeRequested => ("wants_another_time", format!("{} wants another time for T-{}.", ticket.contact_name, ticket.number)),
    };
    let body = if wish.is_empty() { body } else { format!("{body} “{wish}”") };
    let new = NewNotice { kind, subject_kind: "ticket", subject: ticket.id.0, body: &body, dedup_key: &notice_key(ticket.id) };
    notices::add_or_reopen(cx, new).await?;
    Ok(())
}

fn notice_key(ticket: TicketId) -> String {
    format!("answer:{ticket}")
}

/// Resolves the notice about the customer's answer: they accepted after all, or the visit was moved, closed or cancelled.
pub(super) async fn settle_notice(cx: &mut Cx<'_>, ticket: TicketId) -> Result<()> {
    notices::resolve_key(cx, &notice_key(ticket)).await
}

/// Resets the confirmation after a change of customer: revokes the former customer's link and resolves their notice. Returns the new
/// `sequence`.
pub(super) async fn start_anew(cx: &mut Cx<'_>, ticket: &Ticket) -> Result<i32> {
    let sequence = ticket.sequence + 1;
    sqlx::query!(
        "update tickets set sequence = $2, confirmation = $3 where id = $1",
        ticket.id.0,
        sequence,
        Confirmation::NotAsked as Confirmation
    )
    .execute(cx.db())
    .await?;
    links::revoke(cx, LinkKind::Confirm, ticket.id.0).await?;
    settle_notice(cx, ticket.id).await?;
    Ok(sequence)
}

/// Marks the customer as asked; run by the job that sends the question. Returns false, changing nothing, if the visit was answered, moved
/// or is no longer scheduled.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct MarkAsked {
    pub ticket_id: TicketId,
    pub sequence: i32,
}

impl Action for MarkAsked {
    const NAME: &'static str = "confirmation.mark_asked";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = bool;

    async fn run(self, cx: &mut Cx<'_>) -> Result<bool> {
        let who = cx.who;
        let ticket = data::locked(cx.db(), who, self.ticket_id).await?;
        let stands =
            (ticket.state, ticket.sequence, ticket.confirmation) == (TicketState::Scheduled, self.sequence, Confirmation::NotAsked);
        if stands {
            sqlx::query!("update tickets set confirmation = $2 where id = $1", ticket.id.0, Confirmation::Asked as Confirmation)
                .execute(cx.db())
                .await?;
            cx.event("ticket.asked", about(&ticket), json!({ "sequence": ticket.sequence })).await?;
        }
        Ok(stands)
    }
}
