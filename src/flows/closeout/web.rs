//! The wizard's pages. All steps are in one document and one form: JavaScript shows one at a time; without it each step is its own page,
//! with the same fields and the same rules.

use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};

use super::{
    Draft, Given, Step,
    actions::{AbandonCloseout, CompleteCloseout, SaveCloseout, Saved, StartCloseout},
    data,
    form::{self, LINES, filling, of_draft, posted, step_of},
    page::{Against, given_up, review, wizard},
};
use platform::{
    action::Meta,
    error::{Error, FieldErrors, Result},
    ids::TicketId,
    tenant::{Read, Write},
};
use ui::Form;
use work::{catalogue, tickets};

/// `POST /tickets/{id}/closeout`: begins the wizard, or goes on with it.
pub async fn start(w: Write, Path(id): Path<TicketId>, form: Form) -> Result<Response> {
    w.act(&form.meta, StartCloseout { ticket_id: id }).await?;
    Ok(ui::redirect(&format!("/tickets/{id}/closeout/what"), ""))
}

/// `GET /tickets/{id}/closeout`: the wizard at the step it was left at. Reading writes nothing: the first save creates the draft.
pub async fn resume(mut r: Read, Path(id): Path<TicketId>) -> Result<Response> {
    let step = data::live(r.db(), id).await?.and_then(|l| Step::from_name(&l.step)).unwrap_or(Step::What);
    show_step(r, id, step).await
}

/// The last part of the path after giving up; that page makes the device forget what was typed.
const GIVEN_UP: &str = "given-up";

/// `GET /tickets/{id}/closeout/{step}`.
pub async fn show(mut r: Read, Path((id, step)): Path<(TicketId, String)>) -> Result<Response> {
    if step == GIVEN_UP {
        return given_up(&mut r, id).await;
    }
    let step = Step::from_name(&step).ok_or(Error::NotFound)?;
    show_step(r, id, step).await
}

async fn show_step(mut r: Read, id: TicketId, step: Step) -> Result<Response> {
    let who = r.who.clone();
    let ticket = tickets::data::visible_ticket(r.db(), &who, id).await?;
    if let Err(closed) = ticket.must_be_open() {
        return match data::live(r.db(), id).await? {
            Some(live) if live.completed_at.is_some() => Ok(ui::redirect(&format!("/tickets/{id}"), &done_words(&live, &who))),
            _ => Err(closed),
        };
    }
    let draft = match data::live(r.db(), id).await? {
        Some(live) => live.draft,
        None => data::first_draft(r.db(), &ticket, who.now).await?,
    };
    // If an earlier step has errors, that step is shown instead.
    let given = Given { is_estimated: ticket.is_price_estimated, now: who.now };
    let (step, errors) = match step.before().and_then(|b| draft.first_fault(b, given)) {
        Some((behind, errors)) => (behind, errors),
        None => (step, FieldErrors::default()),
    };
    let mut form = of_draft(&draft, ticket.zone());
    form.errors = errors;
    wizard(&mut r, id, step, &draft, form).await
}

fn done_words(live: &data::Closeout, who: &platform::tenant::Who) -> String {
    let by = live.completed_by.clone().unwrap_or_else(|| "Someone".into());
    let at = live.completed_at.map(|at| ui::format::moment(at, who.zone)).unwrap_or_default();
    format!("{by} closed this ticket out: {at}.")
}

/// `POST /tickets/{id}/closeout/{step}`: back, next, complete. With JavaScript (`x-step`) also early notes and the review's fragment.
pub async fn save(w: Write, Path((id, at)): Path<(TicketId, String)>, headers: HeaderMap, sent: Form) -> Result<Response> {
    let at = Step::from_name(&at).ok_or(Error::NotFound)?;
    let mut form = posted(sent);
    let mut r = w.read().await?;
    let who = r.who.clone();
    let ticket = tickets::data::visible_ticket(r.db(), &who, id).await?;
    let services = catalogue::data::active(r.db()).await?;
    let fresh = if form.get("go") == "theirs" { Some(data::first_draft(r.db(), &ticket, who.now).await?) } else { None };
    drop(r);
    let draft = form::to_draft(&mut form, &services, ticket.zone());
    if !form.errors.is_empty() {
        let errors = std::mem::take(&mut form.errors);
        form.settle::<()>(Err(errors.into()))?;
        return again(&w, id, at, form, &Draft::default()).await;
    }
    let rows = form::line_rows(&form, &services);
    // Saving is repeatable; only completing needs the form's key.
    let only_kept = Meta { org: form.meta.org, ..Meta::default() };
    let ahead = headers.get("x-step").and_then(|v| v.to_str().ok());
    let saving = |step| SaveCloseout { ticket_id: id, draft: draft.clone(), step, filling: filling(&form) };
    match ahead {
        Some("notes") => {
            w.act(&only_kept, saving(None)).await?;
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Some("review") => {
            let saved = w.act(&only_kept, saving(Some(Step::Review))).await;
            let saved = form.settle(saved)?;
            form.errors_at(LINES, &rows);
            return if form.is_conflict() {
                again(&w, id, Step::Review, form, &draft).await
            } else {
                fragment(&w, id, form, saved, &draft).await
            };
        }
        _ => {}
    }
    let to = |step: Step| format!("/tickets/{id}/closeout/{}", step.name());
    let (at, done) = match form.get("go") {
        "back" => (at, w.act(&only_kept, saving(None)).await.map(|_| (to(at.before().unwrap_or(Step::What)), ""))),
        // The form includes the review's fields, so completing takes the draft as posted.
        "complete" => {
            let complete = CompleteCloseout { ticket_id: id, draft: Some(draft.clone()), filling: filling(&form) };
            let done = w.act(&form.meta, complete).await;
            (Step::Review, done.map(|_| (format!("/tickets/{id}/closeout/money"), "Ticket closed")))
        }
        "theirs" => {
            let taken = SaveCloseout { draft: draft.clone().over(fresh.unwrap_or_default()), ..saving(Some(Step::What)) };
            (at, w.act(&only_kept, taken).await.map(|_| (to(Step::What), "")))
        }
        _ => {
            let next = at.after().unwrap_or(Step::Review);
            (at, w.act(&only_kept, saving(Some(next))).await.map(|_| (to(next), "")))
        }
    };
    match form.settle(done)? {
        Some((to, words)) => Ok(ui::redirect(&to, words)),
        None => {
            form.errors_at(LINES, &rows);
            again(&w, id, at, form, &draft).await
        }
    }
}

/// Renders the wizard with the typed values and the errors, at the step with the error.
async fn again(w: &Write, id: TicketId, at: Step, form: Form, draft: &Draft) -> Result<Response> {
    let step = match Against::of(&form) {
        Against::Lines => Step::What,
        Against::Clash(_) => Step::Next,
        _ => form.errors.0.iter().filter_map(|e| step_of(&e.field)).min().unwrap_or(at),
    };
    wizard(&mut w.read().await?, id, step, draft, form).await
}

/// The review alone; `saved` is `None` if the draft has errors.
async fn fragment(w: &Write, id: TicketId, mut form: Form, saved: Option<Saved>, draft: &Draft) -> Result<Response> {
    let mut r = w.read().await?;
    let who = r.who.clone();
    let ticket = tickets::data::visible_ticket(r.db(), &who, id).await?;
    let model_state = data::live(r.db(), id).await?.map_or_else(|| "none".to_owned(), |l| l.model_state);
    let faults = std::mem::take(&mut form.errors);
    let mut page = review(saved.as_ref().map_or(draft, |s| &s.draft), &form, &ticket, &model_state, &r);
    page.review_faults = faults;
    Ok(ui::page(&page)?.into_response())
}

/// `POST /tickets/{id}/closeout/abandon`.
pub async fn abandon(w: Write, Path(id): Path<TicketId>, mut form: Form) -> Result<Response> {
    let given_up = match w.act(&form.meta, AbandonCloseout { ticket_id: id, reason: form.owned("reason") }).await {
        // If nothing was saved yet, only the device has something to forget.
        Ok(_) | Err(Error::NotFound) => Ok(()),
        Err(e) => Err(e),
    };
    if form.settle(given_up)?.is_some() {
        return Ok(ui::redirect(&format!("/tickets/{id}/closeout/{GIVEN_UP}"), ""));
    }
    let mut r = w.read().await?;
    let who = r.who.clone();
    let ticket = tickets::data::visible_ticket(r.db(), &who, id).await?;
    let (step, draft) = match data::live(r.db(), id).await? {
        Some(live) => (Step::from_name(&live.step).unwrap_or(Step::What), live.draft),
        None => (Step::What, data::first_draft(r.db(), &ticket, who.now).await?),
    };
    let form = form.and(of_draft(&draft, ticket.zone()));
    wizard(&mut r, id, step, &draft, form).await
}
