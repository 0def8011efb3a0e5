//! What can be done with contacts.

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
pub use duplicates::{DismissDuplicate, Lookalike};
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

/// What a write answers: the record and its version from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    pub id: Uuid,
    pub version: i32,
}

fn about(contact: ContactId) -> Subject {
    Subject { kind: "contact", id: contact.0, contact: Some(contact) }
}

/// Rebuilds what the contact is found by.
async fn index(cx: &mut Cx<'_>, contact: ContactId) -> Result<()> {
    sqlx::query!("select app.index_contacts($1)", &[contact.0]).execute(cx.db()).await?;
    Ok(())
}

/// Locks the contact against changes by others and makes sure it is there, the member's to see, and in use.
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

/// One line of text: spaces collapsed, at most `max` characters.
fn line(errors: &mut FieldErrors, field: &str, typed: &str, max: usize) -> String {
    let clean = text::collapse(typed);
    if clean.chars().count() > max {
        errors.add(field, format!("At most {max} characters fit here."));
    }
    clean
}

/// Free text: sensitive numbers taken out, at most `max` characters.
fn free(errors: &mut FieldErrors, field: &str, typed: &str, max: usize) -> String {
    if typed.chars().count() > max {
        errors.add(field, format!("At most {max} characters fit here."));
    }
    redact::redact(typed.trim()).text
}
