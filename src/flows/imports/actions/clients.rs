//! Matches clients of appointments to contacts by name, email, phone and street, since the calendar export has no customer ids.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{
    contacts::Newcomers,
    keys::Key,
    visits::{Book, fits},
};
use crate::imports::square::{Address, AppointmentRow};
use customers::contacts::likeness::{Person, says_otherwise, street_key};
use platform::{action::Cx, error::Result, ids::ContactId, text};

/// A contact that may be a client.
#[derive(Debug, Default)]
struct Somebody {
    name: String,
    /// The contact has an id from a customers or sales file; otherwise the calendar import created it.
    has_id: bool,
    reach: HashSet<String>,
    /// Times of sales without an appointment.
    sales: Vec<DateTime<Utc>>,
}

impl Somebody {
    /// Whether its name is one, not the email or phone shown in its place.
    fn is_named(&self) -> bool {
        !self.name.contains('@') && self.name.chars().any(char::is_alphabetic)
    }
}

/// The score of a pair of which only the phone is the same.
const SAME_PHONE: u8 = 35;

/// Candidate contacts for a batch of appointments, by their match keys.
#[derive(Debug, Default)]
pub struct People {
    by_email: HashMap<String, Vec<ContactId>>,
    by_phone: HashMap<String, Vec<ContactId>>,
    by_name: HashMap<String, Vec<ContactId>>,
    by_street: HashMap<String, Vec<ContactId>>,
    known: HashMap<ContactId, Somebody>,
    /// Contacts of card sales: without name, address, email and phone.
    nameless: Vec<ContactId>,
    /// Addresses by contact and normalized street; the primary one first.
    places: HashMap<(ContactId, String), Vec<(Uuid, Address)>>,
    made: HashMap<String, ContactId>,
}

/// Whether the row has no name, email or phone, as for clients known only from card sales.
fn is_nameless(row: &AppointmentRow) -> bool {
    row.client_name.is_empty() && row.client_email.is_none() && row.client_phone.is_none()
}

/// The match key of the row's phone.
fn phone(row: &AppointmentRow) -> Option<String> {
    row.client_phone.as_ref()?.e164.clone()
}

fn street(row: &AppointmentRow) -> String {
    row.address.as_ref().map(|a| text::fold(&a.street)).unwrap_or_default()
}

impl People {
    pub async fn open(cx: &mut Cx<'_>, rows: &[AppointmentRow]) -> Result<Self> {
        let emails: Vec<String> = rows.iter().filter_map(|r| r.client_email.clone()).collect();
        let phones: Vec<String> = rows.iter().filter_map(phone).collect();
        let names: Vec<String> = rows.iter().map(|r| r.client_name.to_lowercase()).collect();
        let streets: Vec<String> = rows.iter().filter(|r| is_nameless(r)).map(street).filter(|s| !s.is_empty()).collect();
        let found = sqlx::query!(
            r#"
            select c.id as "id: ContactId", c.name_key as "name!", 'name' as "by!", c.name_key as "key!", c.source_key is not null as "has_id!" from contacts c where c.deleted_at is null and c.name_key = any ($3)
            union all select c.id, c.name_key, 'email', e.match_key, c.source_key is not null from contact_emails e join contacts c on c.org_id = e.org_id and c.id = e.contact_id
                       where c.deleted_at is null and e.match_key = any ($1)
            union all select c.id, c.name_key, 'phone', p.match_key, c.source_key is not null from contact_phones p join contacts c on c.org_id = p.org_id and c.id = p.contact_id
                       where c.deleted_at is null and p.match_key = any ($2)
            union all select c.id, c.name_key, 'street', app.fold(a.street), c.source_key is not null from addresses a join contacts c on c.org_id = a.org_id and c.id = a.contact_id
                       where c.deleted_at is null and a.deleted_at is null and a.street <> '' and app.fold(a.street) = any ($4)
            union all select c.id, c.name_key, 'nothing', '', true from contacts c
                       where $5 and c.deleted_at is null and c.source = 'import' and c.source_key <> 'walk-in' and c.first_name = '' and c.last_name = '' and c.company = ''
                         and not exists (select from addresses a where a.contact_id = c.id)
                         and not exists (select from contact_emails e where e.contact_id = c.id) and not exists (select from contact_phones p where p.contact_id = c.id)
            "#,
            &emails,
            &phones,
            &names,
            &streets,
            !streets.is_empty()
        )
        .fetch_all(cx.db())
        .await?;
        let mut people = Self::default();
        for row in found {
            let Some(id) = row.id else { continue };
            let map = match row.by.as_str() {
                "email" => &mut people.by_email,
                "phone" => &mut people.by_phone,
                "street" => &mut people.by_street,
                "nothing" => {
                    people.nameless.push(id);
                    people.known.insert(id, Somebody { name: row.name, has_id: true, ..Somebody::default() });
                    continue;
                }
                _ => &mut people.by_name,
            };
            map.entry(row.key).or_default().push(id);
            people.known.insert(id, Somebody { name: row.name, has_id: row.has_id, ..Somebody::default() });
        }
        people.look_up(cx).await?;
        Ok(people)
    }

    /// Loads addresses, emails, phones and unmatched sales of the contacts found.
    async fn look_up(&mut self, cx: &mut Cx<'_>) -> Result<()> {
        let ids: Vec<Uuid> = self.known.keys().map(|c| c.0).collect();
        let places = sqlx::query!(
            r#"select id, contact_id as "contact: ContactId", street, unit, city, region, postal_code, access_notes
                 from addresses where contact_id = any ($1) and deleted_at is null order by is_primary desc, id"#,
            &ids
        )
        .fetch_all(cx.db())
        .await?;
        for p in places {
            let key = (p.contact, street_key(&p.street));
            let (city, region, postal_code) = (p.city, p.region, p.postal_code);
            let address = Address { street: p.street, unit: p.unit, city, region, postal_code, access: p.access_notes };
            self.places.entry(key).or_default().push((p.id, address));
        }
        let reach = sqlx::query!(
            r#"select contact_id as "contact!: ContactId", match_key as "key!" from contact_emails where contact_id = any ($1)
               union all select contact_id, match_key from contact_phones where contact_id = any ($1)"#,
            &ids
        )
        .fetch_all(cx.db())
        .await?;
        for r in reach {
            self.known.entry(r.contact).or_default().reach.insert(r.key);
        }
        let with_id: Vec<Uuid> = self.known.iter().filter(|(_, s)| s.has_id).map(|(id, _)| id.0).collect();
        let sales = sqlx::query!(
            r#"select t.contact_id as "contact: ContactId", t.starts_at from tickets t
                where t.contact_id = any ($1) and t.source = 'import' and exists (select from import_keys k where k.record_id = t.id and k.kind = 'transaction')
                  and not exists (select from import_keys k where k.record_id = t.id and k.kind = 'appointment')"#,
            &with_id
        )
        .fetch_all(cx.db())
        .await?;
        for s in sales {
            self.known.entry(s.contact).or_default().sales.push(s.starts_at);
        }
        Ok(())
    }

    /// Returns the contact and address of an appointment; adds them if they do not exist yet.
    pub fn place(
        &mut self,
        new: &mut Newcomers,
        keys: &mut Vec<Key>,
        book: &Book,
        row: &AppointmentRow,
        country: &str,
    ) -> (ContactId, Option<Uuid>) {
        let contact = self.find(book, row).unwrap_or_else(|| {
            let contact = self.add(new, keys, row);
            // Whoever has the phone may be the same person after all.
            for holder in phone(row).and_then(|key| self.by_phone.get(&key)).into_iter().flatten().filter(|c| **c != contact) {
                new.pair(contact, *holder, SAME_PHONE, "same phone");
            }
            contact
        });
        let Some(address) = &row.address else { return (contact, None) };
        let key = (contact, street_key(&address.street));
        let there = self.places.get(&key).into_iter().flatten().filter(|p| p.1.is_same_place(address));
        // Prefers the same unit over an address without one.
        if let Some((id, _)) = there.min_by_key(|p| text::fold(&p.1.unit) != text::fold(&address.unit)) {
            return (contact, Some(*id));
        }
        let is_first = !self.places.keys().any(|(c, _)| *c == contact);
        let id = new.address(contact, address, country, is_first).0;
        new.touched.push(contact.0);
        self.by_street.entry(text::fold(&address.street)).or_default().push(contact);
        self.places.entry(key).or_default().push((id, address.clone()));
        (contact, Some(id))
    }

    /// Contacts that may be the client under another record: of the same name, or at the same street.
    pub fn relatives(&self, row: &AppointmentRow) -> HashSet<ContactId> {
        let name = row.client_name.to_lowercase();
        let named = self.by_name.get(&name).filter(|_| !name.is_empty());
        let there = self.by_street.get(&street(row)).filter(|_| is_nameless(row));
        named.into_iter().chain(there).flatten().copied().collect()
    }

    /// Finds the client's contact, in this order: name with email or phone; name with street; an email that only one contact has; a phone that
    /// only one contact has, as long as neither name nor email says otherwise; a name that only one contact has, or the one of that name with
    /// a sale near the appointment. With nothing but a street: the only contact there, or the one with a card sale near the appointment.
    fn find(&self, book: &Book, row: &AppointmentRow) -> Option<ContactId> {
        let none = Vec::new();
        let name = row.client_name.to_lowercase();
        let email = row.client_email.as_ref().and_then(|e| self.by_email.get(e)).unwrap_or(&none);
        let phone = phone(row).and_then(|p| self.by_phone.get(&p)).unwrap_or(&none);
        let named = self.by_name.get(&name).filter(|_| !name.is_empty()).unwrap_or(&none);
        let is_named = |c: &&ContactId| self.known.get(*c).is_some_and(|n| n.name == name);
        let street = street(row);
        let lives_there = |c: &&ContactId| !street.is_empty() && self.places.contains_key(&(**c, street_key(&street)));
        let by_reach = || email.iter().chain(phone).filter(|c| is_named(c));
        if is_nameless(row) {
            let there = self.by_street.get(&street).filter(|_| !street.is_empty());
            return match there {
                Some(there) => one(there).or_else(|| self.by_sale(book, row, there)),
                None => self.by_sale(book, row, &self.nameless).filter(|_| !street.is_empty()),
            };
        }
        let named: Vec<ContactId> = named.iter().filter(|c| !self.is_another(**c, row)).copied().collect();
        by_reach()
            .find(lives_there)
            .or_else(|| by_reach().next())
            .or_else(|| named.iter().find(lives_there))
            .copied()
            .or_else(|| one(email))
            .or_else(|| one(phone).filter(|c| named.is_empty() && !self.says_otherwise(*c, row)))
            .or_else(|| one(&named))
            .or_else(|| self.by_sale(book, row, &named))
    }

    /// Whether the row's name or email is another than that of a contact with its phone.
    fn says_otherwise(&self, contact: ContactId, row: &AppointmentRow) -> bool {
        let Some(somebody) = self.known.get(&contact) else { return false };
        let person = |name: &str, emails: Vec<String>| {
            let (first_name, last_name) = text::split_name(name);
            Person { first_name, last_name, emails, ..Person::default() }
        };
        let emails = somebody.reach.iter().filter(|r| r.contains('@')).cloned().collect();
        let there = if somebody.is_named() { somebody.name.as_str() } else { "" };
        says_otherwise(&person(there, emails), &person(&row.client_name, row.client_email.iter().cloned().collect()))
    }

    /// Whether a calendar-made contact of the same name is another person, as its email and phone all differ from the row's.
    fn is_another(&self, contact: ContactId, row: &AppointmentRow) -> bool {
        let reach: Vec<String> = row.client_email.iter().cloned().chain(phone(row)).collect();
        self.known
            .get(&contact)
            .is_some_and(|s| !s.has_id && !reach.is_empty() && !s.reach.is_empty() && !reach.iter().any(|r| s.reach.contains(r)))
    }

    /// The contact whose unmatched sale is nearest to the appointment; `None` if two are equally near.
    fn by_sale(&self, book: &Book, row: &AppointmentRow, of: &[ContactId]) -> Option<ContactId> {
        let (from, until) = (book.utc(row.starts_at, None), book.utc(row.ends_at, None));
        let gap = |at: DateTime<Utc>| (at - from).abs().min((at - until).abs());
        let near = |c: &ContactId| {
            let sales = self.known.get(c)?.sales.iter().filter(|at| fits(**at, from, until));
            Some((sales.map(|at| gap(*at)).min()?, *c))
        };
        let all: Vec<_> = of.iter().filter_map(near).collect();
        let least = all.iter().map(|n| n.0).min()?;
        one(&all.into_iter().filter(|n| n.0 == least).map(|n| n.1).collect::<Vec<_>>())
    }

    fn add(&mut self, new: &mut Newcomers, keys: &mut Vec<Key>, row: &AppointmentRow) -> ContactId {
        let phone = phone(row).unwrap_or_default();
        let email = row.client_email.clone().unwrap_or_default();
        let street = row.address.as_ref().map(|a| a.street.clone()).unwrap_or_default();
        let name = row.client_name.to_lowercase();
        let key = [name.as_str(), &email, &phone, if email.is_empty() && phone.is_empty() { &street } else { "" }].join("|");
        if let Some(id) = self.made.get(&key) {
            return *id;
        }
        let id = ContactId::new();
        let shown = [row.client_name.as_str(), &email, row.client_phone.as_ref().map_or("", |p| &p.typed), &street]
            .into_iter()
            .find(|n| !n.is_empty())
            .unwrap_or("Client without a name")
            .to_owned();
        let (first, last) = text::split_name(&row.client_name);
        new.contacts.push(json!({
            "id": id, "name": shown, "first_name": first, "last_name": last, "nickname": "", "company": "", "is_organisation": false, "tags": [],
        }));
        let mut somebody = Somebody { name: name.clone(), ..Somebody::default() };
        if !email.is_empty() {
            new.email(id, 0, &email);
            self.by_email.entry(email.clone()).or_default().push(id);
            somebody.reach.insert(email);
        }
        if let Some(cell) = &row.client_phone {
            new.phone(id, 0, cell);
            self.by_phone.entry(phone.clone()).or_default().push(id);
            somebody.reach.insert(phone);
        }
        new.touched.push(id.0);
        let hash = platform::secrets::hex(&platform::secrets::digest(key.as_bytes())[..16]);
        keys.push(Key { kind: "client", key: hash, record_kind: "contact", record_id: id.0, written: json!({}) });
        self.made.insert(key, id);
        // Makes the new contact findable for the rest of this batch.
        self.by_name.entry(name).or_default().push(id);
        self.known.insert(id, somebody);
        id
    }
}

/// Returns the contact if all in `of` are the same one.
fn one(of: &[ContactId]) -> Option<ContactId> {
    let distinct: HashSet<_> = of.iter().collect();
    if distinct.len() == 1 { of.first().copied() } else { None }
}
