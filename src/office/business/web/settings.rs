//! Settings pages: details, hours, logo, and skipping a step of the checklist.

use askama::Template;
use axum::{
    extract::Multipart,
    http::header,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::zone_name;
use crate::business::{
    COUNTRIES, Step,
    actions::{SetHours, SetLogo, SkipStep, UpdateBusiness},
    data::{self, Settings},
};
use platform::{
    error::{Error, FieldErrors, Result},
    ids::OrgId,
    localtime::parse_time,
    menu::{MenuEntry, Place},
    money::Currency,
    role::Capability,
    tenant::{Read, Write},
};
use ui::Form;

#[derive(Template)]
#[template(path = "business/settings.html")]
struct Index {
    head: ui::Head,
    entries: Vec<&'static MenuEntry>,
}

/// `GET /settings`: the settings that this member may change.
pub async fn index(read: Read) -> Result<ui::Html> {
    let head = ui::Head::of(&read, "settings").title("Settings");
    ui::page(&Index { entries: head.listed(&[Place::Settings]), head })
}

fn filled(s: &Settings) -> Form {
    let mut form = Form::default()
        .version(s.version)
        .with("name", &s.name)
        .with("email", &s.email)
        .with("reply_to", &s.reply_to)
        .with("phone", &s.phone)
        .with("street", &s.street)
        .with("city", &s.city)
        .with("region", &s.region)
        .with("postal_code", &s.postal_code)
        .with("country", &s.country)
        .with("tax_id", &s.tax_id)
        .with("website", &s.website)
        .with("time_zone", &s.time_zone)
        .with("currency", &s.currency)
        .with("invoice_prefix", &s.invoice_prefix)
        .with("invoice_notes", &s.invoice_notes)
        .with("payment_terms_days", s.payment_terms_days)
        .tick("staff_see_prices", s.staff_see_prices)
        .tick("staff_see_all_tickets", s.staff_see_all_tickets);
    for capability in Capability::ALL.iter().map(|c| c.name()).filter(|c| !s.capabilities_off.iter().any(|off| off == c)) {
        form.add("on", capability);
    }
    form
}

/// The fields compared with what others saved meanwhile.
const LABELS: [(&str, &str); 19] = [
    ("name", "Name"),
    ("email", "Email"),
    ("reply_to", "Replies go to"),
    ("phone", "Phone"),
    ("website", "Website"),
    ("street", "Street"),
    ("city", "Town"),
    ("region", "State or region"),
    ("postal_code", "Postal code"),
    ("country", "Country"),
    ("tax_id", "Tax number"),
    ("time_zone", "Time zone"),
    ("currency", "Currency"),
    ("invoice_prefix", "Invoice numbers start with"),
    ("payment_terms_days", "Invoices are due after"),
    ("invoice_notes", "On every invoice"),
    ("staff_see_prices", "Staff see prices"),
    ("staff_see_all_tickets", "Staff see everybody's tickets"),
    ("on", "What you use"),
];

fn update(form: &mut Form, org: OrgId) -> UpdateBusiness {
    let days = form.must("payment_terms_days", |days| days.parse::<i32>().map_err(|_| "A number of days, 0 to 365."));
    let text = |name: &str| Some(form.owned(name));
    UpdateBusiness {
        id: Some(org),
        name: text("name"),
        email: text("email"),
        reply_to: text("reply_to"),
        phone: text("phone"),
        street: text("street"),
        city: text("city"),
        region: text("region"),
        postal_code: text("postal_code"),
        country: text("country"),
        tax_id: text("tax_id"),
        website: text("website"),
        time_zone: Some(zone_name(form.get("time_zone"))),
        currency: text("currency"),
        invoice_prefix: text("invoice_prefix"),
        invoice_notes: text("invoice_notes"),
        payment_terms_days: days,
        staff_see_prices: Some(form.is_on("staff_see_prices")),
        staff_see_all_tickets: Some(form.is_on("staff_see_all_tickets")),
        capabilities_off: Some(Capability::ALL.iter().map(|c| c.name()).filter(|c| !form.chose("on", c)).map(str::to_owned).collect()),
    }
}

#[derive(Template)]
#[template(path = "business/edit.html")]
struct Edit {
    head: ui::Head,
    form: Form,
    currencies: Vec<ui::Choice>,
    countries: Vec<ui::Choice>,
    has_logo: bool,
    /// The form of the logo, if it was refused.
    logo: Form,
}

async fn edit(read: &mut Read, refused: Option<Form>, logo: Form) -> Result<Edit> {
    let settings = data::settings(read.db()).await?;
    let mut form = Form::editing(filled(&settings), refused, &LABELS);
    for label in ["Staff see prices", "Staff see everybody's tickets"] {
        form.spell(label, &[ui::Choice::new("on", "yes"), ui::Choice::new("", "no")]);
    }
    let mut countries: Vec<_> = COUNTRIES.iter().map(|(code, name)| ui::Choice::new(code, name)).collect();
    let country = form.get("country");
    if !COUNTRIES.iter().any(|(code, _)| *code == country) && !country.is_empty() {
        countries.push(ui::Choice::new(country, country));
    }
    Ok(Edit {
        head: ui::Head::of(read, "settings").title("Business").back("/settings", "Settings"),
        form,
        currencies: Currency::all().map(|c| ui::Choice::new(c.code(), format!("{} · {}", c.code(), c.name()))).collect(),
        countries,
        has_logo: settings.has_logo,
        logo,
    })
}

/// `GET /settings/business`
pub async fn business(mut read: Read) -> Result<ui::Html> {
    ui::page(&edit(&mut read, None, Form::default()).await?)
}

/// `POST /settings/business`
pub async fn save_business(write: Write, mut form: Form) -> Result<Response> {
    let action = update(&mut form, write.who.org);
    let done = |_| ui::redirect("/settings/business", "Saved.");
    form.run(&write, Some(action), done, async |r, form| edit(r, Some(form), Form::default()).await).await
}

/// The largest form with a logo, in bytes: a file somewhat over the limit still gets its own message.
pub const MAX_LOGO_FORM: usize = 4 * crate::business::logo::MAX_FILE;

/// `POST /settings/logo`: saves the uploaded file, or removes the logo if that button was pressed.
pub async fn save_logo(write: Write, mut body: Multipart) -> Result<Response> {
    let (mut form, mut name, mut bytes, mut is_removal) = (Form::default(), String::new(), Vec::new(), false);
    while let Some(field) = body.next_field().await.map_err(|_| Error::TooLarge)? {
        match field.name().unwrap_or_default() {
            "_key" => form.meta.key = Some(field.text().await.map_err(|_| Error::TooLarge)?).filter(|k| !k.is_empty()),
            "_org" => form.meta.org = field.text().await.map_err(|_| Error::TooLarge)?.parse().ok(),
            "remove" => is_removal = true,
            "image" => {
                name = field.file_name().unwrap_or_default().to_owned();
                bytes = field.bytes().await.map_err(|_| Error::TooLarge)?.to_vec();
            }
            _ => {}
        }
    }
    let (action, words) = match (is_removal, bytes.is_empty()) {
        (true, _) => (SetLogo { name: String::new(), image: String::new() }, "The logo is removed."),
        (false, is_missing) => {
            if is_missing {
                form.errors.add("image", "Choose a picture first.");
            }
            (SetLogo { name, image: STANDARD.encode(&bytes) }, "The logo is saved.")
        }
    };
    let page = async |r: &mut Read, logo: Form| edit(r, None, logo).await;
    form.run(&write, Some(action), |_| ui::redirect("/settings/business", words), page).await
}

/// `GET /settings/logo`: the image itself.
pub async fn logo(mut read: Read) -> Result<Response> {
    let logo = data::logo(read.db()).await?.ok_or(Error::NotFound)?;
    Ok(([(header::CONTENT_TYPE, logo.mime), (header::CACHE_CONTROL, "private, no-cache".to_owned())], logo.bytes).into_response())
}

#[derive(Template)]
#[template(path = "business/hours.html")]
struct Hours {
    head: ui::Head,
    form: Form,
    days: [(i32, &'static str); 7],
}

fn hours_page(read: &Read, form: Form) -> Hours {
    let head = ui::Head::of(read, "settings").title("Working hours").back("/settings", "Settings");
    let days = [(1, "Monday"), (2, "Tuesday"), (3, "Wednesday"), (4, "Thursday"), (5, "Friday"), (6, "Saturday"), (7, "Sunday")];
    Hours { head, form, days }
}

/// `GET /settings/hours`
pub async fn hours(mut read: Read) -> Result<ui::Html> {
    let s = data::settings(read.db()).await?;
    let mut form = Form::default().with("day_starts", s.day_starts).with("day_ends", s.day_ends);
    for day in s.work_days {
        form.add("work_days", day);
    }
    ui::page(&hours_page(&read, form))
}

/// `POST /settings/hours`
pub async fn save_hours(write: Write, mut form: Form) -> Result<Response> {
    let times = form.must("day_starts", parse_time).zip(form.must("day_ends", parse_time));
    let action = times.map(|(day_starts, day_ends)| SetHours { day_starts, day_ends, work_days: form.all_parsed("work_days") });
    form.run(&write, action, |_| ui::redirect("/settings/hours", "Saved."), async |r, form| Ok(hours_page(r, form))).await
}

/// `POST /settings/checklist`: skips a step, or shows it again.
pub async fn skip(write: Write, form: Form) -> Result<Response> {
    let step = form.get("step");
    let step: Step = serde_json::from_value(step.into()).map_err(|_| FieldErrors::one("step", "There is no such step."))?;
    write.act(&form.meta, SkipStep { step, undo: form.is_on("undo") }).await?;
    Ok(ui::redirect("/", ""))
}
