//! The wizard's pages. All steps are in one document and one form: JavaScript shows one at a time; without it each step is its own page,
//! with the same fields and the same rules.

use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};

use super::{
    Draft, Given, Step,
    actions::{AbandonCloseout, CompleteCloseout, SaveCloseout, StartCloseout},
    data,
    form::{Typed, step_of},
    page::{Against, Shown, given_up, review, wizard},
};
use platform::{
    action::Meta,
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::TicketId,
    tenant::{Read, Write},
};
use work::{catalogue, tickets};

/// `POST /tickets/{id}/closeout`: begins the wizard, or goes on with it.
pub async fn start(w: Write, Path(id): Path<TicketId>, form: Posted<Vec<(String, String)>>) -> Result<Response> {
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
    let typed = Typed::of_draft(&draft, ticket.zone());
    wizard(&mut r, id, Shown { step, typed, draft, errors, notice: String::new(), against: Against::Nothing, status: StatusCode::OK }).await
}

fn done_words(live: &data::Closeout, who: &platform::tenant::Who) -> String {
    let by = live.completed_by.clone().unwrap_or_else(|| "Someone".into());
    let at = live.completed_at.map(|at| ui::format::moment(at, who.zone)).unwrap_or_default();
    format!("{by} closed this ticket out: {at}.")
}

/// `POST /tickets/{id}/closeout/{step}`: back, next, complete. With JavaScript (`x-step`) also early notes and the review's fragment.
pub async fn save(
    w: Write,
    Path((id, at)): Path<(TicketId, String)>,
    headers: HeaderMap,
    form: Posted<Vec<(String, String)>>,
) -> Result<Response> {
    let at = Step::from_name(&at).ok_or(Error::NotFound)?;
    let mut typed = Typed::from(form.value);
    typed.take_free();
    let mut r = w.read().await?;
    let who = r.who.clone();
    let ticket = tickets::data::visible_ticket(r.db(), &who, id).await?;
    let services = catalogue::data::active(r.db()).await?;
    let fresh = if typed.get("go") == "theirs" { Some(data::first_draft(r.db(), &ticket, who.now).await?) } else { None };
    drop(r);
    let draft = match typed.to_draft(&services, ticket.zone()) {
        Ok(draft) => draft,
        Err(errors) => return again(&w, id, at, typed, Draft::default(), Error::Invalid(errors)).await,
    };
    let named = |e| match e {
        Error::Invalid(errors) => Error::Invalid(typed.named(&services, errors)),
        other => other,
    };
    let only_kept = Meta { org: form.meta.org, ..Meta::default() };
    let ahead = headers.get("x-step").and_then(|v| v.to_str().ok());
    let saving = |step| SaveCloseout { ticket_id: id, draft: draft.clone(), step, filling: typed.filling() };
    match ahead {
        Some("notes") => {
            w.act(&only_kept, saving(None)).await?;
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Some("review") => {
            return match w.act(&only_kept, saving(Some(Step::Review))).await {
                Err(e @ Error::Conflict { .. }) => again(&w, id, Step::Review, typed, draft, e).await,
                saved => fragment(&w, id, &typed, saved.map_err(named), &draft).await,
            };
        }
        _ => {}
    }
    let to = |step: Step| ui::redirect(&format!("/tickets/{id}/closeout/{}", step.name()), "");
    let (at, done) = match typed.get("go") {
        "back" => (at, w.act(&only_kept, saving(None)).await.map(|_| to(at.before().unwrap_or(Step::What)))),
        // The form includes the review's fields, so completing takes the draft as posted.
        "complete" => {
            let complete = CompleteCloseout { ticket_id: id, draft: Some(draft.clone()), filling: typed.filling() };
            let done = w.act(&form.meta, complete).await;
            (Step::Review, done.map(|_| ui::redirect(&format!("/tickets/{id}/closeout/money"), "Ticket closed")))
        }
        "theirs" => {
            let taken = SaveCloseout { draft: draft.clone().over(fresh.unwrap_or_default()), ..saving(Some(Step::What)) };
            (at, w.act(&only_kept, taken).await.map(|_| to(Step::What)))
        }
        _ => {
            let next = at.after().unwrap_or(Step::Review);
            (at, w.act(&only_kept, saving(Some(next))).await.map(|_| to(next)))
        }
    };
    match done {
        Ok(page) => Ok(page),
        Err(e) => again(&w, id, at, typed.clone(), draft.clone(), named(e)).await,
    }
}

/// Renders the wizard with the typed values and the errors, at the step with the error.
async fn again(w: &Write, id: TicketId, at: Step, typed: Typed, draft: Draft, e: Error) -> Result<Response> {
    let status = e.status();
    let (errors, notice, against) = match e {
        Error::Invalid(errors) => (errors, String::new(), Against::Nothing),
        Error::Conflict { message, current } => (FieldErrors::default(), message, Against::of(current)),
        other => return Err(other),
    };
    let step = match &against {
        Against::Lines => Step::What,
        Against::Clash(_) => Step::Next,
        _ => errors.0.iter().filter_map(|e| step_of(&e.field)).min().unwrap_or(at),
    };
    wizard(&mut w.read().await?, id, Shown { step, typed, draft, errors, notice, against, status }).await
}

async fn fragment(w: &Write, id: TicketId, typed: &Typed, saved: Result<super::actions::Saved>, draft: &Draft) -> Result<Response> {
    let mut r = w.read().await?;
    let who = r.who.clone();
    let ticket = tickets::data::visible_ticket(r.db(), &who, id).await?;
    let model_state = data::live(r.db(), id).await?.map_or_else(|| "none".to_owned(), |l| l.model_state);
    let (draft, faults) = match saved {
        Ok(ref saved) => (&saved.draft, FieldErrors::default()),
        Err(Error::Invalid(faults)) => (draft, faults),
        Err(e) => return Err(e),
    };
    let mut page = review(draft, typed, &FieldErrors::default(), &ticket, &model_state, &r);
    page.review_faults = faults;
    Ok(ui::page(&page)?.into_response())
}

#[derive(serde::Deserialize)]
pub struct Reason {
    #[serde(default)]
    reason: String,
}

/// `POST /tickets/{id}/closeout/abandon`.
pub async fn abandon(w: Write, Path(id): Path<TicketId>, form: Posted<Reason>) -> Result<Response> {
    let reason = form.value.reason;
    let errors = match w.act(&form.meta, AbandonCloseout { ticket_id: id, reason: reason.clone() }).await {
        // If nothing was saved yet, only the device has something to forget.
        Ok(_) | Err(Error::NotFound) => return Ok(ui::redirect(&format!("/tickets/{id}/closeout/{GIVEN_UP}"), "")),
        Err(Error::Invalid(errors)) => errors,
        Err(e) => return Err(e),
    };
    let mut r = w.read().await?;
    let who = r.who.clone();
    let ticket = tickets::data::visible_ticket(r.db(), &who, id).await?;
    let (step, draft) = match data::live(r.db(), id).await? {
        Some(live) => (Step::from_name(&live.step).unwrap_or(Step::What), live.draft),
        None => (Step::What, data::first_draft(r.db(), &ticket, who.now).await?),
    };
    let mut typed = Typed::of_draft(&draft, ticket.zone());
    typed.0.insert("reason".into(), reason);
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    wizard(&mut r, id, Shown { step, typed, draft, errors, notice: String::new(), against: Against::Nothing, status }).await
}
