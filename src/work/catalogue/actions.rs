//! Writes of services and tax rates.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Service, ServiceKind, TaxRate, data};
use platform::{
    action::{Action, Cx, Subject},
    error::{FieldErrors, Result},
    ids::{ServiceId, TaxRateId},
    money,
    role::Permission,
    text,
};

/// The written record and its new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    pub id: Uuid,
    pub version: i32,
}

/// The fields of a service as input.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServiceInput {
    pub name: String,
    pub kind: ServiceKind,
    pub description: String,
    pub category: String,
    pub sku: String,
    /// In the business's currency; optional for flexible services only.
    pub price: Option<Decimal>,
    pub unit: String,
    /// 0 to 1440. Default: 0 for products, 60 otherwise.
    pub duration_minutes: Option<i32>,
    pub tax_rate_id: Option<TaxRateId>,
}

/// Adds a service to the catalogue.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CreateService {
    #[serde(default)]
    pub id: Option<ServiceId>,
    #[serde(flatten)]
    pub service: ServiceInput,
}

/// Replaces all fields of a service. Existing tickets and invoices do not change.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct UpdateService {
    pub service_id: ServiceId,
    #[serde(flatten)]
    pub service: ServiceInput,
}

/// Archives a service: it can no longer be booked.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ArchiveService {
    pub service_id: ServiceId,
}

/// Restores an archived service.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RestoreService {
    pub service_id: ServiceId,
}

fn about(kind: &'static str, id: Uuid) -> Subject {
    Subject { kind, id, contact: None }
}

impl ServiceInput {
    fn checked(&self, cx: &Cx<'_>, id: ServiceId) -> Result<Service> {
        let mut errors = FieldErrors::default();
        let mut line = |field: &str, typed: &str, max: usize| {
            let clean = text::collapse(typed);
            if clean.chars().count() > max {
                errors.add(field, format!("At most {max} characters fit here."));
            }
            clean
        };
        let (name, category, sku, unit) =
            (line("name", &self.name, 200), line("category", &self.category, 80), line("sku", &self.sku, 60), line("unit", &self.unit, 40));
        if name.is_empty() {
            errors.add("name", "Give the service a name.");
        }
        let currency = cx.who.currency;
        match self.price {
            None if self.kind != ServiceKind::Flexible => errors.add("price", "A price is needed, except for flexible services."),
            Some(p) if p.is_sign_negative() && !p.is_zero() => errors.add("price", "A price can't be below zero."),
            Some(p) if p > Decimal::from(9_999_999) => errors.add("price", "That is more than we can reckon with."),
            _ => {}
        }
        if self.kind == ServiceKind::PerUnit && unit.is_empty() {
            errors.add("unit", "Per what? Screen, pane, foot …");
        }
        let duration_minutes = self.duration_minutes.unwrap_or(if self.kind == ServiceKind::Product { 0 } else { 60 });
        if !(0..=1440).contains(&duration_minutes) {
            errors.add("duration_minutes", "A duration is between 0 minutes and 24 hours.");
        }
        errors.into_result()?;
        Ok(Service {
            id,
            name,
            kind: self.kind,
            description: self.description.trim().to_owned(),
            category,
            sku,
            price: self.price.map(|p| money::round(p, currency)),
            unit,
            duration_minutes,
            tax_rate_id: self.tax_rate_id,
            is_archived: false,
            version: 1,
        })
    }
}

impl Action for CreateService {
    const NAME: &'static str = "service.create";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let s = self.service.checked(cx, self.id.unwrap_or_default())?;
        sqlx::query!(
            r#"insert into services (id, name, kind, description, category, sku, price, unit, duration_minutes, tax_rate_id)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#,
            s.id.0,
            s.name,
            s.kind as ServiceKind,
            s.description,
            s.category,
            s.sku,
            s.price,
            s.unit,
            s.duration_minutes,
            s.tax_rate_id.map(|t| t.0)
        )
        .execute(cx.db())
        .await?;
        cx.event("service.created", about("service", s.id.0), json!({ "name": s.name })).await?;
        Ok(Written { id: s.id.0, version: 1 })
    }
}

impl Action for UpdateService {
    const NAME: &'static str = "service.update";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("services", self.service_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let s = self.service.checked(cx, self.service_id)?;
        data::service(cx.db(), s.id).await?;
        let version = sqlx::query_scalar!(
            r#"update services set name = $2, kind = $3, description = $4, category = $5, sku = $6, price = $7, unit = $8, duration_minutes = $9,
                      tax_rate_id = $10 where id = $1 returning version"#,
            s.id.0,
            s.name,
            s.kind as ServiceKind,
            s.description,
            s.category,
            s.sku,
            s.price,
            s.unit,
            s.duration_minutes,
            s.tax_rate_id.map(|t| t.0)
        )
        .fetch_one(cx.db())
        .await?;
        cx.event("service.updated", about("service", s.id.0), json!({ "name": s.name })).await?;
        Ok(Written { id: s.id.0, version })
    }
}

async fn set_service_archived(cx: &mut Cx<'_>, id: ServiceId, archived: bool) -> Result<Written> {
    let service = data::service(cx.db(), id).await?;
    if service.is_archived == archived {
        return Ok(Written { id: id.0, version: service.version });
    }
    let at = archived.then_some(cx.now());
    let version =
        sqlx::query_scalar!("update services set archived_at = $2 where id = $1 returning version", id.0, at).fetch_one(cx.db()).await?;
    let event = if archived { "service.archived" } else { "service.restored" };
    cx.event(event, about("service", id.0), json!({ "name": service.name })).await?;
    Ok(Written { id: id.0, version })
}

impl Action for ArchiveService {
    const NAME: &'static str = "service.archive";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        set_service_archived(cx, self.service_id, true).await
    }
}

impl Action for RestoreService {
    const NAME: &'static str = "service.restore";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        set_service_archived(cx, self.service_id, false).await
    }
}

/// The fields of a tax rate as input.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TaxRateInput {
    pub name: String,
    /// 9 means 9 %. At least 0 and below 100, with at most four decimals.
    pub percent: Decimal,
    /// Whether prices include the tax, rather than having it added.
    pub is_inclusive: bool,
    pub is_default: bool,
}

/// Adds a tax rate.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CreateTaxRate {
    #[serde(default)]
    pub id: Option<TaxRateId>,
    #[serde(flatten)]
    pub rate: TaxRateInput,
}

/// Replaces all fields of a tax rate. Issued invoices keep the old rate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct UpdateTaxRate {
    pub tax_rate_id: TaxRateId,
    #[serde(flatten)]
    pub rate: TaxRateInput,
}

/// Archives a tax rate, which also ends its being the default.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ArchiveTaxRate {
    pub tax_rate_id: TaxRateId,
}

impl TaxRateInput {
    fn checked(&self, id: TaxRateId) -> Result<TaxRate> {
        let mut errors = FieldErrors::default();
        let name = text::collapse(&self.name);
        if name.is_empty() {
            errors.add("name", "Give the tax a name, as it should stand on invoices.");
        } else if name.chars().count() > 60 {
            errors.add("name", "At most 60 characters fit here.");
        }
        if self.percent.is_sign_negative() && !self.percent.is_zero() || self.percent >= Decimal::ONE_HUNDRED {
            errors.add("percent", "A rate is between 0 and 100 percent.");
        } else if self.percent.normalize().scale() > 4 {
            errors.add("percent", "At most four decimals.");
        }
        errors.into_result()?;
        let percent = self.percent.normalize();
        Ok(TaxRate { id, name, percent, is_inclusive: self.is_inclusive, is_default: self.is_default, is_archived: false, version: 1 })
    }
}

/// Makes `rate` the only default, if it is one.
async fn demote_other_defaults(cx: &mut Cx<'_>, rate: &TaxRate) -> Result<()> {
    if rate.is_default {
        sqlx::query!("update tax_rates set is_default = false where is_default and id <> $1", rate.id.0).execute(cx.db()).await?;
    }
    Ok(())
}

impl Action for CreateTaxRate {
    const NAME: &'static str = "tax_rate.create";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let rate = self.rate.checked(self.id.unwrap_or_default())?;
        demote_other_defaults(cx, &rate).await?;
        sqlx::query!(
            "insert into tax_rates (id, name, percent, is_inclusive, is_default) values ($1, $2, $3, $4, $5)",
            rate.id.0,
            rate.name,
            rate.percent,
            rate.is_inclusive,
            rate.is_default
        )
        .execute(cx.db())
        .await?;
        cx.event("tax_rate.created", about("tax_rate", rate.id.0), json!({ "name": rate.name, "percent": rate.percent })).await?;
        Ok(Written { id: rate.id.0, version: 1 })
    }
}

impl Action for UpdateTaxRate {
    const NAME: &'static str = "tax_rate.update";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("tax_rates", self.tax_rate_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let rate = self.rate.checked(self.tax_rate_id)?;
        data::tax_rate(cx.db(), rate.id).await?;
        demote_other_defaults(cx, &rate).await?;
        let version = sqlx::query_scalar!(
            "update tax_rates set name = $2, percent = $3, is_inclusive = $4, is_default = $5 where id = $1 returning version",
            rate.id.0,
            rate.name,
            rate.percent,
            rate.is_inclusive,
            rate.is_default
        )
        .fetch_one(cx.db())
        .await?;
        cx.event("tax_rate.updated", about("tax_rate", rate.id.0), json!({ "name": rate.name, "percent": rate.percent })).await?;
        Ok(Written { id: rate.id.0, version })
    }
}

impl Action for ArchiveTaxRate {
    const NAME: &'static str = "tax_rate.archive";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let rate = data::tax_rate(cx.db(), self.tax_rate_id).await?;
        if rate.is_archived {
            return Ok(Written { id: rate.id.0, version: rate.version });
        }
        let now = cx.now();
        let version = sqlx::query_scalar!(
            "update tax_rates set archived_at = $2, is_default = false where id = $1 returning version",
            rate.id.0,
            now
        )
        .fetch_one(cx.db())
        .await?;
        cx.event("tax_rate.archived", about("tax_rate", rate.id.0), json!({ "name": rate.name })).await?;
        Ok(Written { id: rate.id.0, version })
    }
}
