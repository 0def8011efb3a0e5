//! Imports the item library as services, products and tax rates.

use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    batch::Done,
    keys::{self, Key},
};
use crate::imports::square::{CatalogueKind, CatalogueRow, TaxColumn};
use platform::{
    action::Cx,
    error::Result,
    ids::{ImportId, ServiceId, TaxRateId},
};

/// Imports a batch of the item library.
pub async fn take(cx: &mut Cx<'_>, import: ImportId, rows: Vec<CatalogueRow>) -> Result<Vec<Done>> {
    let ids: Vec<String> = rows.iter().map(source_id).collect();
    let known = keys::find(cx, "service", &ids).await?;
    // Square stores no unit for services, but a sale of "Screen Cleaning" × 17 implies one.
    let counted: HashSet<String> = sqlx::query_scalar!("select distinct description from ticket_lines where quantity > 1")
        .fetch_all(cx.db())
        .await?
        .into_iter()
        .collect();
    let taxes = tax_rates(cx, import, &rows).await?;
    let mut done = Vec::with_capacity(rows.len());
    for row in rows {
        let tax = row.taxes.first().and_then(|t| taxes.get(&tax_key(t))).copied();
        let (kind, unit) = match row.kind {
            CatalogueKind::Flexible => ("flexible", row.unit.clone()),
            CatalogueKind::Product => ("product", row.unit.clone()),
            CatalogueKind::PerUnit => ("per_unit", row.unit.clone()),
            CatalogueKind::Fixed if counted.contains(&row.name) => ("per_unit", "piece".to_owned()),
            CatalogueKind::Fixed => ("fixed", String::new()),
        };
        let written = json!({ "name": row.name, "kind": kind, "price": row.price.map(|p| p.normalize().to_string()), "unit": unit });
        let key = |id: Uuid| Key { kind: "service", key: source_id(&row), record_kind: "service", record_id: id, written: written.clone() };
        if let Some(known) = known.get(&source_id(&row)) {
            let before = json!({ "written": known.written, "key": source_id(&row) });
            match follow(cx, known.record_id, &known.written, &written, row.price).await? {
                Some(fields) => {
                    keys::put(cx, import, &[key(known.record_id)]).await?;
                    let mut before = before;
                    before["fields"] = fields;
                    done.push(Done::updated(row.line, "service", known.record_id, before));
                }
                None => done.push(Done::skipped(row.line, "Already here, nothing new").of("service", known.record_id)),
            }
            continue;
        }
        if let Some(id) = add(cx, import, &row, kind, &unit, tax).await? {
            keys::put(cx, import, &[key(id.0)]).await?;
            done.push(Done::made(row.line, "service", id.0));
        } else {
            done.push(Done::skipped(row.line, format!("A service called “{}” is here already; left alone", row.name)));
        }
    }
    Ok(done)
}

/// Adds a service or product; `None` if one of this name is there.
async fn add(
    cx: &mut Cx<'_>,
    import: ImportId,
    row: &CatalogueRow,
    kind: &str,
    unit: &str,
    tax: Option<TaxRateId>,
) -> Result<Option<ServiceId>> {
    let id = ServiceId::new();
    let usual: u32 = if row.kind == CatalogueKind::Product { 0 } else { 60 };
    let minutes = i32::try_from(row.duration_minutes.unwrap_or(usual)).unwrap_or(60);
    let archived = row.is_archived.then_some(cx.now());
    Ok(sqlx::query_scalar!(
        r#"insert into services (id, name, kind, description, category, sku, price, unit, duration_minutes, tax_rate_id, archived_at, source, source_key, import_id)
           values ($1, $2, $3::text::service_kind, $4, $5, $6, $7, $8, $9, $10, $11, 'import', $12, $13)
           on conflict (org_id, lower(name)) where archived_at is null do nothing returning id"#,
        id.0,
        row.name.chars().take(200).collect::<String>(),
        kind,
        row.description,
        row.category,
        row.sku,
        row.price,
        unit,
        minutes,
        tax.map(|t| t.0),
        archived,
        source_id(row),
        import.0
    )
    .fetch_optional(cx.db())
    .await?
    .map(|_| id))
}

/// The item's token, or a key made from its name for older exports without tokens.
fn source_id(row: &CatalogueRow) -> String {
    if row.source_id.is_empty() { format!("name:{}", row.name.to_lowercase()) } else { row.source_id.clone() }
}

fn tax_key(tax: &TaxColumn) -> String {
    format!("{} {}", tax.name.to_lowercase(), tax.rate.normalize())
}

/// Returns the tax rates of the file's columns; creates those that the business lacks by name and percentage.
async fn tax_rates(cx: &mut Cx<'_>, import: ImportId, rows: &[CatalogueRow]) -> Result<HashMap<String, TaxRateId>> {
    let mut found = HashMap::new();
    for tax in rows.iter().flat_map(|r| &r.taxes) {
        let key = tax_key(tax);
        if found.contains_key(&key) {
            continue;
        }
        let there = sqlx::query_scalar!(
            r#"select id as "id: TaxRateId" from tax_rates where lower(name) = lower($1) and percent = $2 and archived_at is null limit 1"#,
            tax.name,
            tax.rate
        )
        .fetch_optional(cx.db())
        .await?;
        let id = match there {
            Some(id) => id,
            None => {
                let id = TaxRateId::new();
                sqlx::query!("insert into tax_rates (id, name, percent) values ($1, $2, $3)", id.0, tax.name, tax.rate)
                    .execute(cx.db())
                    .await?;
                keys::put(
                    cx,
                    import,
                    &[Key { kind: "tax", key: key.clone(), record_kind: "tax_rate", record_id: id.0, written: json!({}) }],
                )
                .await?;
                id
            }
        };
        found.insert(key, id);
    }
    Ok(found)
}

/// Updates a service from the file if no user has changed it since the import wrote it. Returns `{field: [old, new]}` of the changed
/// fields, or `None` if nothing was changed.
async fn follow(cx: &mut Cx<'_>, id: Uuid, written: &Value, new: &Value, price: Option<Decimal>) -> Result<Option<Value>> {
    let row =
        sqlx::query!(r#"select name, kind::text as "kind!", price, unit from services where id = $1"#, id).fetch_optional(cx.db()).await?;
    let Some(row) = row else { return Ok(None) };
    let now = json!({ "name": row.name, "kind": row.kind, "price": row.price.map(|p| p.normalize().to_string()), "unit": row.unit });
    if now == *new || now != *written {
        return Ok(None);
    }
    let text = |field: &str| new[field].as_str().unwrap_or_default().to_owned();
    sqlx::query!(
        "update services set name = $2, kind = $3::text::service_kind, price = $4, unit = $5 where id = $1",
        id,
        text("name"),
        text("kind"),
        price,
        text("unit")
    )
    .execute(cx.db())
    .await?;
    let fields =
        ["name", "kind", "price", "unit"].into_iter().filter(|f| now[*f] != new[*f]).map(|f| (f.to_owned(), json!([now[f], new[f]])));
    Ok(Some(Value::Object(fields.collect())))
}
