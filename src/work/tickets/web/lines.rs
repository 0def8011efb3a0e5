//! Forms of a ticket's lines: add, change, remove.

use axum::{extract::Path, response::Response};

use super::fields::{Piece, SmallForm};
use crate::tickets::{
    LineKind,
    actions::{AddLine, NewLine, RemoveLine, UpdateLine},
    data::{self, Line, Ticket},
};
use platform::{
    error::{Error, Result},
    ids::{LineId, TicketId},
    money::parse_amount,
    tenant::{Read, Write},
};
use ui::Form;

pub(super) fn quantity(text: &str) -> Result<rust_decimal::Decimal, &'static str> {
    parse_amount(text).map_err(|_| "Enter a number, like 20.")
}

/// `GET /tickets/{id}/lines/new`
pub async fn add_line_form(mut r: Read, Path(id): Path<TicketId>) -> Result<ui::Html> {
    ui::page(&add_page(&mut r, id, Form::default().with("quantity", "1")).await?)
}

async fn add_page(r: &mut Read, id: TicketId, form: Form) -> Result<SmallForm> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let c = who.currency;
    let mut services = vec![ui::Choice::new("", "Something else")];
    for s in data::booking(r.db(), &who, t.contact_id).await?.services {
        let price = s.price.map(|p| format!(" · {}", c.format(p))).unwrap_or_default();
        services.push(ui::Choice::new(s.id, format!("{}{price}", s.name)));
    }
    let kinds: Vec<_> = LineKind::ALL.iter().map(|k| ui::Choice::new(k.name(), k.word())).collect();
    let price = form.money("unit_price", "Price each").prefix(c.symbol());
    let pieces = vec![
        form.select("service_id", "Service").choices(&services).into(),
        form.text("description", "Description").hint("Empty: the service's name").attr("data-redact", "").attr("maxlength", 500).into(),
        Piece::pair(form.money("quantity", "Quantity"), price.hint("Empty: the catalogue's; a flexible one may wait for close-out")),
        form.select("kind", "Kind, where it is something else").choices(&kinds).into(),
    ];
    let mut page = SmallForm::new(head(r, &t, "Add a service"), format!("/tickets/{id}/lines/new"), "Add", form, pieces);
    page.queue = Some(("Add a service", format!("/tickets/{id}")));
    Ok(page)
}

fn head(r: &Read, t: &Ticket, title: &str) -> ui::Head {
    ui::Head::of(r, "calendar").title(title).back(format!("/tickets/{}", t.id), format!("{} · T-{}", t.contact_name, t.number))
}

/// `POST /tickets/{id}/lines/new`
pub async fn add_line(w: Write, Path(id): Path<TicketId>, mut form: Form) -> Result<Response> {
    let service_id = form.parsed("service_id");
    let line = NewLine {
        service_id,
        kind: if service_id.is_some() { None } else { LineKind::from_name(form.get("kind")) },
        description: form.some("description").map(str::to_owned),
        quantity: form.read("quantity", quantity),
        unit_price: form.read("unit_price", |text| w.who.currency.parse(text)),
        ..NewLine::default()
    };
    let page = async |r: &mut Read, mut form: Form| {
        // The action's `line.quantity` is the form's `quantity`.
        form.errors.rename(|field| field.rsplit('.').next().unwrap_or_default().to_owned());
        add_page(r, id, form).await
    };
    let done = |_| ui::redirect(&format!("/tickets/{id}"), "Service added");
    form.run(&w, Some(AddLine { id: None, ticket_id: id, line }), done, page).await
}

async fn line(r: &mut Read, id: TicketId, line: LineId) -> Result<(Ticket, Line)> {
    let who = r.who.clone();
    let t = data::visible_ticket(r.db(), &who, id).await?;
    let l = data::visible_lines(r.db(), &who, id).await?.into_iter().find(|l| l.id == line).ok_or(Error::NotFound)?;
    Ok((t, l))
}

/// `GET /tickets/{id}/lines/{line_id}`
pub async fn update_line_form(mut r: Read, Path((id, line_id)): Path<(TicketId, LineId)>) -> Result<ui::Html> {
    ui::page(&update_page(&mut r, id, line_id, None).await?)
}

async fn update_page(r: &mut Read, id: TicketId, line_id: LineId, refused: Option<Form>) -> Result<SmallForm> {
    let (t, l) = line(r, id, line_id).await?;
    let c = r.who.currency;
    let saved = Form::default()
        .version(l.version)
        .with("description", &l.description)
        .with("quantity", l.quantity.normalize())
        .with("unit_price", l.unit_price.map(|p| c.plain(p)))
        .with("duration_minutes", l.duration_minutes);
    let labels =
        [("quantity", "Quantity"), ("unit_price", "Price each"), ("description", "Description"), ("duration_minutes", "Usually takes")];
    let form = Form::editing(saved, refused, &labels);
    let action = format!("/tickets/{id}/lines/{line_id}");
    let price = form.money("unit_price", "Price each").prefix(c.symbol());
    let price = if l.kind == LineKind::Flexible { price.hint("Flexible: may wait for close-out") } else { price };
    let pieces = vec![
        form.text("description", "Description").required().attr("data-redact", "").attr("maxlength", 500).into(),
        Piece::pair(form.money("quantity", "Quantity"), price),
        form.number("duration_minutes", "Usually takes").suffix("min").into(),
    ];
    let mut page = SmallForm::new(head(r, &t, &l.description), action.clone(), "Save", form, pieces);
    page.queue = Some(("Change a service", format!("/tickets/{id}")));
    page.other = Some((format!("{action}/remove"), "Remove from this visit"));
    Ok(page)
}

/// `POST /tickets/{id}/lines/{line_id}`
pub async fn update_line(w: Write, Path((id, line_id)): Path<(TicketId, LineId)>, mut form: Form) -> Result<Response> {
    line(&mut w.read().await?, id, line_id).await?;
    let unit_price = form.read("unit_price", |text| w.who.currency.parse(text));
    let action = UpdateLine {
        line_id,
        description: form.some("description").map(str::to_owned),
        quantity: form.read("quantity", quantity),
        unit_price,
        // If prices are hidden from the member, an empty field does not remove the price.
        no_price: w.who.sees_prices() && form.has("unit_price") && form.get("unit_price").is_empty(),
        duration_minutes: form.read("duration_minutes", |m| m.parse().map_err(|_| "Enter minutes, like 30.")),
        tax_rate_id: None,
    };
    let done = |_| ui::redirect(&format!("/tickets/{id}"), "Service changed");
    form.run(&w, Some(action), done, async |r, form| update_page(r, id, line_id, Some(form)).await).await
}

/// `POST /tickets/{id}/lines/{line_id}/remove`
pub async fn remove_line(w: Write, Path((id, line_id)): Path<(TicketId, LineId)>, form: Form) -> Result<Response> {
    w.act(&form.meta, RemoveLine { line_id }).await?;
    Ok(ui::redirect(&format!("/tickets/{id}"), "Service removed"))
}
