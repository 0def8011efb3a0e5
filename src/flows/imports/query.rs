//! Imports in `/api/data`.

use serde_json::json;
use uuid::Uuid;

use super::{ImportState, data};
use platform::{
    error::{FieldErrors, Result},
    ids::ImportId,
    query::{Entry, Listing, Params},
    role::Permission,
    tenant::Read,
    trail,
};

/// `type=imports`: newest first, filtered by state or kind. One import, by id, can include rows, filtered by `outcome` and `after_line`.
pub fn imports() -> Entry {
    Entry {
        name: "imports",
        needs: Permission::ManageSettings,
        capability: None,
        filters: &["state", "kind", "outcome", "after_line"],
        includes: &["columns", "rows", "undo_plan", "audit_trail"],
        run: |read, params| Box::pin(list(read, params)),
    }
}

async fn list(read: &mut Read, params: &Params) -> Result<Listing> {
    let state = match params.filter("state") {
        None => None,
        Some(s) => Some(
            serde_json::from_value::<ImportState>(json!(s))
                .map_err(|_| FieldErrors::one("state", "state is one of: previewed, queued, running, done, failed, undoing, undone."))?,
        ),
    };
    if let Some(id) = params.id.map(ImportId) {
        let import = data::import(read.db(), id).await?;
        let mut value = serde_json::to_value(&import)?;
        let mut allowed: Vec<&str> = Vec::new();
        if read.who.can(Permission::ManageSettings) {
            allowed.extend((import.state == ImportState::Previewed).then_some("import.map"));
            allowed.extend(import.state.can_run().then_some("import.run"));
            allowed.extend(import.state.can_undo().then_some("import.undo"));
        }
        value["allowed_actions"] = json!(allowed);
        if params.includes("columns") {
            let reading = super::stored(read, &import).await.ok();
            value["columns"] = json!(reading.map(|r| r.columns).unwrap_or_default());
        }
        if params.includes("rows") {
            let after = params.filter("after_line").and_then(|l| l.parse().ok()).unwrap_or(0);
            value["rows"] = json!(data::rows(read.db(), id, params.filter("outcome"), after, 1000).await?);
        }
        if params.includes("undo_plan") {
            value["undo_plan"] = json!(data::undo_plan(read.db(), id).await?);
        }
        if params.includes("audit_trail") {
            let who = read.who.clone();
            value["audit_trail"] = json!(trail::of(read.db(), &who, &[id.0], None, 100).await?);
        }
        return Ok(Listing { data: vec![value], cursor: None });
    }
    let asked = data::Asked {
        state,
        kind: params.filter("kind").map(str::to_owned),
        search: params.search.clone(),
        before: params.after::<Uuid>()?,
        limit: params.limit + 1,
        ..data::Asked::default()
    };
    let rows = data::list(read.db(), &asked).await?;
    let mut page = Listing::page(rows, params.limit, |i| i.id)?;
    for value in &mut page.data {
        value["label"] = json!(value["kind"].as_str().and_then(super::recognise::Kind::from_key).map(super::recognise::Kind::label));
    }
    Ok(page)
}
