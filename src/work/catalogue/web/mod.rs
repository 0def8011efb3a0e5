//! Pages of the catalogue: services here, tax rates in `taxes`.

mod taxes;

use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rust_decimal::Decimal;
use serde::Deserialize;

pub use taxes::{tax_archive, tax_create, tax_edit, tax_update, taxes};

use super::{
    Service, ServiceKind,
    actions::{ArchiveService, CreateService, RestoreService, ServiceInput, UpdateService},
    data,
};
use platform::{
    error::{Error, FieldErrors, Result},
    form::{Posted, href},
    ids::{ServiceId, TaxRateId},
    money::{Currency, parse_amount},
    query::{decode_cursor, next_cursor},
    role::Permission,
    tenant::{Read, Write},
};

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

/// The service form as typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ServiceForm {
    name: String,
    kind: String,
    description: String,
    category: String,
    sku: String,
    price: String,
    unit: String,
    duration: String,
    tax_rate_id: String,
}

impl ServiceForm {
    fn of(s: &Service) -> Self {
        Self {
            name: s.name.clone(),
            kind: s.kind.name().into(),
            description: s.description.clone(),
            category: s.category.clone(),
            sku: s.sku.clone(),
            price: s.price.map(|p| p.to_string()).unwrap_or_default(),
            unit: s.unit.clone(),
            duration: s.duration_minutes.to_string(),
            tax_rate_id: s.tax_rate_id.map(|t| t.to_string()).unwrap_or_default(),
        }
    }

    fn input(&self) -> Result<ServiceInput> {
        let mut errors = FieldErrors::default();
        let price = amount(&self.price, "price", &mut errors);
        let duration_minutes = match self.duration.trim() {
            "" => None,
            typed => typed.parse().map_err(|_| errors.add("duration", "Give the duration in minutes, as a whole number.")).ok(),
        };
        let tax_rate_id = match self.tax_rate_id.as_str() {
            "" => None,
            id => id.parse::<TaxRateId>().map_err(|_| errors.add("tax_rate_id", "Choose one of the tax rates.")).ok(),
        };
        let kind = ServiceKind::ALL.into_iter().find(|k| k.name() == self.kind);
        if kind.is_none() {
            errors.add("kind", "Choose how it is priced.");
        }
        errors.into_result()?;
        Ok(ServiceInput {
            name: self.name.clone(),
            kind: kind.unwrap_or_default(),
            description: self.description.clone(),
            category: self.category.clone(),
            sku: self.sku.clone(),
            price,
            unit: self.unit.clone(),
            duration_minutes,
            tax_rate_id,
        })
    }
}

fn amount(typed: &str, field: &str, errors: &mut FieldErrors) -> Option<Decimal> {
    match typed.trim() {
        "" => None,
        typed => parse_amount(typed).map_err(|e| errors.add(field, e.to_string())).ok(),
    }
}

#[derive(askama::Template)]
#[template(path = "catalogue/form.html")]
struct Form {
    head: ui::Head,
    id: Option<ServiceId>,
    is_archived: bool,
    form: ServiceForm,
    errors: FieldErrors,
    key: Option<String>,
    version: Option<i32>,
    /// The saved service, if somebody else changed it while this form was open.
    theirs: Option<Service>,
    currency: Currency,
    taxes: Vec<ui::Choice>,
    kinds: Vec<ui::Choice>,
}

impl Form {
    async fn new(r: &mut Read, service: Option<&Service>, form: ServiceForm) -> Result<Self> {
        let rates = data::tax_rates(r.db()).await?;
        let default =
            rates.iter().find(|t| t.is_default).map_or("No tax".into(), |t| format!("As usual ({} {} %)", t.name, t.percent.normalize()));
        let mut taxes = vec![ui::Choice::new("", default)];
        taxes.extend(rates.iter().map(|t| ui::Choice::new(t.id, format!("{} {} %", t.name, t.percent.normalize()))));
        let title = if service.is_some() { "Change service" } else { "New service" };
        Ok(Self {
            head: ui::Head::of(r, "catalogue").title(title).back("/catalogue", "Catalogue"),
            id: service.map(|s| s.id),
            is_archived: service.is_some_and(|s| s.is_archived),
            form,
            errors: FieldErrors::default(),
            key: None,
            version: service.map(|s| s.version),
            theirs: None,
            currency: r.who.currency,
            taxes,
            kinds: ServiceKind::ALL.into_iter().map(|k| ui::Choice::new(k.name(), k.word()).hint(k.hint())).collect(),
        })
    }

    fn meta(&self) -> ui::Meta {
        let meta = ui::meta(&self.head).version(self.version);
        match &self.key {
            Some(key) => meta.key(key),
            None => meta,
        }
    }
}

/// `GET /catalogue/new`.
pub async fn new(mut r: Read) -> Result<ui::Html> {
    let form = ServiceForm { kind: "fixed".into(), duration: "60".into(), ..ServiceForm::default() };
    ui::page(&Form::new(&mut r, None, form).await?)
}

/// `POST /catalogue/new`.
pub async fn create(w: Write, form: Posted<ServiceForm>) -> Result<Response> {
    let result = match form.value.input() {
        Ok(service) => w.act(&form.meta, CreateService { id: None, service }).await,
        Err(e) => Err(e),
    };
    match result {
        Ok(_) => Ok(ui::redirect("/catalogue", &format!("{} added", form.value.name.trim()))),
        Err(Error::Invalid(errors)) => {
            let mut page = Form::new(&mut w.read().await?, None, form.value).await?;
            (page.errors, page.key) = (errors, form.meta.key);
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(e) => Err(e),
    }
}

/// `GET /catalogue/{id}/edit`.
pub async fn edit(mut r: Read, Path(id): Path<ServiceId>) -> Result<ui::Html> {
    let service = data::service(r.db(), id).await?;
    ui::page(&Form::new(&mut r, Some(&service), ServiceForm::of(&service)).await?)
}

/// `POST /catalogue/{id}/edit`.
pub async fn update(w: Write, Path(id): Path<ServiceId>, form: Posted<ServiceForm>) -> Result<Response> {
    let result = match form.value.input() {
        Ok(service) => w.act(&form.meta, UpdateService { service_id: id, service }).await,
        Err(e) => Err(e),
    };
    let (is_stale, errors) = match result {
        Ok(_) => return Ok(ui::redirect("/catalogue", &format!("{} saved", form.value.name.trim()))),
        Err(Error::Invalid(errors)) => (false, errors),
        Err(Error::Conflict { current: Some(_), .. }) => (true, FieldErrors::default()),
        Err(e) => return Err(e),
    };
    let mut r = w.read().await?;
    let service = data::service(r.db(), id).await?;
    let mut page = Form::new(&mut r, Some(&service), form.value).await?;
    if is_stale {
        page.theirs = Some(service);
        return Ok(ui::with_status(StatusCode::CONFLICT, &page)?.into_response());
    }
    (page.errors, page.key, page.version) = (errors, form.meta.key, form.meta.if_version);
    Ok(ui::invalid(&page)?.into_response())
}

#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// `POST /catalogue/{id}/archive`.
pub async fn archive(w: Write, Path(id): Path<ServiceId>, form: Posted<Nothing>) -> Result<Response> {
    w.act(&form.meta, ArchiveService { service_id: id }).await?;
    Ok(ui::redirect("/catalogue", "Archived. Tickets and invoices keep it."))
}

/// `POST /catalogue/{id}/restore`.
pub async fn restore(w: Write, Path(id): Path<ServiceId>, form: Posted<Nothing>) -> Result<Response> {
    w.act(&form.meta, RestoreService { service_id: id }).await?;
    Ok(ui::redirect("/catalogue", "Restored"))
}
