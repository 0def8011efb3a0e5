//! The type `exports` of `/api/data`.

use super::data;
use platform::{
    error::Result,
    ids::ExportId,
    query::{Entry, Listing, Params},
    role::Permission,
    tenant::Read,
};

/// `exports`: the latest twelve, newest first, or one by id. The file of a `done` export is at `/settings/export/{id}`.
pub fn exports() -> Entry {
    Entry {
        name: "exports",
        needs: Permission::ManageSettings,
        capability: None,
        filters: &[],
        includes: &[],
        run: |read, params| Box::pin(list(read, params)),
    }
}

async fn list(read: &mut Read, params: &Params) -> Result<Listing> {
    let found = match params.id.map(ExportId) {
        Some(id) => vec![data::export(read.db(), id).await?],
        None => data::exports(read.db()).await?,
    };
    let data = found.iter().map(serde_json::to_value).collect::<std::result::Result<_, _>>()?;
    Ok(Listing { data, cursor: None })
}
