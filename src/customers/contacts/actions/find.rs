//! Links an incoming booking, order, mail or chat to a contact: by exact email, or by a phone that only one contact has.

use super::{CreateContact, duplicates};
use crate::contacts::{
    likeness::{self, Person},
    personal::{self, EmailInput, PhoneInput},
};
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

/// Returns the only contact with this email, else the only one with this phone, as long as neither name nor email says otherwise; else creates
/// one and proposes likely duplicates, among them whoever has the phone.
pub async fn find_or_create(cx: &mut Cx<'_>, person: NewPerson) -> Result<Found> {
    let emails: Vec<String> = personal::email_key(&person.email).into_iter().collect();
    let phones: Vec<String> = personal::phone_key(&person.phone, &cx.who.country).into_iter().collect();
    if let [(contact, _)] = personal::holders(cx.db(), &emails, &[]).await?.as_slice() {
        return Ok(Found { contact: *contact, is_new: false });
    }
    let (first_name, last_name) = text::split_name(&person.name);
    let holders = personal::holders(cx.db(), &[], &phones).await?;
    if let [(contact, _)] = holders.as_slice() {
        let near = Person { first_name: first_name.clone(), last_name: last_name.clone(), emails, phones, ..Person::default() };
        let found = personal::compared(cx.db(), &near, Some(*contact), None).await?.into_iter().find(|c| c.id == *contact);
        if found.is_some_and(|c| !likeness::says_otherwise(&near, &c.person)) {
            return Ok(Found { contact: *contact, is_new: false });
        }
    }
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
    for (holder, _) in holders {
        duplicates::propose_pair(cx, made.id, holder, SAME_PHONE, "Same phone").await?;
    }
    Ok(Found { contact: made.id, is_new: true })
}

/// The score of a pair of which only the phone is the same: at the end of the list.
const SAME_PHONE: u8 = 35;
