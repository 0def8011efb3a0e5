//! The pages of the catalogue: services and tax rates.

use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    Service, ServiceKind, TaxRate,
    actions::{
        ArchiveService, ArchiveTaxRate, CreateService, CreateTaxRate, RestoreService, ServiceInput, TaxRateInput, UpdateService,
        UpdateTaxRate,
    },
    data,
};
use crate::{
    platform::{
        error::{Error, FieldErrors, Result},
        form::{Posted, percent_encode},
        ids::{ServiceId, TaxRateId},
        money::{Currency, parse_amount},
        query::{decode_cursor, next_cursor},
        role::Permission,
        tenant::{Read, Who, Write},
    },
    ui,
};

const PAGE: i64 = 30;

fn currency(who: &Who) -> Currency {
    Currency::from_code(&who.currency).unwrap_or(Currency::USD)
}

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
        let query: Vec<String> = parts.iter().filter(|p| !p.1.is_empty()).map(|(k, v)| format!("{k}={}", percent_encode(v))).collect();
        if query.is_empty() { "/catalogue".into() } else { format!("/catalogue?{}", query.join("&")) }
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
    /// "$95.00", "$5.00 each screen", "Price on the ticket".
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

/// `GET /catalogue`: searched with `search`, filtered by `state` and `kind`.
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
        head: r.head("catalogue").title("Catalogue"),
        currency: currency(&r.who),
        sees_prices: r.who.sees_prices(),
        can_change: r.who.can(Permission::ManageSettings),
        next: next.map(|c| wanted.href(&wanted.state, &wanted.kind, &c)),
        first: (!wanted.after.is_empty()).then(|| wanted.href(&wanted.state, &wanted.kind, "")),
        rows,
        wanted,
    })
}

/// A service as typed.
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
    /// The saved service, where somebody else changed it while this form was open.
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
            head: r.head("catalogue").title(title).back("/catalogue", "Catalogue"),
            id: service.map(|s| s.id),
            is_archived: service.is_some_and(|s| s.is_archived),
            form,
            errors: FieldErrors::default(),
            key: None,
            version: service.map(|s| s.version),
            theirs: None,
            currency: currency(&r.who),
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

/// A tax rate as typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TaxForm {
    name: String,
    percent: String,
    is_inclusive: String,
    is_default: String,
}

impl TaxForm {
    fn of(t: &TaxRate) -> Self {
        let on = |yes: bool| if yes { "on".to_owned() } else { String::new() };
        Self {
            name: t.name.clone(),
            percent: t.percent.normalize().to_string(),
            is_inclusive: on(t.is_inclusive),
            is_default: on(t.is_default),
        }
    }

    fn input(&self) -> Result<TaxRateInput> {
        let percent = self.percent.trim().trim_end_matches('%').trim().replace(',', ".");
        let percent = percent.parse().map_err(|_| FieldErrors::one("percent", "Give the rate as a number: 9 or 8.25."))?;
        Ok(TaxRateInput { name: self.name.clone(), percent, is_inclusive: self.is_inclusive == "on", is_default: self.is_default == "on" })
    }
}

#[derive(askama::Template)]
#[template(path = "catalogue/taxes.html")]
struct Taxes {
    head: ui::Head,
    rates: Vec<TaxRate>,
    /// The one being changed; none: the form adds one.
    editing: Option<TaxRate>,
    form: TaxForm,
    errors: FieldErrors,
    key: Option<String>,
    theirs: Option<String>,
}

impl Taxes {
    async fn new(r: &mut Read, editing: Option<TaxRate>, form: TaxForm) -> Result<Self> {
        let (title, back) = match editing {
            Some(_) => ("Change tax rate", ("/settings/taxes", "Taxes")),
            None => ("Taxes", ("/settings", "Settings")),
        };
        let rates = if editing.is_some() { Vec::new() } else { data::tax_rates(r.db()).await? };
        Ok(Self {
            head: r.head("settings").title(title).back(back.0, back.1),
            rates,
            editing,
            form,
            errors: FieldErrors::default(),
            key: None,
            theirs: None,
        })
    }

    fn meta(&self) -> ui::Meta {
        let meta = ui::meta(&self.head).version(self.editing.as_ref().map(|t| t.version));
        match &self.key {
            Some(key) => meta.key(key),
            None => meta,
        }
    }
}

/// `GET /settings/taxes`.
pub async fn taxes(mut r: Read) -> Result<ui::Html> {
    ui::page(&Taxes::new(&mut r, None, TaxForm::default()).await?)
}

/// `POST /settings/taxes`.
pub async fn tax_create(w: Write, form: Posted<TaxForm>) -> Result<Response> {
    let result = match form.value.input() {
        Ok(rate) => w.act(&form.meta, CreateTaxRate { id: None, rate }).await,
        Err(e) => Err(e),
    };
    match result {
        Ok(_) => Ok(ui::redirect("/settings/taxes", "Tax rate added")),
        Err(Error::Invalid(errors)) => {
            let mut page = Taxes::new(&mut w.read().await?, None, form.value).await?;
            (page.errors, page.key) = (errors, form.meta.key);
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(e) => Err(e),
    }
}

/// `GET /settings/taxes/{id}`.
pub async fn tax_edit(mut r: Read, Path(id): Path<Uuid>) -> Result<ui::Html> {
    let rate = data::tax_rate(r.db(), id.into()).await?;
    let form = TaxForm::of(&rate);
    ui::page(&Taxes::new(&mut r, Some(rate), form).await?)
}

/// `POST /settings/taxes/{id}`.
pub async fn tax_update(w: Write, Path(id): Path<TaxRateId>, form: Posted<TaxForm>) -> Result<Response> {
    let result = match form.value.input() {
        Ok(rate) => w.act(&form.meta, UpdateTaxRate { tax_rate_id: id, rate }).await,
        Err(e) => Err(e),
    };
    let (is_stale, errors) = match result {
        Ok(_) => return Ok(ui::redirect("/settings/taxes", "Tax rate saved")),
        Err(Error::Invalid(errors)) => (false, errors),
        Err(Error::Conflict { current: Some(_), .. }) => (true, FieldErrors::default()),
        Err(e) => return Err(e),
    };
    let mut r = w.read().await?;
    let rate = data::tax_rate(r.db(), id).await?;
    let theirs = format!("{} {} %", rate.name, rate.percent.normalize());
    let mut page = Taxes::new(&mut r, Some(rate), form.value).await?;
    if is_stale {
        page.theirs = Some(theirs);
        return Ok(ui::with_status(StatusCode::CONFLICT, &page)?.into_response());
    }
    (page.errors, page.key) = (errors, form.meta.key);
    Ok(ui::invalid(&page)?.into_response())
}

/// `POST /settings/taxes/{id}/archive`.
pub async fn tax_archive(w: Write, Path(id): Path<TaxRateId>, form: Posted<Nothing>) -> Result<Response> {
    w.act(&form.meta, ArchiveTaxRate { tax_rate_id: id }).await?;
    Ok(ui::redirect("/settings/taxes", "Tax rate archived; invoices keep it"))
}
