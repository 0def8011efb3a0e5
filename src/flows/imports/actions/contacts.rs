//! Imports customers as contacts with phones, emails, address, note, proposed attributes and consent.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    adopt,
    again::{self, Present},
    batch::Done,
    keys::{self, Key},
};
use crate::imports::square::{self, CustomerRow, PhoneCell};
use customers::contacts::{
    Address, extract,
    personal::{self, EmailRow, PhoneRow},
};
use platform::{
    action::Cx,
    error::Result,
    ids::{AddressId, AttributeId, ConsentId, ContactId, EmailId, ImportId, NoteId, PhoneId, TicketId},
    phone, redact,
};

/// New records of a batch, inserted together.
#[derive(Debug, Default)]
pub struct Newcomers {
    pub contacts: Vec<Value>,
    pub emails: Vec<EmailRow>,
    pub phones: Vec<PhoneRow>,
    pub addresses: Vec<Address>,
    notes: Vec<Note>,
    attributes: Vec<Value>,
    consents: Vec<Value>,
    /// Contacts whose search entry must be rebuilt.
    pub touched: Vec<Uuid>,
}

#[derive(Debug, Serialize)]
struct Note {
    id: NoteId,
    contact_id: ContactId,
    ticket_id: Option<TicketId>,
    body: String,
    at: DateTime<Utc>,
}

impl Newcomers {
    pub fn email(&mut self, contact: ContactId, position: usize, address: &str) -> EmailId {
        let id = EmailId::new();
        self.emails.push(EmailRow { id, contact_id: contact, position, address: address.to_owned(), match_key: address.to_owned() });
        id
    }

    pub fn phone(&mut self, contact: ContactId, position: usize, cell: &PhoneCell) -> PhoneId {
        let (id, match_key) = (PhoneId::new(), phone_key(cell));
        let tail_key = phone::tail4(&match_key).unwrap_or_default();
        self.phones.push(PhoneRow { id, contact_id: contact, position, typed: cell.typed.clone(), match_key, tail_key });
        id
    }

    pub fn address(&mut self, contact: ContactId, a: &square::Address, country: &str, is_primary: bool) -> AddressId {
        let id = AddressId::new();
        self.addresses.push(Address {
            id,
            contact_id: contact,
            label: String::new(),
            street: a.street.clone(),
            unit: a.unit.clone(),
            city: a.city.clone(),
            region: a.region.clone(),
            postal_code: a.postal_code.clone(),
            country: country.to_owned(),
            access_notes: a.access.clone(),
            time_zone: None,
            neighbourhood: String::new(),
            is_primary,
            archived_at: None,
            version: 1,
        });
        id
    }

    /// Adds a redacted note and, as proposals, the attributes extracted from it. Returns the ids of both.
    pub fn note(&mut self, contact: ContactId, ticket: Option<TicketId>, body: &str, at: DateTime<Utc>) -> (NoteId, Vec<AttributeId>) {
        let body = redact::redact(body).text;
        let id = NoteId::new();
        let mut facts = Vec::new();
        for found in extract::extract(&body) {
            let fact = AttributeId::new();
            facts.push(fact);
            self.attributes.push(json!({
                "id": fact, "contact_id": contact, "key": found.key, "value": redact::redact(&found.value).text,
                "confidence": found.confidence.score(), "note_id": id,
            }));
        }
        self.notes.push(Note { id, contact_id: contact, ticket_id: ticket, body, at });
        (id, facts)
    }

    pub fn consent(&mut self, contact: ContactId, given: bool) -> ConsentId {
        let id = ConsentId::new();
        self.consents.push(json!({ "id": id, "contact_id": contact, "given": given }));
        id
    }

    /// Inserts contacts with emails, phones and addresses. Must run before the tickets that refer to them are inserted.
    pub async fn write_people(&mut self, cx: &mut Cx<'_>, import: ImportId) -> Result<()> {
        sqlx::query!(
            r#"insert into contacts (id, name, first_name, last_name, nickname, company, is_organisation, tags, email_consent, birthday,
                                     customer_since, source, source_key, import_id)
               select x.id, x.name, x.first_name, x.last_name, x.nickname, x.company, x.is_organisation, x.tags, x.email_consent, x.birthday,
                      x.customer_since, 'import', x.source_key, $2
                 from jsonb_to_recordset($1) as x(id uuid, name text, first_name text, last_name text, nickname text, company text,
                      is_organisation boolean, tags text[], email_consent boolean, birthday text, customer_since date, source_key text)"#,
            Value::Array(std::mem::take(&mut self.contacts)),
            import.0
        )
        .execute(cx.db())
        .await?;
        personal::insert_many(cx.db(), &self.emails, &self.phones, &self.addresses).await
    }

    /// Inserts notes, attributes and consents, and rebuilds search entries. Must run after the tickets that notes refer to are inserted.
    pub async fn write_rest(&self, cx: &mut Cx<'_>, import: ImportId) -> Result<()> {
        sqlx::query!(
            r#"insert into notes (id, contact_id, ticket_id, body, source, import_id, created_at)
               select x.id, x.contact_id, x.ticket_id, x.body, 'import', $2, x.at
                 from jsonb_to_recordset($1) as x(id uuid, contact_id uuid, ticket_id uuid, body text, at timestamptz)"#,
            serde_json::to_value(&self.notes)?,
            import.0
        )
        .execute(cx.db())
        .await?;
        sqlx::query!(
            r#"insert into attributes (id, contact_id, key, value, state, source, confidence, note_id, import_id)
               select x.id, x.contact_id, x.key, x.value, 'proposed', 'import', x.confidence, x.note_id, $2
                 from jsonb_to_recordset($1) as x(id uuid, contact_id uuid, key text, value text, confidence numeric, note_id uuid)
               on conflict (org_id, contact_id, key, lower(value)) where state <> 'dropped' do nothing"#,
            Value::Array(self.attributes.clone()),
            import.0
        )
        .execute(cx.db())
        .await?;
        sqlx::query!(
            r#"insert into consents (id, contact_id, channel, given, source, wording)
               select x.id, x.contact_id, 'email', x.given, 'import', 'Email subscription status in the file'
                 from jsonb_to_recordset($1) as x(id uuid, contact_id uuid, given boolean)"#,
            Value::Array(self.consents.clone())
        )
        .execute(cx.db())
        .await?;
        let mut touched = self.touched.clone();
        touched.extend(self.notes.iter().map(|n| n.contact_id.0));
        touched.sort_unstable();
        touched.dedup();
        sqlx::query!("select app.index_contacts($1)", &touched).fetch_one(cx.db()).await?;
        Ok(())
    }
}

/// The phone's match key: E.164, or the digits if it is not a valid number.
pub fn phone_key(cell: &PhoneCell) -> String {
    cell.e164.clone().unwrap_or_else(|| phone::digits(&cell.typed))
}

/// Imports a batch of customers.
pub async fn take(cx: &mut Cx<'_>, import: ImportId, rows: Vec<CustomerRow>) -> Result<Vec<Done>> {
    let ids: Vec<String> = rows.iter().map(|r| r.source_id.clone()).collect();
    let present = here(cx, &rows, &ids).await?;
    let known = keys::find(cx, "customer", &ids).await?;
    let (mut new, mut keys, mut done) = (Newcomers::default(), Vec::new(), Vec::with_capacity(rows.len()));
    let (mut changes, mut addresses) = (Vec::new(), Vec::new());
    let (country, now) = (cx.who.country.clone(), cx.now());
    for row in rows {
        match present.get(&row.source_id) {
            None => {
                let id = add(&mut new, &row, &country, now);
                done.push(Done::made(row.line, "contact", id.0));
                keys.push(key(&row, id));
            }
            Some(p) if p.is_archived => done.push(Done::skipped(row.line, "Archived here; left alone").of("contact", p.id.0)),
            Some(p) => {
                let change = again::change(&mut new, p, known.get(&row.source_id), &row, &country, now);
                if change.is_empty && known.contains_key(&row.source_id) {
                    done.push(Done::skipped(row.line, "Already here, nothing new").of("contact", p.id.0));
                } else {
                    new.touched.push(p.id.0);
                    keys.push(key(&row, p.id));
                    done.push(Done::updated(row.line, "contact", p.id.0, change.before));
                    changes.push(change.fields);
                    addresses.extend(change.addresses);
                }
            }
        }
    }
    again::update(cx, changes).await?;
    again::update_addresses(cx, addresses).await?;
    new.write_people(cx, import).await?;
    new.write_rest(cx, import).await?;
    keys::put(cx, import, &keys).await?;
    Ok(done)
}

/// Loads existing contacts by the file's ids: those known by the id, and those adopted now.
async fn here(cx: &mut Cx<'_>, rows: &[CustomerRow], ids: &[String]) -> Result<HashMap<String, Present>> {
    let mut present = again::present(cx, ids).await?;
    let strangers: Vec<&CustomerRow> = rows.iter().filter(|r| !present.contains_key(&r.source_id)).collect();
    let adopted = adopt::customers(cx, &strangers).await?;
    if !adopted.is_empty() {
        adopt::know(cx, &adopted).await?;
        let ids: Vec<String> = adopted.into_keys().collect();
        present.extend(again::present(cx, &ids).await?);
    }
    Ok(present)
}

/// The contact fields that a file fills; a re-import compares them.
pub fn fields(row: &CustomerRow) -> Vec<(&'static str, Value)> {
    let text = |s: &str| json!(s);
    vec![
        ("name", text(&row.name)),
        ("first_name", text(&row.first_name)),
        ("last_name", text(&row.last_name)),
        ("nickname", text(&row.nickname)),
        ("company", text(&row.company)),
        ("birthday", json!(row.birthday)),
        ("customer_since", json!(row.first_visit)),
        ("email_consent", json!(row.email_consent)),
    ]
}

fn key(row: &CustomerRow, id: ContactId) -> Key {
    let mut written: Map<String, Value> = fields(row).into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    written.insert("emails".into(), json!(row.emails));
    written.insert("phones".into(), json!(row.phones.iter().map(phone_key).collect::<Vec<_>>()));
    written.insert("address".into(), json!(row.address));
    Key { kind: "customer", key: row.source_id.clone(), record_kind: "contact", record_id: id.0, written: Value::Object(written) }
}

fn add(new: &mut Newcomers, row: &CustomerRow, country: &str, now: DateTime<Utc>) -> ContactId {
    let id = ContactId::new();
    let mut tags: Vec<&str> = Vec::new();
    if row.is_instant_profile {
        tags.push("Card sale");
    }
    if row.is_blocked_online {
        tags.push("No online booking");
    }
    new.contacts.push(json!({
        "id": id, "name": row.name, "first_name": row.first_name, "last_name": row.last_name, "nickname": row.nickname, "company": row.company,
        "is_organisation": row.first_name.is_empty() && row.last_name.is_empty() && !row.company.is_empty(), "tags": tags,
        "email_consent": row.email_consent, "birthday": row.birthday, "customer_since": row.first_visit, "source_key": row.source_id,
    }));
    for (position, email) in row.emails.iter().enumerate() {
        new.email(id, position, email);
    }
    for (position, phone) in row.phones.iter().enumerate() {
        new.phone(id, position, phone);
    }
    if let Some(address) = &row.address {
        new.address(id, address, country, true);
    }
    if !row.memo.is_empty() {
        new.note(id, None, &row.memo, now);
    }
    if let Some(given) = row.email_consent {
        new.consent(id, given);
    }
    new.touched.push(id.0);
    id
}
