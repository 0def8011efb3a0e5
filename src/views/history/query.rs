//! The history types of `/api/data`: `audit_trail` and `events`.

use uuid::Uuid;

use super::data;
use platform::{
    error::{Error, FieldErrors, Result},
    query::{Entry, Listing, Params},
    role::Permission,
    tenant::Read,
    trail,
};

/// `audit_trail`: the changes of one record (`table` and `record_id`), or, for owners and admins, of the whole business with `search`.
pub fn audit_trail() -> Entry {
    Entry {
        name: "audit_trail",
        needs: Permission::ReadRecords,
        capability: None,
        filters: &["table", "record_id", "actor"],
        includes: &[],
        run: |read, params| Box::pin(list(read, params)),
    }
}

async fn list(read: &mut Read, params: &Params) -> Result<Listing> {
    // Entries are found by their record; a single entry cannot be read by id.
    if params.id.is_some() {
        return Err(Error::NotFound);
    }
    let who = read.who.clone();
    let before = params.after::<i64>()?;
    let rows = match (params.id_filter::<Uuid>("record_id")?, params.filter("table")) {
        (Some(record), Some(table)) => {
            let kind = super::kind(table).ok_or_else(|| {
                let known: Vec<&str> = super::KINDS.iter().map(|k| k.table).collect();
                FieldErrors::one("table", format!("There is no history of {table}. There is of: {}.", known.join(", ")))
            })?;
            data::of(read.db(), &who, kind, record, before, params.limit).await?
        }
        (Some(_), None) => return Err(FieldErrors::one("table", "A record is named by table and record_id.")),
        (None, table) => {
            who.require(Permission::ManageSettings)?;
            let asked = trail::Asked {
                search: params.search.clone(),
                table: table.map(str::to_owned),
                actor: params.filter("actor").map(str::to_owned),
                before,
                limit: params.limit,
                ..trail::Asked::default()
            };
            trail::list(read.db(), &asked).await?
        }
    };
    Listing::page(rows, params.limit, |c| c.id)
}

/// `events`: the business's events, newest first, for owners and admins.
pub fn events() -> Entry {
    Entry {
        name: "events",
        needs: Permission::ManageSettings,
        capability: None,
        filters: &["subject_id", "contact_id", "name"],
        includes: &[],
        run: |read, params| {
            Box::pin(async move {
                if params.id.is_some() {
                    return Err(Error::NotFound);
                }
                let wanted = data::Wanted {
                    subject: params.id_filter("subject_id")?,
                    contact: params.id_filter("contact_id")?,
                    name: params.filter("name"),
                    before: params.after()?,
                    limit: params.limit,
                };
                let rows = data::events(read.db(), &wanted).await?;
                Listing::page(rows, params.limit, |e| e.id)
            })
        },
    }
}
