//! The catalogue: services with price, duration and tax rate.

pub mod actions;
pub mod data;
pub mod query;
pub mod web;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use platform::ids::{ServiceId, TaxRateId};

/// How a service is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "service_kind", rename_all = "snake_case")]
pub enum ServiceKind {
    /// The same price every time.
    #[default]
    Fixed,
    /// The price is set on the ticket, at close-out at the latest.
    Flexible,
    /// The price is for one `unit`.
    PerUnit,
    /// Goods sold, not work done.
    Product,
}

impl ServiceKind {
    pub const ALL: [Self; 4] = [Self::Fixed, Self::Flexible, Self::PerUnit, Self::Product];

    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Flexible => "flexible",
            Self::PerUnit => "per_unit",
            Self::Product => "product",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Fixed => "Fixed price",
            Self::Flexible => "Flexible price",
            Self::PerUnit => "Per unit",
            Self::Product => "Product",
        }
    }

    /// The explanation shown in the form.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Fixed => "The same price every time",
            Self::Flexible => "Priced on each ticket, at close-out at the latest",
            Self::PerUnit => "A price for each screen, pane, foot …",
            Self::Product => "A thing you sell",
        }
    }
}

/// A service of the catalogue.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Service {
    pub id: ServiceId,
    pub name: String,
    pub kind: ServiceKind,
    pub description: String,
    pub category: String,
    pub sku: String,
    /// In the business's currency; `None` only for flexible services.
    pub price: Option<Decimal>,
    /// The unit that `price` is for, such as "screen"; required for `per_unit`.
    pub unit: String,
    pub duration_minutes: i32,
    pub tax_rate_id: Option<TaxRateId>,
    pub is_archived: bool,
    pub version: i32,
}

/// A tax rate; `percent` 9 means 9 %.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TaxRate {
    pub id: TaxRateId,
    pub name: String,
    pub percent: Decimal,
    /// Whether prices include the tax, rather than having it added.
    pub is_inclusive: bool,
    pub is_default: bool,
    pub is_archived: bool,
    pub version: i32,
}
