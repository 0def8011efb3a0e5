//! Pages of tax rates.

use axum::{extract::Path, response::Response};

use crate::catalogue::{
    TaxRate,
    actions::{ArchiveTaxRate, CreateTaxRate, TaxRateInput, UpdateTaxRate},
    data,
};
use platform::{
    error::Result,
    ids::TaxRateId,
    tenant::{Read, Write},
};
use ui::{Choice, Form};

fn filled(t: &TaxRate) -> Form {
    Form::default()
        .version(t.version)
        .with("name", &t.name)
        .with("percent", t.percent.normalize())
        .tick("is_inclusive", t.is_inclusive)
        .tick("is_default", t.is_default)
}

/// The fields compared with what others saved meanwhile.
const LABELS: [(&str, &str); 4] =
    [("name", "Name"), ("percent", "Rate"), ("is_inclusive", "Contained in prices"), ("is_default", "Use it unless told otherwise")];

fn input(form: &mut Form) -> Option<TaxRateInput> {
    let percent = form.must("percent", |typed| {
        typed.trim_end_matches('%').trim().replace(',', ".").parse().map_err(|_| "Give the rate as a number: 9 or 8.25.")
    });
    let (is_inclusive, is_default) = (form.is_on("is_inclusive"), form.is_on("is_default"));
    Some(TaxRateInput { name: form.owned("name"), percent: percent?, is_inclusive, is_default })
}

#[derive(askama::Template)]
#[template(path = "catalogue/taxes.html")]
struct Page {
    head: ui::Head,
    rates: Vec<TaxRate>,
    /// The tax rate being changed; `None` if the form adds one.
    editing: Option<TaxRate>,
    form: Form,
}

/// The list of tax rates, with the form that adds one.
async fn list_page(r: &mut Read, form: Form) -> Result<Page> {
    let head = ui::Head::of(r, "settings").title("Taxes").back("/settings", "Settings");
    Ok(Page { head, rates: data::tax_rates(r.db()).await?, editing: None, form })
}

/// The page that changes a tax rate; `refused` is the form that was refused.
async fn edit_page(r: &mut Read, id: TaxRateId, refused: Option<Form>) -> Result<Page> {
    let rate = data::tax_rate(r.db(), id).await?;
    let mut form = Form::editing(filled(&rate), refused, &LABELS);
    for (_, label) in &LABELS[2..] {
        form.spell(label, &[Choice::new("on", "yes"), Choice::new("", "no")]);
    }
    let head = ui::Head::of(r, "settings").title("Change tax rate").back("/settings/taxes", "Taxes");
    Ok(Page { head, rates: Vec::new(), editing: Some(rate), form })
}

/// `GET /settings/taxes`.
pub async fn taxes(mut r: Read) -> Result<ui::Html> {
    ui::page(&list_page(&mut r, Form::default()).await?)
}

/// `POST /settings/taxes`.
pub async fn tax_create(w: Write, mut form: Form) -> Result<Response> {
    let action = input(&mut form).map(|rate| CreateTaxRate { id: None, rate });
    form.run(&w, action, |_| ui::redirect("/settings/taxes", "Tax rate added"), async |r, form| list_page(r, form).await).await
}

/// `GET /settings/taxes/{id}`.
pub async fn tax_edit(mut r: Read, Path(id): Path<TaxRateId>) -> Result<ui::Html> {
    ui::page(&edit_page(&mut r, id, None).await?)
}

/// `POST /settings/taxes/{id}`.
pub async fn tax_update(w: Write, Path(id): Path<TaxRateId>, mut form: Form) -> Result<Response> {
    let action = input(&mut form).map(|rate| UpdateTaxRate { tax_rate_id: id, rate });
    let done = |_| ui::redirect("/settings/taxes", "Tax rate saved");
    form.run(&w, action, done, async |r, form| edit_page(r, id, Some(form)).await).await
}

/// `POST /settings/taxes/{id}/archive`.
pub async fn tax_archive(w: Write, Path(id): Path<TaxRateId>, form: Form) -> Result<Response> {
    w.act(&form.meta, ArchiveTaxRate { tax_rate_id: id }).await?;
    Ok(ui::redirect("/settings/taxes", "Tax rate archived; invoices keep it"))
}
