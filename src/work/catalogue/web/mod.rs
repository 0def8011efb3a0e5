//! Pages of the catalogue: services here, tax rates in `taxes`.

mod taxes;

use axum::{
    extract::{Path, Query},
    response::Response,
};
use serde::Deserialize;

pub use taxes::{tax_archive, tax_create, tax_edit, tax_update, taxes};

use super::{
    Service, ServiceKind,
    actions::{ArchiveService, CreateService, RestoreService, ServiceInput, UpdateService},
    data,
};
use platform::{
    error::Result,
    form::href,
    ids::{ServiceId, TaxRateId},
    money::{Currency, parse_amount},
    query::{decode_cursor, next_cursor},
    role::Permission,
    tenant::{Read, Write},
};
use ui::Form;

const PAGE: i64 = 30;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    search: String,
    state: String,
    kind: String,
    after: String,
}

impl Wanted {
    fn href(&self, state: &str, kind: &str, after: &str) -> String {
        let parts = [("search", self.search.as_str()), ("state", state), ("kind", kind), ("after", after)];
        href("/catalogue", &parts)
    }
}

#[derive(askama::Template)]
#[template(path = "catalogue/index.html")]
struct Index {
    head: ui::Head,
    wanted: Wanted,
    rows: Vec<Service>,
    currency: Currency,
    sees_prices: bool,
    can_change: bool,
    next: Option<String>,
    first: Option<String>,
}

impl Index {
    /// The price as text: "$95.00", "$5.00 / screen", "about $95.00" or "set on the ticket"; empty if prices are hidden.
    fn price(&self, s: &Service) -> String {
        match (self.sees_prices, s.price) {
            (false, _) => String::new(),
            (true, None) => "set on the ticket".into(),
            (true, Some(p)) if s.kind == ServiceKind::Flexible => format!("about {}", self.currency.format(p)),
            (true, Some(p)) if s.kind == ServiceKind::PerUnit => format!("{} / {}", self.currency.format(p), s.unit),
            (true, Some(p)) => self.currency.format(p),
        }
    }
}

/// `GET /catalogue`: the list of services, with `search`, `state` and `kind` as filters.
pub async fn index(mut r: Read, Query(wanted): Query<Wanted>) -> Result<ui::Html> {
    let asked = data::Asked {
        search: Some(wanted.search.as_str()).filter(|s| !s.trim().is_empty()),
        kind: ServiceKind::ALL.into_iter().find(|k| k.name() == wanted.kind),
        archived: wanted.state == "archived",
        after: if wanted.after.is_empty() { None } else { Some(decode_cursor(&wanted.after)?) },
        limit: PAGE,
    };
    let mut rows = data::list(r.db(), &asked).await?;
    let next = next_cursor(&mut rows, PAGE, |s| (s.name.to_lowercase(), s.id))?;
    ui::page(&Index {
        head: ui::Head::of(&r, "catalogue").title("Catalogue"),
        currency: r.who.currency,
        sees_prices: r.who.sees_prices(),
        can_change: r.who.can(Permission::ManageSettings),
        next: next.map(|c| wanted.href(&wanted.state, &wanted.kind, &c)),
        first: (!wanted.after.is_empty()).then(|| wanted.href(&wanted.state, &wanted.kind, "")),
        rows,
        wanted,
    })
}

fn filled(s: &Service) -> Form {
    Form::default()
        .version(s.version)
        .with("name", &s.name)
        .with("kind", s.kind.name())
        .with("description", &s.description)
        .with("category", &s.category)
        .with("sku", &s.sku)
        .with("price", s.price)
        .with("unit", &s.unit)
        .with("duration_minutes", s.duration_minutes)
        .with("tax_rate_id", s.tax_rate_id.map(|t| t.0))
}

/// The fields compared with what others saved meanwhile.
const LABELS: [(&str, &str); 9] = [
    ("name", "Name"),
    ("kind", "How it is priced"),
    ("price", "Price"),
    ("unit", "Unit"),
    ("duration_minutes", "Minutes"),
    ("tax_rate_id", "Tax"),
    ("category", "Category"),
    ("sku", "SKU"),
    ("description", "Description"),
];

fn input(form: &mut Form) -> Option<ServiceInput> {
    let price = form.read("price", parse_amount);
    let duration_minutes =
        form.read("duration_minutes", |typed| typed.parse().map_err(|_| "Give the duration in minutes, as a whole number."));
    let tax_rate_id = form.read("tax_rate_id", |id| id.parse::<TaxRateId>().map_err(|_| "Choose one of the tax rates."));
    let kind = form.must("kind", |kind| ServiceKind::ALL.into_iter().find(|k| k.name() == kind).ok_or("Choose how it is priced."));
    Some(ServiceInput {
        name: form.owned("name"),
        kind: kind?,
        description: form.owned("description"),
        category: form.owned("category"),
        sku: form.owned("sku"),
        price,
        unit: form.owned("unit"),
        duration_minutes,
        tax_rate_id,
    })
}

#[derive(askama::Template)]
#[template(path = "catalogue/form.html")]
struct Page {
    head: ui::Head,
    id: Option<ServiceId>,
    is_archived: bool,
    form: Form,
    currency: Currency,
    taxes: Vec<ui::Choice>,
    kinds: Vec<ui::Choice>,
}

async fn page(r: &mut Read, service: Option<&Service>, mut form: Form) -> Result<Page> {
    let rates = data::tax_rates(r.db()).await?;
    let default =
        rates.iter().find(|t| t.is_default).map_or("No tax".into(), |t| format!("As usual ({} {} %)", t.name, t.percent.normalize()));
    let mut taxes = vec![ui::Choice::new("", default)];
    taxes.extend(rates.iter().map(|t| ui::Choice::new(t.id, format!("{} {} %", t.name, t.percent.normalize()))));
    let kinds: Vec<_> = ServiceKind::ALL.into_iter().map(|k| ui::Choice::new(k.name(), k.word()).hint(k.hint())).collect();
    form.spell("Tax", &taxes);
    form.spell("How it is priced", &kinds);
    let title = if service.is_some() { "Change service" } else { "New service" };
    Ok(Page {
        head: ui::Head::of(r, "catalogue").title(title).back("/catalogue", "Catalogue"),
        id: service.map(|s| s.id),
        is_archived: service.is_some_and(|s| s.is_archived),
        form,
        currency: r.who.currency,
        taxes,
        kinds,
    })
}

/// The page that changes a service; `refused` is the form that was refused.
async fn edit_page(r: &mut Read, id: ServiceId, refused: Option<Form>) -> Result<Page> {
    let service = data::service(r.db(), id).await?;
    page(r, Some(&service), Form::editing(filled(&service), refused, &LABELS)).await
}

/// `GET /catalogue/new`.
pub async fn new(mut r: Read) -> Result<ui::Html> {
    ui::page(&page(&mut r, None, Form::default().with("kind", "fixed")).await?)
}

/// `POST /catalogue/new`.
pub async fn create(w: Write, mut form: Form) -> Result<Response> {
    let action = input(&mut form).map(|service| CreateService { id: None, service });
    let words = format!("{} added", form.get("name"));
    form.run(&w, action, |_| ui::redirect("/catalogue", &words), async |r, form| page(r, None, form).await).await
}

/// `GET /catalogue/{id}/edit`.
pub async fn edit(mut r: Read, Path(id): Path<ServiceId>) -> Result<ui::Html> {
    ui::page(&edit_page(&mut r, id, None).await?)
}

/// `POST /catalogue/{id}/edit`.
pub async fn update(w: Write, Path(id): Path<ServiceId>, mut form: Form) -> Result<Response> {
    let action = input(&mut form).map(|service| UpdateService { service_id: id, service });
    let words = format!("{} saved", form.get("name"));
    form.run(&w, action, |_| ui::redirect("/catalogue", &words), async |r, form| edit_page(r, id, Some(form)).await).await
}

/// `POST /catalogue/{id}/archive`.
pub async fn archive(w: Write, Path(id): Path<ServiceId>, form: Form) -> Result<Response> {
    w.act(&form.meta, ArchiveService { service_id: id }).await?;
    Ok(ui::redirect("/catalogue", "Archived. Tickets and invoices keep it."))
}

/// `POST /catalogue/{id}/restore`.
pub async fn restore(w: Write, Path(id): Path<ServiceId>, form: Form) -> Result<Response> {
    w.act(&form.meta, RestoreService { service_id: id }).await?;
    Ok(ui::redirect("/catalogue", "Restored"))
}
