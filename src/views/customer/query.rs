//! The type `contacts` of `/api/data`: the slice's rows, and their timelines.

use super::timeline;
use customers::contacts;
use platform::{
    error::Result,
    ids::ContactId,
    query::{Entry, Listing, Params},
    role::Permission,
    tenant::Read,
};

/// `contacts`: searched and filtered by `state=active|archived` and `tag`, or one by id; `include` adds related records.
pub fn contacts() -> Entry {
    Entry {
        name: "contacts",
        needs: Permission::ReadRecords,
        capability: None,
        filters: &["state", "tag"],
        includes: &["addresses", "emails", "phones", "notes", "attributes", "consents", "duplicates", "timeline", "audit_trail"],
        run: |read, params| Box::pin(list(read, params)),
    }
}

async fn list(read: &mut Read, params: &Params) -> Result<Listing> {
    let mut found = contacts::query::contacts(read, params).await?;
    if params.includes("timeline") {
        let who = read.who.clone();
        for contact in &mut found.data {
            let id: ContactId = serde_json::from_value(contact["id"].clone())?;
            contact["timeline"] = serde_json::to_value(timeline::page(read.db(), &who, id, None, 50).await?.0)?;
        }
    }
    Ok(found)
}
