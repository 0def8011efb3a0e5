//! Reads of the catalogue.

use sqlx::PgConnection;

use super::{Service, ServiceKind, TaxRate};
use platform::{
    error::{Error, Result},
    ids::{ServiceId, TaxRateId},
};

/// One service, archived or not.
pub async fn service(db: &mut PgConnection, id: ServiceId) -> Result<Service> {
    sqlx::query_as!(
        Service,
        r#"
        select id as "id: ServiceId", name, kind as "kind: ServiceKind", description, category, sku, price, unit, duration_minutes,
               tax_rate_id as "tax_rate_id: TaxRateId", archived_at is not null as "is_archived!", version
          from services where id = $1
        "#,
        id.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)
}

/// All services that are not archived, by category and name.
pub async fn active(db: &mut PgConnection) -> Result<Vec<Service>> {
    Ok(sqlx::query_as!(
        Service,
        r#"
        select id as "id: ServiceId", name, kind as "kind: ServiceKind", description, category, sku, price, unit, duration_minutes,
               tax_rate_id as "tax_rate_id: TaxRateId", archived_at is not null as "is_archived!", version
          from services where archived_at is null order by lower(category), lower(name), id
        "#
    )
    .fetch_all(db)
    .await?)
}

/// The filter and cursor of a list of services.
#[derive(Debug, Clone, Default)]
pub struct Asked<'a> {
    /// Text to find in name, category, description or SKU.
    pub search: Option<&'a str>,
    pub kind: Option<ServiceKind>,
    pub archived: bool,
    /// The cursor: lower-case name and id of the previous page's last row.
    pub after: Option<(String, ServiceId)>,
    pub limit: i64,
}

/// One page of services by name. Returns up to `limit + 1` rows; the extra one shows that there is a next page.
pub async fn list(db: &mut PgConnection, asked: &Asked<'_>) -> Result<Vec<Service>> {
    let pattern =
        asked.search.map(|s| format!("%{}%", s.trim().to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")));
    let (name, id) = asked.after.clone().unzip();
    Ok(sqlx::query_as!(
        Service,
        r#"
        select id as "id: ServiceId", name, kind as "kind: ServiceKind", description, category, sku, price, unit, duration_minutes,
               tax_rate_id as "tax_rate_id: TaxRateId", archived_at is not null as "is_archived!", version
          from services
         where (archived_at is not null) = $1
           and ($2::text is null or lower(concat_ws(' ', name, category, description, sku)) like $2)
           and ($3::service_kind is null or kind = $3)
           and ($4::text is null or (lower(name), id) > ($4, $5))
         order by lower(name), id limit $6
        "#,
        asked.archived,
        pattern,
        asked.kind as Option<ServiceKind>,
        name,
        id.map(|i| i.0),
        asked.limit + 1
    )
    .fetch_all(db)
    .await?)
}

/// Tax rates, the default first and archived ones last (only if `with_archived`).
pub async fn all_tax_rates(db: &mut PgConnection, with_archived: bool) -> Result<Vec<TaxRate>> {
    Ok(sqlx::query_as!(
        TaxRate,
        r#"
        select id as "id: TaxRateId", name, percent, is_inclusive, is_default, archived_at is not null as "is_archived!", version
          from tax_rates where $1 or archived_at is null
         order by archived_at is not null, is_default desc, lower(name), id
        "#,
        with_archived
    )
    .fetch_all(db)
    .await?)
}

/// Tax rates that are not archived, the default first.
pub async fn tax_rates(db: &mut PgConnection) -> Result<Vec<TaxRate>> {
    all_tax_rates(db, false).await
}

/// One tax rate, archived or not.
pub async fn tax_rate(db: &mut PgConnection, id: TaxRateId) -> Result<TaxRate> {
    sqlx::query_as!(
        TaxRate,
        r#"
        select id as "id: TaxRateId", name, percent, is_inclusive, is_default, archived_at is not null as "is_archived!", version
          from tax_rates where id = $1
        "#,
        id.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)
}

/// The default tax rate, for lines and services without their own.
pub async fn default_tax_rate(db: &mut PgConnection) -> Result<Option<TaxRate>> {
    Ok(tax_rates(db).await?.into_iter().find(|t| t.is_default))
}
