//! The actions of the close-out: start, save, complete, abandon. They enforce the order of steps, for pages and the API alike.

use chrono::{DateTime, Utc};
use garde::Validate;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

mod extraction;

pub use extraction::RecordExtraction;

use super::{
    CloseoutState, Draft, DraftLine, Given, Next, Step, data,
    filling::{Filling, same_lines},
    jobs::ExtractNotes,
};
use customers::contacts::{
    self,
    actions::{CreateNote, SetAttribute},
};
use messages::outbox::actions::{ScheduleMessage, out_of_reach};
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, FieldErrors, Result},
    ids::{CloseoutId, MessageId, NoteId, TicketId},
    localtime,
    redact::redact,
    role::{Capability, ModelLevel, Permission},
};
use work::tickets::{
    self,
    actions::{CloseTicket, CreateTicket, FinalLine, bookable, ended, own_lines},
    data::Ticket,
    overlap,
};

fn subject(ticket: &Ticket) -> Subject {
    Subject { kind: "ticket", id: ticket.id.0, contact: Some(ticket.contact_id) }
}

/// Locks and returns the ticket. Returns a conflict that names who closed or cancelled it, and when, if it can no longer be closed out.
async fn open_ticket(cx: &mut Cx<'_>, id: TicketId) -> Result<Ticket> {
    let who = cx.who;
    let ticket = tickets::data::locked(cx.db(), who, id).await?;
    let Some(ended) = ended(cx, &ticket).await? else { return Ok(ticket) };
    let done = data::live(cx.db(), id).await?;
    Err(Error::Conflict { message: format!("{ended} What you typed is still here."), current: done.map(serde_json::to_value).transpose()? })
}

/// `closeout.start`: begins the wizard, or returns the close-out that is under way.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct StartCloseout {
    pub ticket_id: TicketId,
}

impl Action for StartCloseout {
    const NAME: &'static str = "closeout.start";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = CloseoutId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<CloseoutId> {
        let ticket = open_ticket(cx, self.ticket_id).await?;
        if let Some(live) = data::live(cx.db(), ticket.id).await? {
            return Ok(live.id);
        }
        let member = cx.who.member.ok_or(Error::Forbidden)?;
        let now = cx.now();
        let (id, draft) = (CloseoutId::new(), data::first_draft(cx.db(), &ticket, now).await?);
        sqlx::query!(
            "insert into closeouts (id, ticket_id, member_id, draft) values ($1, $2, $3, $4)",
            id.0,
            ticket.id.0,
            member.0,
            serde_json::to_value(&draft)?
        )
        .execute(cx.db())
        .await?;
        cx.event("closeout.started", subject(&ticket), json!({})).await?;
        Ok(id)
    }
}

/// `closeout.save`: saves the draft. With `step`, all steps before it must be valid: none can be skipped.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct SaveCloseout {
    pub ticket_id: TicketId,
    pub draft: Draft,
    /// The step to go to next; left out to save only (notes sent early).
    #[serde(default)]
    pub step: Option<Step>,
    /// Ignored when a repeated request is compared with the first one (idempotency).
    #[serde(default, skip_serializing)]
    #[garde(skip)]
    pub filling: Filling,
}

/// The state of the wizard after saving.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Saved {
    pub id: CloseoutId,
    pub step: Step,
    pub draft: Draft,
}

impl Action for SaveCloseout {
    const NAME: &'static str = "closeout.save";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = Saved;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        None
    }

    async fn run(mut self, cx: &mut Cx<'_>) -> Result<Saved> {
        let ticket = open_ticket(cx, self.ticket_id).await?;
        let id = cx.run(StartCloseout { ticket_id: ticket.id }).await?;
        self.draft.notes = redact(&self.draft.notes).text;
        let kept = data::live(cx.db(), ticket.id).await?.ok_or(Error::NotFound)?;
        self.filling.check(cx, &kept, &self.draft)?;
        match self.step {
            Some(step) => {
                same_lines(cx, &ticket, &kept, &mut self.draft).await?;
                holds(cx, &ticket, &self.draft, step.before()).await?;
            }
            // Notes sent early are saved without comparing the lines, which is done when the person goes on.
            None => self.draft.lines_seen = self.draft.lines_seen.or(kept.draft.lines_seen),
        }
        let notes_changed = kept.draft.notes != self.draft.notes;
        // A page posts only what it shows: attributes come with the review step; before it the saved ones stay.
        if self.draft.attributes.is_empty() {
            self.draft.attributes = kept.draft.attributes;
        }
        // Notes sent early may arrive after a later request: the choice saved by then stays.
        if self.step.is_none() && self.draft.next == Next::Undecided {
            self.draft.next = kept.draft.next;
        }
        self.draft.read_notes();
        let step = self.step.or_else(|| Step::from_name(&kept.step)).unwrap_or(Step::What);
        let state = if step == Step::Review { CloseoutState::Reviewed } else { CloseoutState::Open };
        sqlx::query!(
            "update closeouts set draft = $2, step = $3, state = $4, reviewed_at = case when $4 = 'reviewed'::closeout_state then app.now() end,
                    filling = $5, saved = saved + 1, saved_by = $6 where id = $1",
            id.0,
            serde_json::to_value(&self.draft)?,
            step.name(),
            state as CloseoutState,
            self.filling.key,
            cx.who.member.map(|m| m.0)
        )
        .execute(cx.db())
        .await?;
        if notes_changed && !self.draft.notes.trim().is_empty() && cx.app.llm.is_some() {
            sqlx::query!("update closeouts set model_state = 'asked' where id = $1", id.0).execute(cx.db()).await?;
            cx.enqueue(ExtractNotes { closeout: id }).await?;
        }
        Ok(Saved { id, step, draft: self.draft })
    }
}

/// `closeout.complete`: in one transaction closes the ticket, saves the notes and the kept attributes, and books the next visit or
/// schedules the reach-out. Returns a conflict if the close-out was not reviewed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct CompleteCloseout {
    pub ticket_id: TicketId,
    /// The draft as the person reviewed it; left out for the saved one.
    #[serde(default)]
    pub draft: Option<Draft>,
    /// Ignored when a repeated request is compared with the first one (idempotency).
    #[serde(default, skip_serializing)]
    #[garde(skip)]
    pub filling: Filling,
}

/// The ticket's total, in the business's currency, and the records that completing created.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Completed {
    pub ticket_id: TicketId,
    pub total: Decimal,
    pub next_ticket: Option<TicketId>,
    pub message: Option<MessageId>,
}

impl Action for CompleteCloseout {
    const NAME: &'static str = "closeout.complete";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = Completed;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Completed> {
        let ticket = open_ticket(cx, self.ticket_id).await?;
        let kept = data::live(cx.db(), ticket.id).await?;
        let Some(kept) = kept.filter(|k| k.state == CloseoutState::Reviewed) else {
            return Err(Error::conflict("Review comes before completing. Nothing was closed yet."));
        };
        if let Some(mine) = &self.draft {
            self.filling.check(cx, &kept, mine)?;
        }
        let mut draft = self.draft.unwrap_or_else(|| kept.draft.clone());
        draft.notes = redact(&draft.notes).text;
        same_lines(cx, &ticket, &kept, &mut draft).await?;
        holds(cx, &ticket, &draft, Some(Step::Review)).await?;
        // Must come before `close`: closing the ticket abandons a close-out that is still under way.
        sqlx::query!(
            "update closeouts set state = 'completed', step = 'money', draft = $2, completed_at = app.now(), completed_by = $3 where id = $1",
            kept.id.0,
            serde_json::to_value(&draft)?,
            cx.who.member.map(|m| m.0)
        )
        .execute(cx.db())
        .await?;
        let total = close(cx, &ticket, &draft).await?;
        let note = keep_notes(cx, &ticket, &draft).await?;
        keep_attributes(cx, &ticket, &draft, note).await?;
        let (next_ticket, message) = what_next(cx, &ticket, &draft).await?;
        cx.event("closeout.completed", subject(&ticket), json!({ "total": total, "next_ticket": next_ticket, "message": message })).await?;
        Ok(Completed { ticket_id: ticket.id, total, next_ticket, message })
    }
}

/// Validates the draft up to this step, against the ticket too, so that completing refuses nothing that a step has let through.
async fn holds(cx: &mut Cx<'_>, ticket: &Ticket, draft: &Draft, up_to: Option<Step>) -> Result<()> {
    let Some(up_to) = up_to else { return Ok(()) };
    if let Some((_, faults)) = draft.first_fault(up_to, Given { is_estimated: ticket.is_price_estimated, now: cx.now() }) {
        return Err(Error::Invalid(faults));
    }
    let ids: Vec<_> = draft.lines.iter().map(|l| l.id).collect();
    own_lines(cx.db(), ticket.id, &ids, |i| format!("line_price_{i}")).await?;
    if up_to >= Step::Next {
        may_reach_out(cx, ticket, draft).await?;
        may_book_next(cx, ticket, draft).await?;
    }
    Ok(())
}

/// Checks that the next visit's technicians are free, or that a reason overrides the clash. Returns the booking form's conflict otherwise.
async fn may_book_next(cx: &mut Cx<'_>, ticket: &Ticket, draft: &Draft) -> Result<()> {
    let Next::Book { starts_at, ends_at, technicians, override_reason } = &draft.next else { return Ok(()) };
    let who = cx.who;
    let members = bookable(cx, technicians).await.map_err(at_next)?;
    overlap::claim(cx.db(), who, &members, (*starts_at, *ends_at), Some(ticket.id), override_reason.as_deref()).await?;
    Ok(())
}

/// Maps the fields in errors of booking and reaching out to the wizard's fields.
fn at_next(e: Error) -> Error {
    let Error::Invalid(mut errors) = e else { return e };
    for e in &mut errors.0 {
        e.field = match e.field.as_str() {
            "starts_at" => "next_time",
            "ends_at" => "next_minutes",
            "member_ids" => "next_technicians",
            "body" => "reach_body",
            "override_reason" => "next_override",
            _ => "next",
        }
        .into();
    }
    Error::Invalid(errors)
}

/// Returns an error if the customer must not be reached out to, while the person can still choose. An email address is not needed.
async fn may_reach_out(cx: &mut Cx<'_>, ticket: &Ticket, draft: &Draft) -> Result<()> {
    if !matches!(draft.next, Next::ReachOut { .. }) {
        return Ok(());
    }
    match out_of_reach(&contacts::data::summary(cx.db(), ticket.contact_id).await?) {
        Some(why) => Err(FieldErrors::one("next", format!("{why} Nobody would be reached: book the next visit now, or say no."))),
        None => Ok(()),
    }
}

async fn close(cx: &mut Cx<'_>, ticket: &Ticket, draft: &Draft) -> Result<Decimal> {
    let lines = draft.lines.iter().map(|l| FinalLine { id: l.id, line: l.as_line(), price_confirmed: false }).collect();
    let worked_minutes = draft.worked_minutes;
    let closed =
        cx.run(CloseTicket { ticket_id: ticket.id, worked_minutes, lines: Some(lines), prices_confirmed: draft.prices_confirmed }).await?;
    Ok(closed.total)
}

async fn keep_notes(cx: &mut Cx<'_>, ticket: &Ticket, draft: &Draft) -> Result<Option<NoteId>> {
    let body = draft.notes.trim();
    if body.is_empty() {
        return Ok(None);
    }
    let note = CreateNote { id: None, contact_id: ticket.contact_id, ticket_id: Some(ticket.id), body: body.to_owned(), is_reviewed: true };
    Ok(Some(NoteId(cx.run(note).await?.id)))
}

async fn keep_attributes(cx: &mut Cx<'_>, ticket: &Ticket, draft: &Draft, note: Option<NoteId>) -> Result<()> {
    for (i, a) in draft.attributes.iter().enumerate().filter(|(_, a)| a.keep) {
        let set = SetAttribute {
            id: None,
            contact_id: ticket.contact_id,
            key: a.key.trim().to_owned(),
            value: a.value.trim().to_owned(),
            source: a.origin.name().into(),
            confidence: a.confidence,
            note_id: note,
            ticket_id: Some(ticket.id),
            is_confirmed: true,
        };
        cx.run(set).await.map_err(|e| match e {
            Error::Invalid(mut errors) => {
                errors.0.iter_mut().for_each(|e| e.field = format!("attr_value_{i}"));
                Error::Invalid(errors)
            }
            other => other,
        })?;
    }
    Ok(())
}

async fn what_next(cx: &mut Cx<'_>, ticket: &Ticket, draft: &Draft) -> Result<(Option<TicketId>, Option<MessageId>)> {
    match &draft.next {
        Next::Undecided => Err(FieldErrors::one("next", "Say what comes next: book it, reach out later, or no.")),
        Next::No => Ok((None, None)),
        Next::Book { starts_at, ends_at, technicians, override_reason } => {
            let next = CreateTicket {
                id: None,
                contact_id: ticket.contact_id,
                address_id: ticket.address_id,
                starts_at: *starts_at,
                ends_at: *ends_at,
                member_ids: technicians.clone(),
                lines: draft.lines.iter().map(DraftLine::as_line).collect(),
                instructions: String::new(),
                is_price_estimated: false,
                override_reason: override_reason.clone(),
                ask_customer: true,
            };
            Ok((Some(cx.run(next).await.map_err(at_next)?.id), None))
        }
        Next::ReachOut { months, body } => {
            let send_at = reach_out_at(cx.now(), *months, cx.who.zone);
            let message = ScheduleMessage {
                id: None,
                contact_id: ticket.contact_id,
                ticket_id: Some(ticket.id),
                subject: None,
                body: body.clone().filter(|b| !b.trim().is_empty()),
                send_at,
                consent_basis: Some("asked at the visit".into()),
            };
            // Not through `cx.run`, which requires the permission to send: who may close a ticket out may plan its follow-up.
            Ok((None, Some(message.run(cx).await.map_err(at_next)?)))
        }
    }
}

/// Returns 10:00 in `zone`, `months` from today; the last day of a shorter month.
pub fn reach_out_at(now: DateTime<Utc>, months: u8, zone: chrono_tz::Tz) -> DateTime<Utc> {
    let today = localtime::local_date(now, zone);
    let day = localtime::add_months(today, i32::from(months)).unwrap_or(today);
    localtime::to_utc(day, chrono::NaiveTime::from_hms_opt(10, 0, 0).unwrap_or_default(), zone)
}

/// `closeout.abandon`: gives up a half-done close-out, with a reason; the ticket stays open.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct AbandonCloseout {
    pub ticket_id: TicketId,
    #[garde(custom(reason_given))]
    pub reason: String,
}

fn reason_given(reason: &str, _: &()) -> garde::Result {
    match reason.trim().chars().count() {
        0 => Err(garde::Error::new("Please say why.")),
        1..=500 => Ok(()),
        _ => Err(garde::Error::new("Say it in at most 500 characters.")),
    }
}

impl Action for AbandonCloseout {
    const NAME: &'static str = "closeout.abandon";
    const NEEDS: Permission = Permission::WriteRecords;
    const CAPABILITY: Option<Capability> = Some(Capability::Scheduling);
    type Output = CloseoutId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<CloseoutId> {
        // Allowed even if the ticket was cancelled or closed another way, to clear away the remains.
        let who = cx.who;
        let ticket = tickets::data::locked(cx.db(), who, self.ticket_id).await?;
        let live = data::live(cx.db(), ticket.id).await?.ok_or(Error::NotFound)?;
        if live.state == CloseoutState::Completed {
            return Err(Error::conflict("This close-out is complete: there is nothing to give up any more."));
        }
        let reason = redact(self.reason.trim()).text;
        sqlx::query!(
            "update closeouts set state = 'abandoned', abandoned_at = app.now(), abandon_reason = $2 where id = $1",
            live.id.0,
            reason
        )
        .execute(cx.db())
        .await?;
        cx.event("closeout.abandoned", subject(&ticket), json!({ "reason": reason })).await?;
        Ok(live.id)
    }
}
