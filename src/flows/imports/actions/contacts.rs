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
    ids::{AddressId, AttributeId, ConsentId, ContactId, DuplicateId, EmailId, ImportId, NoteId, PhoneId, TicketId},
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
    /// Proposals that two contacts are one.
    pairs: Vec<Value>,
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

    /// Adds a phone that can be read; any other is kept in a note.
    pub fn phone(&mut self, contact: ContactId, position: usize, cell: &PhoneCell) -> Option<PhoneId> {
        let (id, match_key) = (PhoneId::new(), cell.e164.clone()?);
        let tail_key = phone::tail4(&match_key).unwrap_or_default();
        self.phones.push(PhoneRow { id, contact_id: contact, position, typed: cell.typed.clone(), match_key, tail_key });
        Some(id)
    }

    /// Proposes that two contacts are one person.
    pub fn pair(&mut self, a: ContactId, b: ContactId, score: u8, reason: &str) {
        let (id, first, second) = (DuplicateId::new(), a.0.min(b.0), a.0.max(b.0));
        self.pairs.push(json!({ "id": id, "contact_id": first, "other_id": second, "score": score, "reason": reason }));
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

    pub fn consent(&mut self, contact: ContactId, channel: &str, given: bool) -> ConsentId {
        let id = ConsentId::new();
        self.consents.push(json!({ "id": id, "contact_id": contact, "channel": channel, "given": given }));
        id
    }

    /// Inserts contacts with emails, phones and addresses. Must run before the tickets that refer to them are inserted.
    pub async fn write_people(&mut self, cx: &mut Cx<'_>, import: ImportId) -> Result<()> {
        sqlx::query!(
            r#"insert into contacts (id, name, first_name, last_name, nickname, company, is_organisation, tags, email_consent, sms_consent, birthday,
                                     customer_since, source, source_key, import_id)
               select x.id, x.name, x.first_name, x.last_name, x.nickname, x.company, x.is_organisation, x.tags, x.email_consent, x.sms_consent, x.birthday,
                      x.customer_since, 'import', x.source_key, $2
                 from jsonb_to_recordset($1) as x(id uuid, name text, first_name text, last_name text, nickname text, company text,
                      is_organisation boolean, tags text[], email_consent boolean, sms_consent boolean, birthday text, customer_since date, source_key text)"#,
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
               select x.id, x.contact_id, x.channel, x.given, 'import', case x.channel when 'email' then 'Email subscription status in the file' else 'Text messages in the file' end
                 from jsonb_to_recordset($1) as x(id uuid, contact_id uuid, channel text, given boolean)"#,
            Value::Array(self.consents.clone())
        )
        .execute(cx.db())
        .await?;
        propose(cx, import, self.pairs.clone()).await?;
        let mut touched = self.touched.clone();
        touched.extend(self.notes.iter().map(|n| n.contact_id.0));
        touched.sort_unstable();
        touched.dedup();
        sqlx::query!("select app.index_contacts($1)", &touched).fetch_one(cx.db()).await?;
        Ok(())
    }
}

/// Proposes pairs of contacts as one person; one proposed or dismissed before is left alone.
pub async fn propose(cx: &mut Cx<'_>, import: ImportId, pairs: Vec<Value>) -> Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"insert into contact_duplicates (id, contact_id, other_id, score, reason, import_id)
           select x.id, x.contact_id, x.other_id, x.score, upper(left(x.reason, 1)) || substr(x.reason, 2), $2
             from jsonb_to_recordset($1) as x(id uuid, contact_id uuid, other_id uuid, score int, reason text)
           on conflict (org_id, contact_id, other_id) do nothing"#,
        Value::Array(pairs),
        import.0
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// The match keys of phones that can be read.
pub fn phone_keys(cells: &[PhoneCell]) -> Vec<String> {
    cells.iter().filter_map(|cell| cell.e164.clone()).collect()
}

/// Imports a batch of customers.
pub async fn take(cx: &mut Cx<'_>, import: ImportId, mut rows: Vec<CustomerRow>) -> Result<Vec<Done>> {
    find_again(cx, &mut rows).await?;
    let ids: Vec<String> = rows.iter().map(|r| r.source_id.clone()).collect();
    let present = here(cx, &rows, &ids).await?;
    let known = keys::find(cx, "customer", &ids).await?;
    let (mut new, mut keys, mut done) = (Newcomers::default(), Vec::new(), Vec::with_capacity(rows.len()));
    let (mut changes, mut addresses) = (Vec::new(), Vec::new());
    let (country, now) = (cx.who.country.clone(), cx.now());
    for row in rows {
        let one = match present.get(&row.source_id) {
            None if row.is_archived => Done::skipped(row.line, "Archived where it was exported; left out"),
            None => {
                let id = add(&mut new, &row, &country, now);
                keys.extend(key(&row, id));
                Done::made(row.line, "contact", id.0)
            }
            Some(p) if p.is_archived => Done::skipped(row.line, "Archived here; left alone").of("contact", p.id.0),
            Some(p) => {
                let change = again::change(&mut new, p, known.get(&row.source_id), &row, &country, now);
                if change.is_empty && (known.contains_key(&row.source_id) || row.own_id.is_some()) {
                    Done::skipped(row.line, "Already here, nothing new").of("contact", p.id.0)
                } else {
                    new.touched.push(p.id.0);
                    keys.extend(key(&row, p.id));
                    changes.push(change.fields);
                    addresses.extend(change.addresses);
                    Done::updated(row.line, "contact", p.id.0, change.before)
                }
            }
        };
        done.push(one.with(&row.extra));
    }
    again::update(cx, changes).await?;
    again::update_addresses(cx, addresses).await?;
    new.write_people(cx, import).await?;
    new.write_rest(cx, import).await?;
    keys::put(cx, import, &keys).await?;
    Ok(done)
}

/// Gives rows without an id the one under which the same row came in before, read with other columns.
async fn find_again(cx: &mut Cx<'_>, rows: &mut [CustomerRow]) -> Result<()> {
    let row_keys: Vec<String> = rows.iter().filter_map(|r| r.row_key.clone()).collect();
    let known = if row_keys.is_empty() { HashMap::new() } else { keys::find(cx, ROW, &row_keys).await? };
    for row in rows {
        let before = row.row_key.as_ref().and_then(|key| known.get(key)).and_then(|k| k.written["source_id"].as_str());
        row.is_read_anew = before.is_some();
        if let Some(before) = before {
            before.clone_into(&mut row.source_id);
        }
    }
    Ok(())
}

/// The kind of keys of rows without an id.
const ROW: &str = "row";

/// Loads existing contacts by the file's ids: those known by the id, and those adopted now.
async fn here(cx: &mut Cx<'_>, rows: &[CustomerRow], ids: &[String]) -> Result<HashMap<String, Present>> {
    let own: Vec<Uuid> = rows.iter().filter_map(|r| r.own_id).collect();
    let mut present = again::present(cx, ids, &own).await?;
    let strangers: Vec<&CustomerRow> = rows.iter().filter(|r| !present.contains_key(&r.source_id)).collect();
    let adopted = adopt::customers(cx, &strangers).await?;
    if !adopted.is_empty() {
        adopt::know(cx, &adopted).await?;
        let ids: Vec<String> = adopted.into_keys().collect();
        present.extend(again::present(cx, &ids, &[]).await?);
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
        ("sms_consent", json!(row.sms_consent)),
    ]
}

fn key(row: &CustomerRow, id: ContactId) -> impl Iterator<Item = Key> {
    let mut written: Map<String, Value> = fields(row).into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    written.insert("emails".into(), json!(row.emails));
    written.insert("phones".into(), json!(phone_keys(&row.phones)));
    written.insert("address".into(), json!(row.address));
    written.insert("further".into(), json!(row.further));
    written.insert("tags".into(), json!(row.tags));
    let key = |kind, key: &str, written| Key { kind, key: key.to_owned(), record_kind: "contact", record_id: id.0, written };
    let row_key = row.row_key.as_ref().map(|r| key(ROW, r, json!({ "source_id": row.source_id })));
    std::iter::once(key("customer", &row.source_id, Value::Object(written))).chain(row_key)
}

fn add(new: &mut Newcomers, row: &CustomerRow, country: &str, now: DateTime<Utc>) -> ContactId {
    let id = ContactId::new();
    new.contacts.push(json!({
        "id": id, "name": row.name, "first_name": row.first_name, "last_name": row.last_name, "nickname": row.nickname, "company": row.company,
        "is_organisation": row.first_name.is_empty() && row.last_name.is_empty() && !row.company.is_empty(), "tags": row.tags,
        "email_consent": row.email_consent, "sms_consent": row.sms_consent, "birthday": row.birthday, "customer_since": row.first_visit,
        "source_key": row.source_id,
    }));
    for (position, email) in row.emails.iter().enumerate() {
        new.email(id, position, email);
    }
    for (position, phone) in row.phones.iter().enumerate() {
        new.phone(id, position, phone);
    }
    for (n, address) in row.address.iter().chain(&row.further).enumerate() {
        new.address(id, address, country, n == 0);
    }
    let note = row.note();
    if !note.is_empty() {
        new.note(id, None, &note, now);
    }
    for (channel, given) in [("email", row.email_consent), ("sms", row.sms_consent)] {
        if let Some(given) = given {
            new.consent(id, channel, given);
        }
    }
    new.touched.push(id.0);
    id
}
