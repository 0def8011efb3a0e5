//! The small forms of a customer's page: notes, facts, duplicates, archive and restore.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::show::{self, Refused};
use customers::contacts::{
    actions::{ArchiveContact, ConfirmAttribute, CreateNote, DismissDuplicate, RemoveAttribute, RestoreContact, SetAttribute},
    data,
    web::Fields,
};
use platform::{
    error::{Error, Result},
    form::Posted,
    ids::{AttributeId, ContactId, DuplicateId, TicketId},
    tenant::Write,
};

/// Renders the customer's page with status 422, the errors and the typed values.
async fn again(w: &Write, id: ContactId, refused: Refused) -> Result<Response> {
    let mut r = w.read().await?;
    Ok(ui::invalid(&show::page(&mut r, id, refused).await?)?.into_response())
}

/// `POST /contacts/{id}/notes`. With `ticket_id` the note belongs to that visit, and the answer redirects to the visit's page.
pub async fn note(w: Write, Path(id): Path<ContactId>, form: Posted<Fields>) -> Result<Response> {
    let body = form.value.owned("body");
    let ticket_id = match form.value.get("ticket_id") {
        "" => None,
        typed => Some(typed.parse::<TicketId>().map_err(|_| Error::NotFound)?),
    };
    match w.act(&form.meta, CreateNote { contact_id: id, ticket_id, body: body.clone(), ..CreateNote::default() }).await {
        Ok(_) => {
            let to = ticket_id.map_or_else(|| format!("/contacts/{id}"), |t| format!("/tickets/{t}"));
            Ok(ui::redirect(&to, "Note added"))
        }
        Err(Error::Invalid(errors)) => again(&w, id, Refused { errors, note: body, ticket_id, ..Refused::default() }).await,
        Err(e) => Err(e),
    }
}

/// `POST /contacts/{id}/attributes`.
pub async fn attribute_set(w: Write, Path(id): Path<ContactId>, form: Posted<Fields>) -> Result<Response> {
    let (key, value) = (form.value.owned("key"), form.value.owned("value"));
    let action = SetAttribute { contact_id: id, key: key.clone(), value: value.clone(), ..SetAttribute::default() };
    match w.act(&form.meta, action).await {
        Ok(_) => Ok(ui::redirect(&format!("/contacts/{id}"), "Written down")),
        Err(Error::Invalid(errors)) => again(&w, id, Refused { errors, key, value, ..Refused::default() }).await,
        Err(e) => Err(e),
    }
}

async fn owner(w: &Write, id: AttributeId) -> Result<ContactId> {
    Ok(data::attribute(w.read().await?.db(), id).await?.contact_id)
}

/// `POST /attributes/{id}/confirm`.
pub async fn attribute_confirm(w: Write, Path(id): Path<AttributeId>, form: Posted<Fields>) -> Result<Response> {
    w.act(&form.meta, ConfirmAttribute { attribute_id: id, value: None }).await?;
    Ok(ui::redirect(&format!("/contacts/{}", owner(&w, id).await?), "Confirmed"))
}

/// `POST /attributes/{id}/remove`.
pub async fn attribute_remove(w: Write, Path(id): Path<AttributeId>, form: Posted<Fields>) -> Result<Response> {
    w.act(&form.meta, RemoveAttribute { attribute_id: id }).await?;
    Ok(ui::redirect(&format!("/contacts/{}", owner(&w, id).await?), "Dropped"))
}

#[derive(Debug, Deserialize)]
pub struct From {
    /// The id of the contact whose page sent the form.
    #[serde(default)]
    contact: String,
}

/// `POST /duplicates/{id}/dismiss`.
pub async fn dismiss(w: Write, Path(id): Path<DuplicateId>, form: Posted<From>) -> Result<Response> {
    w.act(&form.meta, DismissDuplicate { duplicate_id: id }).await?;
    let back = form.value.contact.parse::<ContactId>().map_or_else(|_| "/contacts".to_owned(), |c| format!("/contacts/{c}"));
    Ok(ui::redirect(&back, "Kept as two"))
}

/// `POST /contacts/{id}/archive`.
pub async fn archive(w: Write, Path(id): Path<ContactId>, form: Posted<Fields>) -> Result<Response> {
    w.act(&form.meta, ArchiveContact { contact_id: id }).await?;
    Ok(ui::redirect(&format!("/contacts/{id}"), "Archived. Nothing is lost: it can be restored."))
}

/// `POST /contacts/{id}/restore`.
pub async fn restore(w: Write, Path(id): Path<ContactId>, form: Posted<Fields>) -> Result<Response> {
    w.act(&form.meta, RestoreContact { contact_id: id }).await?;
    Ok(ui::redirect(&format!("/contacts/{id}"), "Restored"))
}
