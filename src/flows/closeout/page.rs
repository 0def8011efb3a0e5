//! Renders the wizard (one document and one form with every step) and the review's fragment.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::{Draft, Next, Origin, Step, actions::reach_out_at, data, form::Typed};
use customers::contacts::extract;
use messages::outbox::actions::out_of_reach;
use platform::{
    error::{FieldErrors, Result},
    ids::TicketId,
    localtime::{local_date, wall},
    tenant::Read,
};
use work::{
    catalogue,
    tickets::{self, data::Ticket},
};

struct Row {
    i: String,
    id: String,
    service: String,
    kind: String,
    description: String,
    quantity: String,
    price: String,
    tax: String,
    dropped: bool,
    is_new: bool,
}

impl Row {
    fn name(&self, field: &str) -> String {
        format!("{field}_{}", self.i)
    }

    /// Whether a quantity is shown: a fixed or flexible service done once has only a price.
    fn is_counted(&self) -> bool {
        self.is_new || self.quantity != "1" || !matches!(self.kind.as_str(), "flexible" | "fixed")
    }

    fn blank(i: &str) -> Self {
        let empty = String::new;
        Self {
            i: i.into(),
            id: empty(),
            service: empty(),
            kind: empty(),
            description: empty(),
            quantity: "1".into(),
            price: empty(),
            tax: empty(),
            dropped: false,
            is_new: true,
        }
    }

    fn all(typed: &Typed) -> Vec<Self> {
        let mut rows: Vec<Self> = typed
            .rows("line_quantity_")
            .into_iter()
            .map(|i| {
                let of = |name: &str| typed.get(&format!("{name}_{i}")).to_owned();
                Self {
                    i: i.to_string(),
                    is_new: of("line_description").is_empty(),
                    id: of("line_id"),
                    service: of("line_service"),
                    kind: of("line_kind"),
                    description: of("line_description"),
                    quantity: of("line_quantity"),
                    price: of("line_price"),
                    tax: of("line_tax"),
                    dropped: !of("line_drop").is_empty(),
                }
            })
            .collect();
        // Without JavaScript, a spare row is the way to add a service.
        if !rows.iter().any(|r| r.is_new && r.service.is_empty()) {
            let next = rows.iter().filter_map(|r| r.i.parse::<usize>().ok()).max().map_or(0, |n| n + 1);
            rows.push(Self::blank(&next.to_string()));
        }
        rows
    }
}

struct AttributeRow {
    i: usize,
    key: String,
    label: String,
    value: String,
    /// The value as it was found.
    was: String,
    origin: &'static str,
    keep: bool,
    by_model: bool,
    error_name: String,
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
    typed: Typed,
    errors: FieldErrors,
    notice: String,
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
    rows: Vec<Row>,
    blank: Row,
    service_choices: Vec<ui::Choice>,
    next_choices: [ui::Choice; 3],
    technicians: Vec<Technician>,
    symbol: String,
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

/// The reason why a draft was refused.
pub(super) enum Against {
    Nothing,
    /// Another filling session has saved the same close-out.
    Filling,
    /// The ticket's lines have changed since the draft was begun.
    Lines,
    /// A technician has another visit at that time; these times are free.
    Clash(Vec<Free>),
}

#[derive(Deserialize)]
pub(super) struct Free {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

impl Against {
    /// Reads the reason from the `current` value of a conflict.
    pub fn of(current: Option<Value>) -> Self {
        match current {
            None => Self::Nothing,
            Some(mut c) if c.get("clashes").is_some() => {
                Self::Clash(c.get_mut("alternatives").and_then(|free| serde_json::from_value(free.take()).ok()).unwrap_or_default())
            }
            Some(c) if c.get("lines_seen").is_some() => Self::Lines,
            Some(_) => Self::Filling,
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
    typed: Typed,
    errors: FieldErrors,
    pub review_faults: FieldErrors,
    model_pending: bool,
    attributes: Vec<AttributeRow>,
    spare_key: String,
    spare_value: String,
    spare_keep: String,
    keys: Vec<&'static str>,
    worked: String,
    review_lines: Vec<ReviewLine>,
    next_words: String,
    total: String,
}

/// Its own template has escaped it, so the page includes it as it is.
impl askama::filters::HtmlSafe for Review {}

/// The data of one page of the wizard.
pub(super) struct Shown {
    pub step: Step,
    pub typed: Typed,
    pub draft: Draft,
    pub errors: FieldErrors,
    pub notice: String,
    pub against: Against,
    pub status: StatusCode,
}

pub(super) fn review(draft: &Draft, typed: &Typed, errors: &FieldErrors, ticket: &Ticket, model_state: &str, r: &Read) -> Review {
    let currency = r.who.currency;
    let attributes: Vec<AttributeRow> = draft
        .attributes
        .iter()
        .enumerate()
        .map(|(i, a)| AttributeRow {
            i,
            key: a.key.clone(),
            label: ui::format::sentence(&a.key),
            value: a.value.clone(),
            was: a.was.clone().unwrap_or_else(|| a.value.clone()),
            origin: a.origin.name(),
            keep: a.keep,
            by_model: a.origin == Origin::Model,
            error_name: format!("attr_value_{i}"),
        })
        .collect();
    let spare = attributes.len();
    let review_lines = draft
        .lines
        .iter()
        .map(|l| ReviewLine {
            label: if l.quantity == rust_decimal::Decimal::ONE {
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
        typed: typed.clone(),
        errors: errors.clone(),
        review_faults: FieldErrors::default(),
        model_pending: model_state == "asked",
        attributes,
        spare_key: format!("attr_key_{spare}"),
        spare_value: format!("attr_value_{spare}"),
        spare_keep: format!("attr_keep_{spare}"),
        keys: extract::KEYS.to_vec(),
        worked: draft.worked_minutes.map_or_else(|| "not said yet".into(), ui::format::duration),
        review_lines,
        next_words,
        total: draft.total(currency).map_or_else(|| "open".into(), |t| currency.format(t)),
    }
}

pub(super) async fn wizard(r: &mut Read, id: TicketId, shown: Shown) -> Result<Response> {
    let who = r.who.clone();
    let ticket = tickets::data::visible_ticket(r.db(), &who, id).await?;
    let contact = customers::contacts::data::summary(r.db(), ticket.contact_id).await?;
    let services = catalogue::data::active(r.db()).await?;
    let clock = tickets::data::clock(r.db(), id).await?;
    let live = data::live(r.db(), id).await?;
    let team = tickets::data::technicians(r.db()).await?;
    let mut typed = shown.typed;
    let chosen: Vec<String> =
        typed.rows("next_technician_").iter().map(|i| typed.get(&format!("next_technician_{i}")).to_owned()).collect();
    let assigned = tickets::data::assignees(r.db(), id).await?;
    propose_next(r, &ticket, &mut typed).await?;
    let technicians = team
        .into_iter()
        .map(|t| Technician {
            on: if chosen.is_empty() { assigned.iter().any(|a| a.member_id == t.id) } else { chosen.contains(&t.id.to_string()) },
            id: t.id.to_string(),
            name: t.name,
        })
        .collect();
    let mut service_choices = vec![ui::Choice::new("", "Nothing more")];
    service_choices.extend(services.iter().map(|s| ui::Choice::new(s.id, &s.name)));
    let other = live.as_ref().filter(|l| Some(l.member_id) != who.member).map(|l| {
        format!("{} began this close-out {}. You go on from there.", l.member_name, ui::format::relative(l.created_at, who.now, who.zone))
    });
    let model_state = live.as_ref().map_or("none", |l| l.model_state.as_str()).to_owned();
    let saved = live.as_ref().map_or(0, |l| l.saved);
    let is_clear = matches!(shown.against, Against::Nothing);
    let seen = if is_clear { typed.get("draft_version").parse().unwrap_or(saved) } else { saved };
    let fresh = data::first_draft(r.db(), &ticket, who.now).await?;
    if matches!(shown.against, Against::Lines) {
        // The page shows both versions, so going on from here accepts the typed one.
        typed.0.insert("lines_seen".into(), fresh.lines_seen.clone().unwrap_or_default());
    }
    let theirs = theirs(&shown.against, live, &fresh, |d| review(d, &typed, &FieldErrors::default(), &ticket, "none", r));
    let currency = who.currency;
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
            .title(shown.step.title())
            .back(format!("/tickets/{id}"), format!("{} · T-{}", contact.name, ticket.number)),
        step: shown.step,
        review: review(&shown.draft, &typed, &shown.errors, &ticket, &model_state, r),
        rows: Row::all(&typed),
        blank: Row::blank("__i__"),
        clocked: if clock.is_empty() {
            "no clock was running".into()
        } else {
            clock_words(fresh.worked_minutes, shown.draft.worked_minutes)
        },
        clash: matches!(shown.against, Against::Clash(_)),
        free: shown.against.free(ticket.zone()),
        is_refused: shown.status != StatusCode::OK && shown.errors.of("reason").is_none(),
        symbol: currency.symbol().to_owned(),
        ticket,
        typed,
        errors: shown.errors,
        notice: shown.notice,
        other,
        theirs,
        seen,
        service_choices,
        technicians,
    };
    Ok(ui::with_status(shown.status, &page)?.into_response())
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
async fn propose_next(r: &mut Read, ticket: &Ticket, typed: &mut Typed) -> Result<()> {
    if !typed.get("next_date").is_empty() {
        return Ok(());
    }
    let weeks = data::usual_weeks(r.db(), ticket.contact_id).await?;
    let start = wall(ticket.starts_at, ticket.zone());
    let late = (local_date(r.who.now, ticket.zone()) - start.date()).num_weeks().max(0);
    let day = start.date() + chrono::Duration::weeks(weeks + late);
    let minutes =
        if typed.get("next_minutes").is_empty() { ticket.planned_minutes().to_string() } else { typed.get("next_minutes").to_owned() };
    typed.0.insert("next_date".into(), day.to_string());
    typed.0.insert("next_time".into(), start.format("%H:%M").to_string());
    typed.0.insert("next_minutes".into(), minutes);
    if typed.get("months").is_empty() {
        typed.0.insert("months".into(), (weeks * 7 / 30).clamp(1, 24).to_string());
    }
    Ok(())
}
