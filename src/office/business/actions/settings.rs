//! Writes of the business's details, hours, logo and checklist.

use crate::files::{self, NewFile};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::NaiveTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::business::{Step, check_currency, check_name, check_zone, logo};
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, FieldErrors, Result},
    ids::{FileId, OrgId},
    money::Currency,
    role::{Capability, Permission},
    text,
};

/// The written record and its new version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Written {
    pub id: Uuid,
    pub version: i32,
}

/// Changes the business's details. A field that is left out stays as it is; an empty text clears the field.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
#[serde(default)]
pub struct UpdateBusiness {
    /// The business itself; required for `if_version` to be checked.
    pub id: Option<OrgId>,
    #[garde(inner(custom(check_name)))]
    pub name: Option<String>,
    /// The email address that customers see.
    pub email: Option<String>,
    /// The address for customers' replies, if it differs from `email`.
    pub reply_to: Option<String>,
    pub phone: Option<String>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2 code; also the default region of phone numbers.
    #[garde(inner(custom(check_country)))]
    pub country: Option<String>,
    pub tax_id: Option<String>,
    pub website: Option<String>,
    /// IANA name.
    #[garde(inner(custom(check_zone)))]
    pub time_zone: Option<String>,
    /// ISO 4217 code. It cannot be changed once there are payments or non-void invoices in another currency.
    #[garde(inner(custom(check_currency)))]
    pub currency: Option<String>,
    #[garde(inner(custom(check_prefix)))]
    pub invoice_prefix: Option<String>,
    pub invoice_notes: Option<String>,
    /// Days until an invoice is due, 0 to 365.
    #[garde(inner(custom(check_terms)))]
    pub payment_terms_days: Option<i32>,
    pub staff_see_prices: Option<bool>,
    pub staff_see_all_tickets: Option<bool>,
    /// Names of capabilities that are switched off; pages do not show them.
    #[garde(inner(inner(custom(check_capability))))]
    pub capabilities_off: Option<Vec<String>>,
}

fn check_country(code: &str, (): &()) -> garde::Result {
    let fits = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    if fits { Ok(()) } else { Err(garde::Error::new("Choose a country from the list.")) }
}

fn check_prefix(prefix: &str, (): &()) -> garde::Result {
    let fits = prefix.chars().count() <= 12 && prefix.chars().all(|c| c.is_alphanumeric() || "-_/. ".contains(c));
    if fits { Ok(()) } else { Err(garde::Error::new("At most 12 letters, digits, hyphens and slashes.")) }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // garde hands references
fn check_terms(days: &i32, (): &()) -> garde::Result {
    if (0..=365).contains(days) { Ok(()) } else { Err(garde::Error::new("From 0 to 365 days.")) }
}

fn check_capability(name: &str, (): &()) -> garde::Result {
    if Capability::of_name(name).is_some() { Ok(()) } else { Err(garde::Error::new("There is no such capability.")) }
}

impl UpdateBusiness {
    /// Trims the texts and completes the website's address. Returns field errors for invalid values.
    fn cleaned(mut self) -> Result<Self> {
        let mut errors = FieldErrors::default();
        for (field, value) in [("email", &mut self.email), ("reply_to", &mut self.reply_to)] {
            if let Some(typed) = value.as_mut().filter(|v| !v.trim().is_empty()) {
                match text::email(typed) {
                    Some(email) => *typed = email,
                    None => errors.add(field, "This does not look like an email address."),
                }
            }
        }
        if let Some(site) = self.website.as_mut().filter(|v| !v.trim().is_empty()) {
            let typed = site.trim();
            let full = if typed.contains("://") { typed.to_owned() } else { format!("https://{typed}") };
            if (full.starts_with("https://") || full.starts_with("http://")) && full.contains('.') && !full.contains(char::is_whitespace) {
                *site = full;
            } else {
                errors.add("website", "This does not look like a web address.");
            }
        }
        let short = [
            ("phone", &mut self.phone),
            ("street", &mut self.street),
            ("city", &mut self.city),
            ("region", &mut self.region),
            ("postal_code", &mut self.postal_code),
            ("tax_id", &mut self.tax_id),
            ("name", &mut self.name),
            ("website", &mut self.website),
        ];
        for (field, value) in short {
            if let Some(v) = value {
                *v = text::collapse(v);
                if v.chars().count() > 200 {
                    errors.add(field, "At most 200 characters.");
                }
            }
        }
        if self.invoice_notes.as_ref().is_some_and(|n| n.chars().count() > 2000) {
            errors.add("invoice_notes", "At most 2,000 characters.");
        }
        errors.into_result()?;
        Ok(self)
    }
}

impl Action for UpdateBusiness {
    const NAME: &'static str = "business.update";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        self.id.map(|id| ("orgs", id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        if self.id.is_some_and(|id| id != cx.who.org) {
            return Err(Error::NotFound);
        }
        let new = self.cleaned()?;
        let currency = new.currency.as_deref().and_then(Currency::from_code).map(Currency::code);
        if let Some(wanted) = currency.filter(|c| *c != cx.who.currency.code()) {
            must_have_no_money(cx, wanted).await?;
        }
        let notes = new.invoice_notes.map(|n| platform::redact::redact(&n).text);
        let version = sqlx::query_scalar!(
            r#"
            update orgs set
              name = coalesce($1, name),
              email = case when $2::text is null then email else nullif(trim($2), '') end,
              reply_to = case when $3::text is null then reply_to else nullif(trim($3), '') end,
              phone = case when $4::text is null then phone else nullif($4, '') end,
              street = case when $5::text is null then street else nullif($5, '') end,
              city = case when $6::text is null then city else nullif($6, '') end,
              region = case when $7::text is null then region else nullif($7, '') end,
              postal_code = case when $8::text is null then postal_code else nullif($8, '') end,
              country = coalesce($9, country),
              tax_id = case when $10::text is null then tax_id else nullif($10, '') end,
              website = case when $11::text is null then website else nullif($11, '') end,
              time_zone = coalesce($12, time_zone),
              currency = coalesce($13, currency),
              invoice_prefix = coalesce($14, invoice_prefix),
              invoice_notes = case when $15::text is null then invoice_notes else nullif(trim($15), '') end,
              payment_terms_days = coalesce($16, payment_terms_days),
              staff_see_prices = coalesce($17, staff_see_prices),
              staff_see_all_tickets = coalesce($18, staff_see_all_tickets),
              capabilities_off = coalesce($19, capabilities_off)
            returning version
            "#,
            new.name,
            new.email,
            new.reply_to,
            new.phone,
            new.street,
            new.city,
            new.region,
            new.postal_code,
            new.country,
            new.tax_id,
            new.website,
            new.time_zone.map(|z| z.trim().to_owned()),
            currency,
            new.invoice_prefix,
            notes,
            new.payment_terms_days,
            new.staff_see_prices,
            new.staff_see_all_tickets,
            new.capabilities_off.as_deref()
        )
        .fetch_one(cx.db())
        .await?;
        written(cx, "business.updated", version).await
    }
}

/// Refuses the currency `wanted` if there are payments or non-void invoices in another one: totals are sums in one currency.
async fn must_have_no_money(cx: &mut Cx<'_>, wanted: &str) -> Result<()> {
    let there = sqlx::query_scalar!(
        r#"select exists (select from invoices where state <> 'void' and currency <> $1) or exists (select from payments where currency <> $1) as "there!""#,
        wanted
    )
    .fetch_one(cx.db())
    .await?;
    if !there {
        return Ok(());
    }
    let now = cx.who.currency;
    Err(FieldErrors::one("currency", format!("There are invoices or payments in {now}, so the currency can't be changed any more.")))
}

async fn written(cx: &mut Cx<'_>, event: &str, version: i32) -> Result<Written> {
    let id = cx.who.org.0;
    cx.event(event, Subject { kind: "business", id, contact: None }, json!({})).await?;
    Ok(Written { id, version })
}

/// Sets start and end of the working day (wall time in the business's zone) and the working days (ISO weekdays: 1 is Monday).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct SetHours {
    pub day_starts: NaiveTime,
    pub day_ends: NaiveTime,
    pub work_days: Vec<i32>,
}

impl Action for SetHours {
    const NAME: &'static str = "business.set_hours";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let mut errors = FieldErrors::default();
        if self.day_ends <= self.day_starts {
            errors.add("day_ends", "The day must end after it starts.");
        }
        let mut days = self.work_days;
        days.sort_unstable();
        days.dedup();
        if days.is_empty() || days.iter().any(|d| !(1..=7).contains(d)) {
            errors.add("work_days", "Choose at least one day of the week.");
        }
        errors.into_result()?;
        let version = sqlx::query_scalar!(
            "update orgs set day_starts = $1, day_ends = $2, work_days = $3 returning version",
            self.day_starts,
            self.day_ends,
            &days
        )
        .fetch_one(cx.db())
        .await?;
        written(cx, "business.hours_set", version).await
    }
}

/// Sets the logo on invoices and mails, or removes it. The image is stored as `logo::read` makes it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct SetLogo {
    /// The uploaded file's name.
    #[serde(default)]
    pub name: String,
    /// A PNG or JPEG of at most 1 MB, in base64. Empty removes the logo.
    pub image: String,
}

impl Action for SetLogo {
    const NAME: &'static str = "business.set_logo";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let bytes = STANDARD.decode(&self.image).map_err(|_| FieldErrors::one("image", "The image is not base64."))?;
        let file = if bytes.is_empty() { None } else { Some(store(cx, &self.name, bytes).await?) };
        let old = sqlx::query_scalar!("select logo_file_id from orgs for update").fetch_one(cx.db()).await?;
        let version =
            sqlx::query_scalar!("update orgs set logo_file_id = $1 returning version", file.map(|f| f.0)).fetch_one(cx.db()).await?;
        if let Some(old) = old {
            files::delete(cx, FileId(old), "logo").await?;
        }
        written(cx, "business.logo_set", version).await
    }
}

async fn store(cx: &mut Cx<'_>, name: &str, bytes: Vec<u8>) -> Result<FileId> {
    let read = tokio::task::spawn_blocking(move || logo::read(&bytes)).await.map_err(Error::internal)?;
    let logo = read.map_err(|why| FieldErrors::one("image", why))?;
    let name: String = name.chars().filter(|c| !c.is_control()).take(120).collect();
    let name = if name.is_empty() { "logo" } else { &name };
    files::store(cx, NewFile { kind: "logo", name, mime: logo.mime, bytes: &logo.bytes, sha256: None }).await
}

/// Skips a step of the first-day checklist, or undoes the skipping.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct SkipStep {
    pub step: Step,
    /// True to show the step again.
    #[serde(default)]
    pub undo: bool,
}

impl Action for SkipStep {
    const NAME: &'static str = "business.skip_step";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let version = sqlx::query_scalar!(
            "update orgs set checklist_skipped = array_remove(checklist_skipped, $1) || case when $2 then '{}'::text[] else array[$1] end returning version",
            self.step.name(),
            self.undo
        )
        .fetch_one(cx.db())
        .await?;
        Ok(Written { id: cx.who.org.0, version })
    }
}
