//! The actions on contacts.

mod addresses;
mod attributes;
mod contact;
mod duplicates;
mod find;
mod notes;
mod renew;
mod state;
mod unsubscribe;

pub use addresses::{AddressInput, ArchiveAddress, CreateAddress, UpdateAddress};
pub use attributes::{ConfirmAttribute, RemoveAttribute, SetAttribute};
pub use contact::{ContactChange, ContactOutput, CreateContact, UpdateContact};
pub use duplicates::{DismissDuplicate, Lookalike, Lookalikes};
pub use find::{Found, NewPerson, find_or_create};
pub use notes::{CreateNote, RecordNoteExtraction};
pub use renew::RenewSearch;
pub use state::{ArchiveContact, RestoreContact};
pub use unsubscribe::Unsubscribe;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::data;
use platform::{
    action::{Cx, Subject},
    error::{Error, FieldErrors, Result},
    ids::ContactId,
    redact, text,
};

/// The result of a write: the record's id and its new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    pub id: Uuid,
    pub version: i32,
}

fn about(contact: ContactId) -> Subject {
    Subject { kind: "contact", id: contact.0, contact: Some(contact) }
}

/// Rebuilds the contact's search index.
async fn index(cx: &mut Cx<'_>, contact: ContactId) -> Result<()> {
    sqlx::query!("select app.index_contacts($1)", &[contact.0]).execute(cx.db()).await?;
    Ok(())
}

/// Locks the contact's row. Returns `NotFound` if the acting member may not see the contact, a conflict if it is archived.
async fn active(cx: &mut Cx<'_>, contact: ContactId) -> Result<()> {
    let row = sqlx::query!("select deleted_at from contacts where id = $1 for no key update", contact.0).fetch_optional(cx.db()).await?;
    let row = row.ok_or(Error::NotFound)?;
    let who = cx.who;
    data::visible(cx.db(), who, contact).await?;
    if row.deleted_at.is_some() {
        return Err(Error::conflict("This customer is archived. Restore it first."));
    }
    Ok(())
}

/// Returns one line of text with spaces collapsed; adds an error if it is longer than `max` characters.
fn line(errors: &mut FieldErrors, field: &str, typed: &str, max: usize) -> String {
    let clean = text::collapse(typed);
    if clean.chars().count() > max {
        errors.add(field, format!("At most {max} characters fit here."));
    }
    clean
}

/// Returns free text with sensitive numbers redacted; adds an error if it is longer than `max` characters.
fn free(errors: &mut FieldErrors, field: &str, typed: &str, max: usize) -> String {
    if typed.chars().count() > max {
        errors.add(field, format!("At most {max} characters fit here."));
    }
    redact::redact(typed.trim()).text
}
