//! The small forms of a customer's page: notes, facts, duplicates, archive and restore.

use axum::{extract::Path, response::Response};

use super::show;
use customers::contacts::{
    actions::{ArchiveContact, ConfirmAttribute, CreateNote, DismissDuplicate, RemoveAttribute, RestoreContact, SetAttribute},
    data,
};
use platform::{
    error::{Error, Result},
    ids::{AttributeId, ContactId, DuplicateId, TicketId},
    tenant::Write,
};
use ui::Form;

/// `POST /contacts/{id}/notes`. With `ticket_id` the note belongs to that visit, and the answer redirects to the visit's page.
pub async fn note(w: Write, Path(id): Path<ContactId>, form: Form) -> Result<Response> {
    let ticket_id = form.some("ticket_id").map(|t| t.parse::<TicketId>().map_err(|_| Error::NotFound)).transpose()?;
    let action = CreateNote { contact_id: id, ticket_id, body: form.raw("body").to_owned(), ..CreateNote::default() };
    let to = ticket_id.map_or_else(|| format!("/contacts/{id}"), |t| format!("/tickets/{t}"));
    form.run(&w, Some(action), |_| ui::redirect(&to, "Note added"), async |r, form| show::page(r, id, form).await).await
}

/// `POST /contacts/{id}/attributes`.
pub async fn attribute_set(w: Write, Path(id): Path<ContactId>, form: Form) -> Result<Response> {
    let action = SetAttribute { contact_id: id, key: form.owned("key"), value: form.owned("value"), ..SetAttribute::default() };
    let done = |_| ui::redirect(&format!("/contacts/{id}"), "Written down");
    form.run(&w, Some(action), done, async |r, form| show::page(r, id, form).await).await
}

async fn owner(w: &Write, id: AttributeId) -> Result<ContactId> {
    Ok(data::attribute(w.read().await?.db(), id).await?.contact_id)
}

/// `POST /attributes/{id}/confirm`.
pub async fn attribute_confirm(w: Write, Path(id): Path<AttributeId>, form: Form) -> Result<Response> {
    w.act(&form.meta, ConfirmAttribute { attribute_id: id, value: None }).await?;
    Ok(ui::redirect(&format!("/contacts/{}", owner(&w, id).await?), "Confirmed"))
}

/// `POST /attributes/{id}/remove`.
pub async fn attribute_remove(w: Write, Path(id): Path<AttributeId>, form: Form) -> Result<Response> {
    w.act(&form.meta, RemoveAttribute { attribute_id: id }).await?;
    Ok(ui::redirect(&format!("/contacts/{}", owner(&w, id).await?), "Dropped"))
}

/// `POST /duplicates/{id}/dismiss`.
pub async fn dismiss(w: Write, Path(id): Path<DuplicateId>, form: Form) -> Result<Response> {
    w.act(&form.meta, DismissDuplicate { duplicate_id: id }).await?;
    // The contact whose page sent the form.
    let back = form.parsed::<ContactId>("contact").map_or_else(|| "/contacts".to_owned(), |c| format!("/contacts/{c}"));
    Ok(ui::redirect(&back, "Kept as two"))
}

/// `POST /contacts/{id}/archive`.
pub async fn archive(w: Write, Path(id): Path<ContactId>, form: Form) -> Result<Response> {
    w.act(&form.meta, ArchiveContact { contact_id: id }).await?;
    Ok(ui::redirect(&format!("/contacts/{id}"), "Archived. Nothing is lost: it can be restored."))
}

/// `POST /contacts/{id}/restore`.
pub async fn restore(w: Write, Path(id): Path<ContactId>, form: Form) -> Result<Response> {
    w.act(&form.meta, RestoreContact { contact_id: id }).await?;
    Ok(ui::redirect(&format!("/contacts/{id}"), "Restored"))
}
