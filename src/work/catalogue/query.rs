//! The catalogue's types of `/api/data`.

use serde_json::json;

use super::{ServiceKind, data};
use platform::{
    error::{FieldErrors, Result},
    ids::ServiceId,
    query::{Entry, Listing, Params},
    role::Permission,
    tenant::Read,
    trail,
};

/// `services` by name: filters `search`, `state=active|archived` and `kind`. Prices are null if hidden from the member.
pub fn services() -> Entry {
    Entry {
        name: "services",
        needs: Permission::ReadRecords,
        capability: None,
        filters: &["state", "kind"],
        includes: &["audit_trail"],
        run: |read, params| Box::pin(list(read, params)),
    }
}

async fn list(read: &mut Read, params: &Params) -> Result<Listing> {
    let who = read.who.clone();
    let hide = |mut value: serde_json::Value| {
        if !who.sees_prices() {
            value["price"] = serde_json::Value::Null;
        }
        value
    };
    if let Some(id) = params.id {
        let service = data::service(read.db(), id.into()).await?;
        let mut value = hide(serde_json::to_value(&service)?);
        value["allowed_actions"] = json!(match (who.can(Permission::ManageSettings), service.is_archived) {
            (false, _) => vec![],
            (true, true) => vec!["service.restore"],
            (true, false) => vec!["service.update", "service.archive"],
        });
        if params.includes("audit_trail") {
            value["audit_trail"] = serde_json::to_value(trail::of(read.db(), &who, &[id], None, 100).await?)?;
        }
        return Ok(Listing { data: vec![value], cursor: None });
    }
    let archived = match params.filter("state") {
        None | Some("active") => false,
        Some("archived") => true,
        Some(_) => return Err(FieldErrors::one("state", "state is one of: active, archived.")),
    };
    let kind: Option<ServiceKind> = match params.filter("kind") {
        None => None,
        Some(k) => Some(
            serde_json::from_value(json!(k))
                .map_err(|_| FieldErrors::one("kind", "kind is one of: fixed, flexible, per_unit, product."))?,
        ),
    };
    let asked = data::Asked {
        search: params.search.as_deref(),
        kind,
        archived,
        after: params.after::<(String, ServiceId)>()?,
        limit: params.limit,
    };
    let rows = data::list(read.db(), &asked).await?;
    let mut page = Listing::page(rows, params.limit, |s| (s.name.to_lowercase(), s.id))?;
    page.data = page.data.into_iter().map(hide).collect();
    Ok(page)
}

/// `tax_rates`, the default first; `state=all` includes archived ones.
pub fn tax_rates() -> Entry {
    Entry {
        name: "tax_rates",
        needs: Permission::ReadRecords,
        capability: None,
        filters: &["state"],
        includes: &[],
        run: |read, params| {
            Box::pin(async move {
                if let Some(id) = params.id {
                    let rate = data::tax_rate(read.db(), id.into()).await?;
                    return Ok(Listing { data: vec![serde_json::to_value(rate)?], cursor: None });
                }
                let rates = data::all_tax_rates(read.db(), params.filter("state") == Some("all")).await?;
                Listing::page(rates, i64::MAX - 1, |t| t.id)
            })
        },
    }
}
