//! Forms of a ticket's lines: add, change, remove.

use axum::{extract::Path, response::Response};
use rust_decimal::Decimal;

use super::{
    change::refused,
    fields::{Fields, Piece, SmallForm, Stale},
};
use crate::tickets::{
    LineKind,
    actions::{AddLine, NewLine, RemoveLine, UpdateLine},
    data::{self, Line, Ticket},
};
use platform::{
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::{LineId, TicketId},
    money::{Currency, parse_amount},
    tenant::{Read, Write},
};

/// Parses the amount in the field `name`. Returns `None` if it is empty, or, adding a field error, if it is malformed.
pub(super) fn amount(f: &Fields, name: &str, c: Currency, errors: &mut FieldErrors) -> Option<Decimal> {
    f.some(name).and_then(|text| c.parse(text).map_err(|e| errors.add(name, e.to_string())).ok())
}

pub(super) fn quantity(f: &Fields, name: &str, errors: &mut FieldErrors) -> Option<Decimal> {
    f.some(name).and_then(|text| parse_amount(text).map_err(|_| errors.add(name, "Enter a number, like 20.")).ok())
}

/// `GET /tickets/{id}/lines/new`
pub async fn add_line_form(mut r: Read, Path(id): Path<TicketId>) -> Result<ui::Html> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    ui::page(&add_page(&mut r, &t, &Fields::default(), &FieldErrors::default()).await?)
}

async fn add_page(r: &mut Read, t: &Ticket, typed: &Fields, errors: &FieldErrors) -> Result<SmallForm> {
    let who = r.who.clone();
    let c = who.currency;
    let mut services = vec![ui::Choice::new("", "Something else")];
    for s in data::booking(r.db(), &who, t.contact_id).await?.services {
        let price = s.price.map(|p| format!(" · {}", c.format(p))).unwrap_or_default();
        services.push(ui::Choice::new(s.id, format!("{}{price}", s.name)));
    }
    let head = head(r, t, "Add a service");
    let mut form = SmallForm::new(head, format!("/tickets/{}/lines/new", t.id), "Add");
    form.queue = Some(("Add a service", format!("/tickets/{}", t.id)));
    let kinds: Vec<_> = LineKind::ALL.iter().map(|k| ui::Choice::new(k.name(), k.word())).collect();
    form.pieces = vec![
        ui::select("service_id", "Service").choices(&services).value(typed.get("service_id")).errors(errors).into(),
        ui::text("description", "Description")
            .value(typed.get("description"))
            .errors(errors)
            .hint("Empty: the service's name")
            .attr("data-redact", "")
            .attr("maxlength", 500)
            .into(),
        Piece::pair(
            ui::money("quantity", "Quantity").value(typed.some("quantity").unwrap_or("1")).errors(errors),
            ui::money("unit_price", "Price each")
                .prefix(c.symbol())
                .value(typed.get("unit_price"))
                .errors(errors)
                .hint("Empty: the catalogue's; a flexible one may wait for close-out"),
        ),
        ui::select("kind", "Kind, where it is something else").choices(&kinds).value(typed.get("kind")).into(),
    ];
    Ok(form)
}

fn head(r: &Read, t: &Ticket, title: &str) -> ui::Head {
    ui::Head::of(r, "calendar").title(title).back(format!("/tickets/{}", t.id), format!("{} · T-{}", t.contact_name, t.number))
}

/// `POST /tickets/{id}/lines/new`
pub async fn add_line(w: Write, Path(id): Path<TicketId>, posted: Posted<Fields>) -> Result<Response> {
    let f = &posted.value;
    let mut errors = FieldErrors::default();
    let service_id = f.id("service_id");
    let line = NewLine {
        service_id,
        kind: if service_id.is_some() { None } else { LineKind::from_name(f.get("kind")) },
        description: f.some("description").map(str::to_owned),
        quantity: quantity(f, "quantity", &mut errors),
        unit_price: amount(f, "unit_price", w.who.currency, &mut errors),
        ..NewLine::default()
    };
    let result = match errors.is_empty() {
        true => w.act(&posted.meta, AddLine { id: None, ticket_id: id, line }).await.map(|_| ()),
        false => Err(Error::Invalid(errors)),
    };
    let Err(error) = result else { return Ok(ui::redirect(&format!("/tickets/{id}"), "Service added")) };
    let error = plain(error);
    let (who, mut r) = (w.who.clone(), w.read().await?);
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let errors = if let Error::Invalid(e) = &error { e.clone() } else { FieldErrors::default() };
    let form = add_page(&mut r, &t, f, &errors).await?;
    refused(error, form, |_| String::new(), t.zone())
}

/// Renames the action's fields to the form's: `line.quantity` to `quantity`.
fn plain(error: Error) -> Error {
    match error {
        Error::Invalid(mut e) => {
            for e in &mut e.0 {
                e.field = e.field.rsplit('.').next().unwrap_or_default().to_owned();
            }
            Error::Invalid(e)
        }
        other => other,
    }
}

async fn line(r: &mut Read, id: TicketId, line: LineId) -> Result<(Ticket, Line)> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let l = data::visible_lines(r.db(), &who, id).await?.into_iter().find(|l| l.id == line).ok_or(Error::NotFound)?;
    Ok((t, l))
}

/// `GET /tickets/{id}/lines/{line_id}`
pub async fn update_line_form(mut r: Read, Path((id, line_id)): Path<(TicketId, LineId)>) -> Result<ui::Html> {
    let (t, l) = line(&mut r, id, line_id).await?;
    let c = r.who.currency;
    let typed = Fields(vec![
        ("description".into(), l.description.clone()),
        ("quantity".into(), l.quantity.normalize().to_string()),
        ("unit_price".into(), l.unit_price.map(|p| c.plain(p)).unwrap_or_default()),
        ("duration_minutes".into(), l.duration_minutes.to_string()),
    ]);
    ui::page(&update_page(&r, &t, &l, &typed, &FieldErrors::default()))
}

fn update_page(r: &Read, t: &Ticket, l: &Line, typed: &Fields, errors: &FieldErrors) -> SmallForm {
    let c = r.who.currency;
    let action = format!("/tickets/{}/lines/{}", t.id, l.id);
    let mut form = SmallForm::new(head(r, t, &l.description), action.clone(), "Save");
    let price = ui::money("unit_price", "Price each").prefix(c.symbol()).value(typed.get("unit_price")).errors(errors);
    let price = if l.kind == LineKind::Flexible { price.hint("Flexible: may wait for close-out") } else { price };
    form.pieces = vec![
        ui::text("description", "Description")
            .value(typed.get("description"))
            .errors(errors)
            .required()
            .attr("data-redact", "")
            .attr("maxlength", 500)
            .into(),
        Piece::pair(ui::money("quantity", "Quantity").value(typed.get("quantity")).errors(errors), price),
        ui::number("duration_minutes", "Usually takes").suffix("min").value(typed.get("duration_minutes")).errors(errors).into(),
    ];
    form.version = Some(l.version);
    form.queue = Some(("Change a service", format!("/tickets/{}", t.id)));
    form.other = Some((format!("{action}/remove"), "Remove from this visit"));
    form
}

/// `POST /tickets/{id}/lines/{line_id}`
pub async fn update_line(w: Write, Path((id, line_id)): Path<(TicketId, LineId)>, posted: Posted<Fields>) -> Result<Response> {
    let f = &posted.value;
    let (_, l) = line(&mut w.read().await?, id, line_id).await?;
    let mut errors = FieldErrors::default();
    let unit_price = amount(f, "unit_price", w.who.currency, &mut errors);
    let duration_minutes =
        f.some("duration_minutes").and_then(|m| m.parse().map_err(|_| errors.add("duration_minutes", "Enter minutes, like 30.")).ok());
    // If prices are hidden from the member, an empty field does not remove the price.
    let no_price = w.who.sees_prices() && f.has("unit_price") && f.get("unit_price").is_empty();
    let action = UpdateLine {
        line_id,
        description: f.some("description").map(str::to_owned),
        quantity: quantity(f, "quantity", &mut errors),
        unit_price,
        no_price,
        duration_minutes,
        tax_rate_id: None,
    };
    let result = if errors.is_empty() { w.act(&posted.meta, action).await.map(|_| ()) } else { Err(Error::Invalid(errors)) };
    let Err(error) = result else { return Ok(ui::redirect(&format!("/tickets/{id}"), "Service changed")) };
    let errors = if let Error::Invalid(e) = &error { e.clone() } else { FieldErrors::default() };
    let mut r = w.read().await?;
    let (t, now) = line(&mut r, id, line_id).await?;
    let mut form = update_page(&r, &t, &now, f, &errors);
    if matches!(&error, Error::Conflict { .. }) {
        let c = w.who.currency;
        let price = now.unit_price.map(|p| c.plain(p)).unwrap_or_default();
        form.stale = vec![
            Stale { label: "Quantity", theirs: now.quantity.normalize().to_string(), yours: f.get("quantity").into() },
            Stale { label: "Price each", theirs: price, yours: f.get("unit_price").into() },
            Stale { label: "Description", theirs: now.description.clone(), yours: f.get("description").into() },
        ];
    } else {
        form.version = Some(l.version);
    }
    refused(error, form, |_| String::new(), t.zone())
}

/// `POST /tickets/{id}/lines/{line_id}/remove`
pub async fn remove_line(w: Write, Path((id, line_id)): Path<(TicketId, LineId)>, posted: Posted<Fields>) -> Result<Response> {
    w.act(&posted.meta, RemoveLine { line_id }).await?;
    Ok(ui::redirect(&format!("/tickets/{id}"), "Service removed"))
}
