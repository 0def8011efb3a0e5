//! How the wizard is rendered: one document, one form, every step in it; and the review's fragment.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{Draft, Next, Origin, Step, actions::reach_out_at, data, form::Typed};
use crate::{
    catalogue,
    contacts::extract,
    messages::actions::out_of_reach,
    platform::{
        error::{FieldErrors, Result},
        ids::TicketId,
        localtime,
        tenant::Read,
    },
    tickets::{self, data::Ticket},
    ui,
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

    /// Whether how many is asked for: a service done once has a price alone.
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
        // Without script a spare row is the way to add a service.
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
    /// As it was found.
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
    /// How often the draft had been saved when this page was made.
    seen: i32,
    clocked: bool,
    rows: Vec<Row>,
    blank: Row,
    service_choices: Vec<ui::Choice>,
    next_choices: [ui::Choice; 3],
    technicians: Vec<Technician>,
    symbol: String,
    review: Review,
}

/// What someone else saved meanwhile, beside what was typed here.
struct Theirs {
    by: String,
    notes: String,
    draft: Review,
}

/// What will be frozen, and what was read from the notes; the fragment the script fetches on arriving at the last step.
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

/// Rendered by its own template, so the page takes it as it is.
impl askama::filters::HtmlSafe for Review {}

/// Everything a page of the wizard is made from.
pub(super) struct Shown {
    pub step: Step,
    pub typed: Typed,
    pub draft: Draft,
    pub errors: FieldErrors,
    pub notice: String,
    pub status: StatusCode,
}

pub(super) fn review(draft: &Draft, typed: &Typed, errors: &FieldErrors, ticket: &Ticket, model_state: &str, r: &Read) -> Review {
    let currency = tickets::currency(&r.who);
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
    let contact = crate::contacts::data::summary(r.db(), ticket.contact_id).await?;
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
    let is_conflict = shown.status == StatusCode::CONFLICT;
    let saved = live.as_ref().map_or(0, |l| l.saved);
    let seen = if is_conflict { saved } else { typed.get("draft_version").parse().unwrap_or(saved) };
    let theirs = live.filter(|l| is_conflict && l.saved > 0).map(|l| Theirs {
        by: l.saved_by_name.unwrap_or_else(|| "the other".into()),
        notes: l.draft.notes.clone(),
        draft: review(&l.draft, &typed, &FieldErrors::default(), &ticket, "none", r),
    });
    let currency = tickets::currency(&who);
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
        head: r.head("today").title(shown.step.title()).back(format!("/tickets/{id}"), format!("{} · T-{}", contact.name, ticket.number)),
        step: shown.step,
        review: review(&shown.draft, &typed, &shown.errors, &ticket, &model_state, r),
        rows: Row::all(&typed),
        blank: Row::blank("__i__"),
        clocked: !clock.is_empty(),
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

/// The same weekday and time after the usual interval, as long as nothing was typed.
async fn propose_next(r: &mut Read, ticket: &Ticket, typed: &mut Typed) -> Result<()> {
    if !typed.get("next_date").is_empty() {
        return Ok(());
    }
    let weeks = data::usual_weeks(r.db(), ticket.contact_id).await?;
    let start = localtime::wall(ticket.starts_at, ticket.zone());
    let day = start.date() + chrono::Duration::weeks(weeks);
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
