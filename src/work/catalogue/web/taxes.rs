//! Pages of tax rates.

use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::Nothing;
use crate::catalogue::{
    TaxRate,
    actions::{ArchiveTaxRate, CreateTaxRate, TaxRateInput, UpdateTaxRate},
    data,
};
use platform::{
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::TaxRateId,
    tenant::{Read, Write},
};

/// The tax rate form as typed.
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
    /// The tax rate being changed; `None` if the form adds one.
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
            head: ui::Head::of(r, "settings").title(title).back(back.0, back.1),
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
pub async fn tax_edit(mut r: Read, Path(id): Path<TaxRateId>) -> Result<ui::Html> {
    let rate = data::tax_rate(r.db(), id).await?;
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
