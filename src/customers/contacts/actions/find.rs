//! Links an incoming booking, order, mail or chat to a contact: by exact email, or by a phone that only one contact has.

use super::CreateContact;
use crate::contacts::personal::{self, EmailInput, PhoneInput};
use platform::{action::Cx, error::Result, ids::ContactId, text};

/// The sender or caller, as far as known.
#[derive(Debug, Clone, Default)]
pub struct NewPerson {
    pub name: String,
    pub company: String,
    pub email: String,
    pub phone: String,
}

/// The contact, and whether it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub contact: ContactId,
    pub is_new: bool,
}

/// Returns the only contact with this email, else the only one with this phone; otherwise creates one and proposes likely duplicates.
pub async fn find_or_create(cx: &mut Cx<'_>, person: NewPerson) -> Result<Found> {
    let emails: Vec<String> = personal::email_key(&person.email).into_iter().collect();
    let phones: Vec<String> = personal::phone_key(&person.phone, &cx.who.country).into_iter().collect();
    for (emails, phones) in [(emails.as_slice(), [].as_slice()), ([].as_slice(), phones.as_slice())] {
        if let [(contact, _)] = personal::holders(cx.db(), emails, phones).await?.as_slice() {
            return Ok(Found { contact: *contact, is_new: false });
        }
    }
    let (first_name, last_name) = text::split_name(&person.name);
    let made = cx
        .run(CreateContact {
            first_name,
            last_name,
            company: person.company,
            emails: vec![EmailInput { label: String::new(), address: person.email }],
            phones: vec![PhoneInput { label: String::new(), number: person.phone }],
            ..CreateContact::default()
        })
        .await?;
    Ok(Found { contact: made.id, is_new: true })
}
