//! The contact resources of `/api/data`.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{data, personal, search};
use platform::{
    error::{FieldErrors, Result},
    ids::ContactId,
    query::{Entry, Listing, Params},
    role::Permission,
    tenant::Read,
    trail,
};

/// The rows of the type `contacts`: searched and filtered by `state=active|archived` and `tag`, or one by id; `include` adds related records.
pub async fn contacts(read: &mut Read, params: &Params) -> Result<Listing> {
    let who = read.who.clone();
    if let Some(id) = params.id {
        let id = ContactId(id);
        data::visible(read.db(), &who, id).await?;
        let contact = data::contact(read.db(), id).await?;
        let mut value = serde_json::to_value(&contact)?;
        value["state"] = json!(contact.state());
        value["allowed_actions"] = json!(data::allowed_actions(&who, &contact));
        include(read, params, id, &mut value).await?;
        return Ok(Listing { data: vec![value], cursor: None });
    }
    let archived = match params.filter("state") {
        None | Some("active") => false,
        Some("archived") => true,
        Some(_) => return Err(FieldErrors::one("state", "state is one of: active, archived.")),
    };
    let asked = search::Asked {
        search: params.search.clone(),
        archived,
        tag: params.filter("tag").map(str::to_owned),
        after: params.after()?,
        emails: true,
        limit: params.limit,
    };
    let found = search::find(read.db(), &who, &asked).await?;
    let mut rows = Vec::with_capacity(found.rows.len());
    for row in found.rows {
        let mut value = serde_json::to_value(&row)?;
        value["is_guess"] = json!(found.is_guess);
        include(read, params, row.id, &mut value).await?;
        rows.push(value);
    }
    Ok(Listing { data: rows, cursor: found.cursor })
}

/// Adds the related records named in `params.include` to `value`.
async fn include(read: &mut Read, params: &Params, id: ContactId, value: &mut Value) -> Result<()> {
    let who = read.who.clone();
    let db = read.db();
    for what in &params.include {
        value[what] = match what.as_str() {
            "addresses" => serde_json::to_value(personal::addresses(db, id, true).await?)?,
            "emails" => serde_json::to_value(personal::emails(db, id).await?)?,
            "phones" => serde_json::to_value(personal::phones(db, id).await?)?,
            "notes" => serde_json::to_value(data::notes(db, id, 100).await?)?,
            "attributes" => serde_json::to_value(data::attributes(db, id).await?)?,
            "consents" => serde_json::to_value(data::consents(db, id).await?)?,
            "duplicates" => serde_json::to_value(data::duplicates(db, id).await?)?,
            "audit_trail" => serde_json::to_value(trail::of(db, &who, &[id.0], None, 100).await?)?,
            // What a floor above adds.
            _ => continue,
        };
    }
    Ok(())
}

/// Reads the `contact_id` filter. Returns `None` without one, `NotFound` if the member may not see that contact.
async fn owner(read: &mut Read, params: &Params) -> Result<Option<ContactId>> {
    let who = read.who.clone();
    let id = params.id_filter::<ContactId>("contact_id")?;
    if let Some(id) = id {
        data::visible(read.db(), &who, id).await?;
    }
    Ok(id)
}

/// Returns a listing of one record, or `NotFound` if the member may not see the `contact` it belongs to.
async fn one(read: &mut Read, contact: ContactId, value: Value) -> Result<Listing> {
    let who = read.who.clone();
    data::visible(read.db(), &who, contact).await?;
    Ok(Listing { data: vec![value], cursor: None })
}

/// `addresses` of a contact (`contact_id`), or one by id.
pub fn addresses() -> Entry {
    Entry {
        name: "addresses",
        needs: Permission::ReadRecords,
        capability: None,
        filters: &["contact_id"],
        includes: &["audit_trail"],
        run: |read, params| {
            Box::pin(async move {
                if let Some(id) = params.id {
                    let who = read.who.clone();
                    let address = data::address(read.db(), id.into()).await?;
                    let mut value = serde_json::to_value(&address)?;
                    if params.includes("audit_trail") {
                        value["audit_trail"] = serde_json::to_value(trail::of(read.db(), &who, &[id], None, 100).await?)?;
                    }
                    return one(read, address.contact_id, value).await;
                }
                let contact = owner(read, params).await?;
                let (who, after) = (read.who.clone(), params.after::<Uuid>()?);
                let rows = personal::list_addresses(read.db(), contact, data::only_own(&who), after, params.limit).await?;
                Listing::page(rows, params.limit, |a| a.id)
            })
        },
    }
}

/// `notes`, newest first, of a contact (`contact_id`) or a visit (`ticket_id`).
pub fn notes() -> Entry {
    Entry {
        name: "notes",
        needs: Permission::ReadRecords,
        capability: None,
        filters: &["contact_id", "ticket_id"],
        includes: &[],
        run: |read, params| {
            Box::pin(async move {
                if let Some(id) = params.id {
                    let note = data::note(read.db(), id.into()).await?;
                    return one(read, note.contact_id, serde_json::to_value(&note)?).await;
                }
                let contact = owner(read, params).await?;
                let own = data::only_own(&read.who);
                let (ticket, after) = (params.id_filter("ticket_id")?, params.after()?);
                let rows = data::list_notes(read.db(), contact, ticket, own, after, params.limit).await?;
                Listing::page(rows, params.limit, |n| (n.created_at, n.id))
            })
        },
    }
}

/// `attributes` of a contact (`contact_id`), or all in one state: `state=proposed` lists those to be confirmed.
pub fn attributes() -> Entry {
    Entry {
        name: "attributes",
        needs: Permission::ReadRecords,
        capability: None,
        filters: &["contact_id", "state"],
        includes: &[],
        run: |read, params| {
            Box::pin(async move {
                if let Some(id) = params.id {
                    let attribute = data::attribute(read.db(), id.into()).await?;
                    return one(read, attribute.contact_id, serde_json::to_value(&attribute)?).await;
                }
                let state = match params.filter("state") {
                    None => None,
                    Some(s) => Some(
                        serde_json::from_value(json!(s))
                            .map_err(|_| FieldErrors::one("state", "state is one of: proposed, confirmed, dropped."))?,
                    ),
                };
                let contact = owner(read, params).await?;
                let own = data::only_own(&read.who);
                let rows = data::list_attributes(read.db(), contact, state, own, params.after()?, params.limit).await?;
                Listing::page(rows, params.limit, |a| a.id)
            })
        },
    }
}
