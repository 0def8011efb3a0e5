//! What comes in by itself (booking, order, mail, chat) is linked to a contact on an exact email, or on a phone that only one contact has.

use super::CreateContact;
use crate::contacts::personal::{self, EmailInput, PhoneInput};
use platform::{action::Cx, error::Result, ids::ContactId, text};

/// Who wrote or called, as far as it is known.
#[derive(Debug, Clone, Default)]
pub struct NewPerson {
    pub name: String,
    pub company: String,
    pub email: String,
    pub phone: String,
}

/// The contact, and whether it had to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub contact: ContactId,
    pub is_new: bool,
}

/// Finds the one contact with this email, else the one contact with this phone; otherwise makes a new one, which proposes its possible twins.
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
