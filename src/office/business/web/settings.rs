//! Settings pages: details, hours, logo, and skipping a step of the checklist.

use askama::Template;
use axum::{
    extract::Multipart,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::{note_changes, zone_name};
use crate::business::{
    COUNTRIES, Step,
    actions::{SetHours, SetLogo, SkipStep, UpdateBusiness},
    data::{self, Settings},
};
use platform::{
    action::Meta,
    error::{Error, FieldErrors, Result},
    form::Posted,
    localtime::parse_time,
    money::Currency,
    role::{Capability, Permission},
    tenant::{Read, Write},
};

/// One entry of the settings menu.
struct Link {
    href: &'static str,
    label: &'static str,
    words: &'static str,
    /// Further search words.
    search: &'static str,
}

#[derive(Template)]
#[template(path = "business/settings.html")]
struct Index {
    head: ui::Head,
    links: Vec<Link>,
}

/// `GET /settings`: the settings that this member may change.
pub async fn index(read: Read) -> Result<ui::Html> {
    let who = &read.who;
    let (settings, team) = (who.can(Permission::ManageSettings), who.can(Permission::ManageTeam));
    let link = |shown: bool, href, label, words, search| shown.then_some(Link { href, label, words, search });
    let links = [
        link(
            settings,
            "/settings/business",
            "Business",
            "Name, address, logo, currency, invoices, what staff see",
            "profile details logo tax capabilities prefix terms",
        ),
        link(
            settings && who.has(Capability::Scheduling),
            "/settings/hours",
            "Working hours",
            "When the day starts and ends, and which days",
            "hours days week availability",
        ),
        link(team, "/settings/team", "Team", "Who belongs to it, and what they may do", "members roles invite technicians people"),
        link(
            settings && who.has(Capability::Payments),
            "/settings/stripe",
            "Stripe",
            "Be paid online, into your own account",
            "payments cards connection webhook",
        ),
        link(settings, "/catalogue", "Services", "What you offer, and for how much", "catalogue services prices products"),
        link(settings, "/settings/taxes", "Tax rates", "What is added, or included", "tax vat sales tax rates"),
        link(settings, "/settings/messages", "Message templates", "The words of your mails", "templates mail wording"),
        link(settings, "/imports", "Import", "Bring customers and appointments from Square", "import csv square"),
        link(settings, "/settings/export", "Export", "Everything, in open formats", "export backup download data"),
        link(settings, "/history", "History", "Who changed what, when, and how", "audit history changes trail"),
        link(
            settings && who.has(Capability::Payments),
            "/settings/webhooks",
            "Stripe events",
            "What Stripe told us, and what became of it",
            "webhooks stripe events reprocess",
        ),
        link(true, "/settings/tokens", "API tokens", "Let a program in, with your rights", "api token program key"),
        link(true, "/settings/sessions", "Where you are signed in", "Your devices; sign out", "sessions devices sign out log out security"),
        link(true, "/businesses", "Your businesses", "Switch, or make another", "switch business organisation"),
    ];
    let head = ui::Head::of(&read, "settings").title("Settings");
    ui::page(&Index { head, links: links.into_iter().flatten().collect() })
}

/// The details form as typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Form {
    name: String,
    email: String,
    reply_to: String,
    phone: String,
    street: String,
    city: String,
    region: String,
    postal_code: String,
    country: String,
    tax_id: String,
    website: String,
    time_zone: String,
    currency: String,
    invoice_prefix: String,
    invoice_notes: String,
    payment_terms_days: String,
    staff_see_prices: Option<String>,
    staff_see_all_tickets: Option<String>,
    /// Names of the capabilities that are on.
    on: Vec<String>,
}

impl Form {
    fn of(s: &Settings) -> Self {
        let text = |o: &Option<String>| o.clone().unwrap_or_default();
        let tick = |on: bool| on.then(|| "on".to_owned());
        Self {
            name: s.name.clone(),
            email: text(&s.email),
            reply_to: text(&s.reply_to),
            phone: text(&s.phone),
            street: text(&s.street),
            city: text(&s.city),
            region: text(&s.region),
            postal_code: text(&s.postal_code),
            country: s.country.clone(),
            tax_id: text(&s.tax_id),
            website: text(&s.website),
            time_zone: s.time_zone.clone(),
            currency: s.currency.clone(),
            invoice_prefix: s.invoice_prefix.clone(),
            invoice_notes: text(&s.invoice_notes),
            payment_terms_days: s.payment_terms_days.to_string(),
            staff_see_prices: tick(s.staff_see_prices),
            staff_see_all_tickets: tick(s.staff_see_all_tickets),
            on: Capability::ALL
                .iter()
                .map(|c| c.name())
                .filter(|c| !s.capabilities_off.iter().any(|o| o == c))
                .map(str::to_owned)
                .collect(),
        }
    }

    fn is_on(&self, capability: &str) -> bool {
        self.on.iter().any(|on| on == capability)
    }

    fn action(&self, org: platform::ids::OrgId) -> Result<UpdateBusiness> {
        let days = self.payment_terms_days.trim().parse::<i32>();
        let days = days.map_err(|_| FieldErrors::one("payment_terms_days", "A number of days, 0 to 365."))?;
        let some = |s: &String| Some(s.clone());
        Ok(UpdateBusiness {
            id: Some(org),
            name: some(&self.name),
            email: some(&self.email),
            reply_to: some(&self.reply_to),
            phone: some(&self.phone),
            street: some(&self.street),
            city: some(&self.city),
            region: some(&self.region),
            postal_code: some(&self.postal_code),
            country: some(&self.country),
            tax_id: some(&self.tax_id),
            website: some(&self.website),
            time_zone: Some(zone_name(&self.time_zone)),
            currency: some(&self.currency),
            invoice_prefix: some(&self.invoice_prefix),
            invoice_notes: some(&self.invoice_notes),
            payment_terms_days: Some(days),
            staff_see_prices: Some(self.staff_see_prices.is_some()),
            staff_see_all_tickets: Some(self.staff_see_all_tickets.is_some()),
            capabilities_off: Some(Capability::ALL.iter().map(|c| c.name()).filter(|c| !self.is_on(c)).map(str::to_owned).collect()),
        })
    }
}

#[derive(Template)]
#[template(path = "business/edit.html")]
struct Edit {
    head: ui::Head,
    version: i32,
    form: Form,
    currencies: Vec<ui::Choice>,
    countries: Vec<ui::Choice>,
    /// Name, word, hint.
    capabilities: [(&'static str, &'static str, &'static str); 4],
    has_logo: bool,
    logo_error: Option<String>,
    /// Another save came in between.
    is_stale: bool,
    errors: FieldErrors,
}

async fn edit(mut read: Read, form: Option<Form>, errors: FieldErrors) -> Result<Edit> {
    let settings = data::settings(read.db()).await?;
    let form = form.unwrap_or_else(|| Form::of(&settings));
    let mut countries: Vec<_> = COUNTRIES.iter().map(|(code, name)| ui::Choice::new(code, name)).collect();
    if !COUNTRIES.iter().any(|(code, _)| *code == form.country) && !form.country.is_empty() {
        countries.push(ui::Choice::new(&form.country, &form.country));
    }
    Ok(Edit {
        head: ui::Head::of(&read, "settings").title("Business").back("/settings", "Settings"),
        version: settings.version,
        form,
        currencies: Currency::all().map(|c| ui::Choice::new(c.code(), format!("{} · {}", c.code(), c.name()))).collect(),
        countries,
        capabilities: [
            ("scheduling", "Scheduling", "Calendar, tickets, working hours"),
            ("invoices", "Invoices", "Bill customers"),
            ("payments", "Payments", "Take and record payments"),
            ("portal", "Customer pages", "Customers answer and pay by a link"),
        ],
        has_logo: settings.has_logo,
        logo_error: errors.of("image").map(str::to_owned),
        is_stale: false,
        errors,
    })
}

/// `GET /settings/business`
pub async fn business(read: Read) -> Result<ui::Html> {
    ui::page(&edit(read, None, FieldErrors::default()).await?)
}

/// `POST /settings/business`
pub async fn save_business(write: Write, form: Posted<Form>) -> Result<Response> {
    let saved = match form.value.action(write.who.org) {
        Ok(action) => write.act(&form.meta, action).await,
        Err(e) => Err(e),
    };
    match saved {
        Ok(_) => Ok(ui::redirect("/settings/business", "Saved.")),
        Err(Error::Invalid(errors)) => {
            let mut page = edit(write.read().await?, Some(form.value), errors).await?;
            page.version = form.meta.if_version.unwrap_or(page.version);
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(Error::Conflict { current: Some(_), .. }) => {
            let mut read = write.read().await?;
            let now = Form::of(&data::settings(read.db()).await?);
            let mut page = edit(read, Some(form.value), FieldErrors::default()).await?;
            page.compare(&now);
            Ok(ui::with_status(StatusCode::CONFLICT, &page)?.into_response())
        }
        Err(e) => Err(e),
    }
}

impl Edit {
    /// Marks the page as stale and shows the saved values (`now`) beside the typed ones.
    fn compare(&mut self, now: &Form) {
        self.is_stale = true;
        let f = &self.form;
        let fields = [
            ("name", f.name.as_str(), now.name.clone()),
            ("email", f.email.as_str(), now.email.clone()),
            ("reply_to", f.reply_to.as_str(), now.reply_to.clone()),
            ("phone", f.phone.as_str(), now.phone.clone()),
            ("website", f.website.as_str(), now.website.clone()),
            ("street", f.street.as_str(), now.street.clone()),
            ("city", f.city.as_str(), now.city.clone()),
            ("region", f.region.as_str(), now.region.clone()),
            ("postal_code", f.postal_code.as_str(), now.postal_code.clone()),
            ("country", f.country.as_str(), now.country.clone()),
            ("tax_id", f.tax_id.as_str(), now.tax_id.clone()),
            ("time_zone", f.time_zone.as_str(), now.time_zone.clone()),
            ("currency", f.currency.as_str(), now.currency.clone()),
            ("invoice_prefix", f.invoice_prefix.as_str(), now.invoice_prefix.clone()),
            ("invoice_notes", f.invoice_notes.as_str(), now.invoice_notes.clone()),
            ("payment_terms_days", f.payment_terms_days.as_str(), now.payment_terms_days.clone()),
        ];
        let mut errors = FieldErrors::default();
        note_changes(&mut errors, &fields);
        self.errors = errors;
    }
}

/// The largest form with a logo, in bytes: a file somewhat over the limit still gets its own message.
pub const MAX_LOGO_FORM: usize = 4 * crate::business::logo::MAX_FILE;

/// `POST /settings/logo`: saves the uploaded file, or removes the logo if that button was pressed.
pub async fn save_logo(write: Write, mut body: Multipart) -> Result<Response> {
    let (mut meta, mut name, mut bytes, mut is_removal) = (Meta::default(), String::new(), Vec::new(), false);
    while let Some(field) = body.next_field().await.map_err(|_| Error::TooLarge)? {
        match field.name().unwrap_or_default() {
            "_key" => meta.key = Some(field.text().await.map_err(|_| Error::TooLarge)?).filter(|k| !k.is_empty()),
            "_org" => meta.org = field.text().await.map_err(|_| Error::TooLarge)?.parse().ok(),
            "remove" => is_removal = true,
            "image" => {
                name = field.file_name().unwrap_or_default().to_owned();
                bytes = field.bytes().await.map_err(|_| Error::TooLarge)?.to_vec();
            }
            _ => {}
        }
    }
    let result = match (is_removal, bytes.is_empty()) {
        (false, true) => Err(FieldErrors::one("image", "Choose a picture first.")),
        (true, _) => write.act(&meta, SetLogo { name: String::new(), image: String::new() }).await,
        (false, false) => write.act(&meta, SetLogo { name, image: STANDARD.encode(&bytes) }).await,
    };
    match result {
        Ok(_) => Ok(ui::redirect("/settings/business", if is_removal { "The logo is removed." } else { "The logo is saved." })),
        Err(Error::Invalid(errors)) => Ok(ui::invalid(&edit(write.read().await?, None, errors).await?)?.into_response()),
        Err(e) => Err(e),
    }
}

/// `GET /settings/logo`: the image itself.
pub async fn logo(mut read: Read) -> Result<Response> {
    let logo = data::logo(read.db()).await?.ok_or(Error::NotFound)?;
    Ok(([(header::CONTENT_TYPE, logo.mime), (header::CACHE_CONTROL, "private, no-cache".to_owned())], logo.bytes).into_response())
}

/// The hours form as typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct HoursForm {
    day_starts: String,
    day_ends: String,
    work_days: Vec<i32>,
}

#[derive(Template)]
#[template(path = "business/hours.html")]
struct Hours {
    head: ui::Head,
    form: HoursForm,
    days: [(i32, &'static str); 7],
    errors: FieldErrors,
}

async fn hours_page(mut read: Read, form: Option<HoursForm>, errors: FieldErrors) -> Result<Hours> {
    let s = data::settings(read.db()).await?;
    let time = |t: chrono::NaiveTime| t.format("%H:%M").to_string();
    let form =
        form.unwrap_or_else(|| HoursForm { day_starts: time(s.day_starts), day_ends: time(s.day_ends), work_days: s.work_days.clone() });
    let head = ui::Head::of(&read, "settings").title("Working hours").back("/settings", "Settings");
    let days = [(1, "Monday"), (2, "Tuesday"), (3, "Wednesday"), (4, "Thursday"), (5, "Friday"), (6, "Saturday"), (7, "Sunday")];
    Ok(Hours { head, form, days, errors })
}

/// `GET /settings/hours`
pub async fn hours(read: Read) -> Result<ui::Html> {
    ui::page(&hours_page(read, None, FieldErrors::default()).await?)
}

/// `POST /settings/hours`
pub async fn save_hours(write: Write, form: Posted<HoursForm>) -> Result<Response> {
    let mut errors = FieldErrors::default();
    let mut time = |field: &str, typed: &str| parse_time(typed).map_err(|e| errors.add(field, e)).unwrap_or_default();
    let (day_starts, day_ends) = (time("day_starts", &form.value.day_starts), time("day_ends", &form.value.day_ends));
    let saved = match errors.into_result() {
        Ok(()) => write.act(&form.meta, SetHours { day_starts, day_ends, work_days: form.value.work_days.clone() }).await,
        Err(e) => Err(e),
    };
    match saved {
        Ok(_) => Ok(ui::redirect("/settings/hours", "Saved.")),
        Err(Error::Invalid(errors)) => Ok(ui::invalid(&hours_page(write.read().await?, Some(form.value), errors).await?)?.into_response()),
        Err(e) => Err(e),
    }
}

#[derive(Debug, Deserialize)]
pub struct SkipForm {
    step: Step,
    #[serde(default)]
    undo: bool,
}

/// `POST /settings/checklist`: skips a step, or shows it again.
pub async fn skip(write: Write, form: Posted<SkipForm>) -> Result<Response> {
    write.act(&form.meta, SkipStep { step: form.value.step, undo: form.value.undo }).await?;
    Ok(ui::redirect("/", ""))
}
