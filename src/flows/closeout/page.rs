//! Renders the wizard (one document and one form with every step) and the review's fragment.

use askama::Template;
use axum::response::{IntoResponse, Response};
use rust_decimal::Decimal;

use super::{
    Draft, Next, Origin, Step,
    actions::reach_out_at,
    data::{self, Closeout},
    filling::LinesChanged,
    form::{ATTRIBUTES, LINES},
};
use customers::contacts::extract;
use messages::outbox::actions::out_of_reach;
use platform::{
    error::{FieldErrors, Result},
    ids::TicketId,
    localtime::{local_date, wall},
    tenant::Read,
};
use ui::{Form, Row};
use work::{
    catalogue,
    tickets::{
        self,
        data::Ticket,
        overlap::{Booked, Free},
    },
};

/// A row of the services: one of the ticket's, or one to add (also the spare one without JavaScript).
struct Line {
    row: Row,
    is_new: bool,
    is_spare: bool,
    /// Whether a quantity is shown: a fixed or flexible service done once has only a price.
    is_counted: bool,
    kind: String,
    description: String,
    quantity: String,
    is_dropped: bool,
}

impl Line {
    fn of(form: &Form, row: Row) -> Self {
        let (kind, description, quantity) =
            (form.owned(&row.at("kind")), form.owned(&row.at("description")), form.owned(&row.at("quantity")));
        let is_new = description.is_empty();
        Self {
            is_new,
            is_spare: is_new && form.get(&row.at("service_id")).is_empty(),
            is_counted: is_new || quantity != "1" || !matches!(kind.as_str(), "flexible" | "fixed"),
            is_dropped: !form.get(&row.at("drop")).is_empty(),
            row,
            kind,
            description,
            quantity,
        }
    }

    fn spare(row: Row) -> Self {
        Self { quantity: "1".into(), ..Self::of(&Form::default(), row) }
    }

    fn at(&self, field: &str) -> String {
        self.row.at(field)
    }
}

struct AttributeRow {
    i: usize,
    row: Row,
    key: String,
    label: String,
    value: String,
    /// The value as it was found.
    was: String,
    origin: &'static str,
    keep: bool,
    by_model: bool,
}

struct ReviewLine {
    label: String,
    amount: String,
}

struct Technician {
    id: String,
    name: String,
    on: bool,
}

#[derive(Template)]
#[template(path = "closeout/wizard.html")]
struct Wizard {
    head: ui::Head,
    ticket: Ticket,
    step: Step,
    form: Form,
    other: Option<String>,
    theirs: Option<Theirs>,
    /// How many times the draft had been saved when this page was rendered.
    seen: i32,
    /// The source of the time on site, in words.
    clocked: String,
    /// Whether the next visit clashes with another one; `free` are the times to choose instead.
    clash: bool,
    free: Vec<FreeTime>,
    /// Whether the page shows refused input instead of the saved draft.
    is_refused: bool,
    rows: Vec<Line>,
    blank: Line,
    service_choices: Vec<ui::Choice>,
    next_choices: [ui::Choice; 3],
    technicians: Vec<Technician>,
    symbol: String,
    /// Nothing, in the business's currency: the running total's format.
    zero: String,
    review: Review,
}

/// The version to compare with the typed one: another person's draft, or the ticket's current services.
struct Theirs {
    title: String,
    is_lines: bool,
    notes: String,
    draft: Review,
}

struct FreeTime {
    /// The value of the wizard's field, in local time: `2026-11-24T09:00`.
    at: String,
    words: String,
}

/// The conflict for which a draft was refused.
pub(super) enum Against {
    Nothing,
    /// Another filling session has saved the same close-out.
    Filling,
    /// The ticket's lines have changed since the draft was begun.
    Lines,
    /// A technician has another visit at that time; these times are free.
    Clash(Vec<Free>),
}

impl Against {
    pub fn of(form: &Form) -> Self {
        if let Some(booked) = form.case::<Booked>() {
            Self::Clash(booked.alternatives.clone())
        } else if form.case::<LinesChanged>().is_some() {
            Self::Lines
        } else if form.case::<Closeout>().is_some() {
            Self::Filling
        } else {
            Self::Nothing
        }
    }

    fn free(&self, zone: chrono_tz::Tz) -> Vec<FreeTime> {
        let Self::Clash(free) = self else { return vec![] };
        let at = |f: &Free| wall(f.starts_at, zone).format("%Y-%m-%dT%H:%M").to_string();
        free.iter().map(|f| FreeTime { at: at(f), words: ui::format::span(f.starts_at, f.ends_at, zone) }).collect()
    }
}

fn theirs(against: &Against, live: Option<data::Closeout>, fresh: &Draft, review: impl Fn(&Draft) -> Review) -> Option<Theirs> {
    match (against, live) {
        (Against::Filling, Some(l)) if l.saved > 0 => Some(Theirs {
            title: format!("What {} saved", l.saved_by_name.as_deref().unwrap_or("the other")),
            is_lines: false,
            draft: review(&l.draft),
            notes: l.draft.notes,
        }),
        (Against::Lines, _) => {
            Some(Theirs { title: "What the ticket says now".into(), is_lines: true, notes: String::new(), draft: review(fresh) })
        }
        _ => None,
    }
}

/// Returns the source of the time on site, in words: the clock, or the clock's value if the time was changed.
fn clock_words(clocked: Option<i32>, worked: Option<i32>) -> String {
    match (clocked, worked) {
        (Some(clocked), Some(worked)) if clocked != worked => format!("the clock says {}", ui::format::duration(clocked)),
        _ => "from the clock".into(),
    }
}

/// The review: what will be frozen, and the facts found in the notes. The script fetches it as a fragment at the last step.
#[derive(Template)]
#[template(path = "closeout/_review.html")]
pub(super) struct Review {
    notes: String,
    errors: FieldErrors,
    pub review_faults: FieldErrors,
    model_pending: bool,
    attributes: Vec<AttributeRow>,
    spare: Row,
    keys: Vec<&'static str>,
    worked: String,
    review_lines: Vec<ReviewLine>,
    next_words: String,
    total: String,
}

/// Its own template has escaped it, so the page includes it as it is.
impl askama::filters::HtmlSafe for Review {}

pub(super) fn review(draft: &Draft, form: &Form, ticket: &Ticket, model_state: &str, r: &Read) -> Review {
    let currency = r.who.currency;
    let attributes: Vec<AttributeRow> = draft
        .attributes
        .iter()
        .enumerate()
        .map(|(i, a)| AttributeRow {
            i,
            row: Row::of(ATTRIBUTES, i),
            key: a.key.clone(),
            label: ui::format::sentence(&a.key),
            value: a.value.clone(),
            was: a.was.clone().unwrap_or_else(|| a.value.clone()),
            origin: a.origin.name(),
            keep: a.keep,
            by_model: a.origin == Origin::Model,
        })
        .collect();
    let spare = Row::of(ATTRIBUTES, attributes.len());
    let review_lines = draft
        .lines
        .iter()
        .map(|l| ReviewLine {
            label: if l.quantity == Decimal::ONE {
                l.description.clone()
            } else {
                format!("{} · {} ×", l.description, l.quantity.normalize())
            },
            amount: tickets::line_total(l.quantity, l.unit_price, currency).map_or_else(|| "no price yet".into(), |t| currency.format(t)),
        })
        .collect();
    let next_words = match &draft.next {
        Next::Undecided => "not said yet".into(),
        Next::No => "no next visit".into(),
        Next::Book { starts_at, ends_at, .. } => ui::format::span(*starts_at, *ends_at, ticket.zone()),
        Next::ReachOut { months, .. } => {
            let on = reach_out_at(r.who.now, *months, r.who.zone);
            format!("reach out in {} ({})", ui::format::count(i64::from(*months), "month", "months"), ui::format::day_year(on, r.who.zone))
        }
    };
    Review {
        notes: form.owned("notes"),
        errors: form.errors.clone(),
        review_faults: FieldErrors::default(),
        model_pending: model_state == "asked",
        attributes,
        spare,
        keys: extract::KEYS.to_vec(),
        worked: draft.worked_minutes.map_or_else(|| "not said yet".into(), ui::format::duration),
        review_lines,
        next_words,
        total: draft.total(currency).map_or_else(|| "open".into(), |t| currency.format(t)),
    }
}

/// The wizard at a step; `form` holds what was typed or the draft's fields, `draft` what the review shows.
pub(super) async fn wizard(r: &mut Read, id: TicketId, step: Step, draft: &Draft, mut form: Form) -> Result<Response> {
    let against = Against::of(&form);
    let who = r.who.clone();
    let ticket = tickets::data::visible_ticket(r.db(), &who, id).await?;
    let contact = customers::contacts::data::summary(r.db(), ticket.contact_id).await?;
    let services = catalogue::data::active(r.db()).await?;
    let clock = tickets::data::clock(r.db(), id).await?;
    let live = data::live(r.db(), id).await?;
    let team = tickets::data::technicians(r.db()).await?;
    let is_chosen = form.has("next_technicians");
    let assigned = tickets::data::assignees(r.db(), id).await?;
    propose_next(r, &ticket, &mut form).await?;
    let technicians = team
        .into_iter()
        .map(|t| Technician {
            on: if is_chosen { form.chose("next_technicians", t.id) } else { assigned.iter().any(|a| a.member_id == t.id) },
            id: t.id.to_string(),
            name: t.name,
        })
        .collect();
    let currency = who.currency;
    let mut service_choices = vec![ui::Choice::new("", "Nothing more")];
    let priced = |price: Option<Decimal>| price.filter(|_| who.sees_prices()).map(|p| currency.plain(p));
    service_choices.extend(services.iter().map(|s| ui::Choice::new(s.id, &s.name).price(priced(s.price))));
    let other = live.as_ref().filter(|l| Some(l.member_id) != who.member).map(|l| {
        format!("{} began this close-out {}. You go on from there.", l.member_name, ui::format::relative(l.created_at, who.now, who.zone))
    });
    let model_state = live.as_ref().map_or("none", |l| l.model_state.as_str()).to_owned();
    let saved = live.as_ref().map_or(0, |l| l.saved);
    let is_clear = matches!(against, Against::Nothing);
    let seen = if is_clear { form.parsed("draft_version").unwrap_or(saved) } else { saved };
    let fresh = data::first_draft(r.db(), &ticket, who.now).await?;
    if matches!(against, Against::Lines) {
        // The page shows both versions, so going on from here accepts the typed one.
        form.set("lines_seen", &fresh.lines_seen);
    }
    let theirs = theirs(&against, live, &fresh, |d| review(d, &form, &ticket, "none", r));
    let later = ui::Choice::new("reach_out", "Reach out later");
    let later = match out_of_reach(&contact) {
        Some(why) => later.off(why),
        None if contact.email.is_none() => {
            later.hint(format!("{} has no email address. When it is due, we ask you to call or text.", contact.name))
        }
        None => later,
    };
    let page = Wizard {
        next_choices: [ui::Choice::new("book", "Book it now"), later, ui::Choice::new("no", "No next visit")],
        head: ui::Head::of(r, "today")
            .title(step.title())
            .back(format!("/tickets/{id}"), format!("{} · T-{}", contact.name, ticket.number)),
        step,
        review: review(draft, &form, &ticket, &model_state, r),
        rows: lines(&form),
        blank: Line::spare(Row::of(LINES, "__i__")),
        clocked: if clock.is_empty() { "no clock was running".into() } else { clock_words(fresh.worked_minutes, draft.worked_minutes) },
        clash: matches!(against, Against::Clash(_)),
        free: against.free(ticket.zone()),
        is_refused: form.is_refused() && form.errors.of("reason").is_none(),
        symbol: currency.symbol().to_owned(),
        zero: currency.format(Decimal::ZERO),
        ticket,
        other,
        theirs,
        seen,
        service_choices,
        technicians,
        form,
    };
    Ok(ui::with_status(page.form.status(), &page)?.into_response())
}

/// Returns the rows of the services, with a spare one: without JavaScript it is the way to add a service.
fn lines(form: &Form) -> Vec<Line> {
    let rows = form.rows(LINES).into_iter().filter(|row| form.has(&row.at("quantity")));
    let mut lines: Vec<Line> = rows.map(|row| Line::of(form, row)).collect();
    if !lines.iter().any(|l| l.is_spare) {
        lines.push(Line::spare(form.next_row(LINES)));
    }
    lines
}

/// `GET /tickets/{id}/closeout/given-up`: confirms it, and makes the device forget what was typed.
pub(super) async fn given_up(r: &mut Read, id: TicketId) -> Result<Response> {
    let who = r.who.clone();
    let ticket = tickets::data::visible_ticket(r.db(), &who, id).await?;
    let head = ui::Head::of(r, "today")
        .title("Close-out given up")
        .sub(ticket.contact_name)
        .back(format!("/tickets/{id}"), format!("T-{}", ticket.number));
    Ok(ui::page(&GivenUp { head, id })?.into_response())
}

#[derive(Template)]
#[template(path = "closeout/given_up.html")]
struct GivenUp {
    head: ui::Head,
    id: TicketId,
}

/// Proposes the next visit unless a date was typed: the same weekday and time after the usual interval, counted from today if this visit
/// was planned long ago.
async fn propose_next(r: &mut Read, ticket: &Ticket, form: &mut Form) -> Result<()> {
    if !form.get("next_date").is_empty() {
        return Ok(());
    }
    let weeks = data::usual_weeks(r.db(), ticket.contact_id).await?;
    let start = wall(ticket.starts_at, ticket.zone());
    let late = (local_date(r.who.now, ticket.zone()) - start.date()).num_weeks().max(0);
    let day = start.date() + chrono::Duration::weeks(weeks + late);
    let minutes =
        if form.get("next_minutes").is_empty() { ticket.planned_minutes().to_string() } else { form.get("next_minutes").to_owned() };
    form.set("next_date", day);
    form.set("next_time", start.time());
    form.set("next_minutes", minutes);
    if form.get("months").is_empty() {
        form.set("months", (weeks * 7 / 30).clamp(1, 24));
    }
    Ok(())
}
