//! Customers of a file → contacts with phones, emails, address, note, proposed facts and consent.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    batch::Done,
    keys::{self, Key, Known},
};
use crate::{
    contacts::{
        Address, extract,
        personal::{self, EmailRow, PhoneRow},
    },
    imports::square::{self, CustomerRow, PhoneCell},
    platform::{
        action::Cx,
        error::Result,
        ids::{AddressId, AttributeId, ConsentId, ContactId, EmailId, ImportId, NoteId, PhoneId, TicketId},
        phone, redact, text,
    },
};

/// New records of a portion, written together.
#[derive(Debug, Default)]
pub struct Newcomers {
    pub contacts: Vec<Value>,
    pub emails: Vec<EmailRow>,
    pub phones: Vec<PhoneRow>,
    pub addresses: Vec<Address>,
    notes: Vec<Note>,
    attributes: Vec<Value>,
    consents: Vec<Value>,
    /// Contacts whose search entry is to be made again.
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

    /// A note, and what the rules read in it, as proposals.
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

    fn consent(&mut self, contact: ContactId, given: bool) -> ConsentId {
        let id = ConsentId::new();
        self.consents.push(json!({ "id": id, "contact_id": contact, "given": given }));
        id
    }

    /// Contacts and what tells where to find them; before tickets that refer to them.
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

    /// Notes, facts, consents, and the search entries; after tickets that notes refer to.
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

/// E.164, or the digits where it is no valid number.
pub fn phone_key(cell: &PhoneCell) -> String {
    cell.e164.clone().unwrap_or_else(|| phone::digits(&cell.typed))
}

/// A contact that is here already, with what it can be found by.
#[derive(Debug)]
struct Present {
    id: ContactId,
    fields: Map<String, Value>,
    emails: Vec<String>,
    phones: Vec<String>,
    streets: Vec<String>,
    is_archived: bool,
}

/// Takes a portion of customers.
pub async fn take(cx: &mut Cx<'_>, import: ImportId, rows: Vec<CustomerRow>) -> Result<Vec<Done>> {
    let ids: Vec<String> = rows.iter().map(|r| r.source_id.clone()).collect();
    let present = present(cx, &ids).await?;
    let known = keys::find(cx, "customer", &ids).await?;
    let (mut new, mut keys, mut done, mut changes) = (Newcomers::default(), Vec::new(), Vec::with_capacity(rows.len()), Vec::new());
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
                let change = change(&mut new, p, known.get(&row.source_id), &row, &country, now);
                if change.is_empty {
                    done.push(Done::skipped(row.line, "Already here, nothing new").of("contact", p.id.0));
                } else {
                    new.touched.push(p.id.0);
                    keys.push(key(&row, p.id));
                    done.push(Done::updated(row.line, "contact", p.id.0, change.before));
                    changes.push(change.fields);
                }
            }
        }
    }
    update(cx, changes).await?;
    new.write_people(cx, import).await?;
    new.write_rest(cx, import).await?;
    keys::put(cx, import, &keys).await?;
    Ok(done)
}

/// Fields of a contact that a file fills, as text; what re-importing compares.
fn fields(row: &CustomerRow) -> Vec<(&'static str, Value)> {
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
    // The words themselves stay with the note alone.
    written.insert("memo".into(), json!(crate::platform::secrets::hex(&crate::platform::secrets::digest(row.memo.as_bytes()))));
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

struct Change {
    is_empty: bool,
    fields: Value,
    before: Value,
}

/// Fills what is empty and follows the file where no person has changed what an import wrote; adds what is new.
fn change(new: &mut Newcomers, present: &Present, known: Option<&Known>, row: &CustomerRow, country: &str, now: DateTime<Utc>) -> Change {
    let id = present.id;
    let null = Value::Null;
    let written = known.map_or(&null, |k| &k.written);
    let is_empty = |v: &Value| v.is_null() || v.as_str() == Some("");
    let (mut set, mut old) = (Map::new(), Map::new());
    for (name, value) in fields(row) {
        let now = present.fields.get(name).unwrap_or(&null);
        if !is_empty(&value) && value != *now && (is_empty(now) || *now == written[name]) {
            set.insert(name.into(), value.clone());
            old.insert(name.into(), json!([now, value]));
        }
    }
    let has = |list: &str, value: &str| written[list].as_array().is_some_and(|l| l.iter().any(|v| v.as_str() == Some(value)));
    let mut added: Vec<Uuid> = Vec::new();
    for email in row.emails.iter().filter(|e| !present.emails.contains(e) && !has("emails", e)) {
        added.push(new.email(id, present.emails.len(), email).0);
    }
    for phone in row.phones.iter().filter(|p| !present.phones.contains(&phone_key(p)) && !has("phones", &phone_key(p))) {
        added.push(new.phone(id, present.phones.len(), phone).0);
    }
    if let Some(address) =
        row.address.as_ref().filter(|a| json!(a) != written["address"] && !present.streets.contains(&text::fold(&a.street)))
    {
        added.push(new.address(id, address, country, present.streets.is_empty()).0);
    }
    let memo = json!(crate::platform::secrets::hex(&crate::platform::secrets::digest(row.memo.as_bytes())));
    if !row.memo.is_empty() && memo != written["memo"] {
        let (note, facts) = new.note(id, None, &row.memo, now);
        added.push(note.0);
        added.extend(facts.iter().map(|f| f.0));
    }
    if let Some(given) = row.email_consent.filter(|_| set.contains_key("email_consent")) {
        added.push(new.consent(id, given).0);
    }
    let before = json!({ "fields": old, "added": added, "written": known.map(|k| &k.written), "key": row.source_id });
    let unchanged = set.is_empty() && added.is_empty();
    set.insert("id".into(), json!(id));
    Change { is_empty: unchanged, fields: Value::Object(set), before }
}

async fn present(cx: &mut Cx<'_>, keys: &[String]) -> Result<HashMap<String, Present>> {
    let rows = sqlx::query!(
        r#"
        select c.id as "id: ContactId", c.source_key as "source_key!", c.deleted_at is not null as "is_archived!",
               jsonb_build_object('name', c.name, 'first_name', c.first_name, 'last_name', c.last_name, 'nickname', c.nickname, 'company', c.company,
                                  'birthday', c.birthday, 'customer_since', c.customer_since, 'email_consent', c.email_consent) as "fields!",
               array(select e.match_key from contact_emails e where e.contact_id = c.id) as "emails!",
               array(select p.match_key from contact_phones p where p.contact_id = c.id) as "phones!",
               array(select app.fold(a.street) from addresses a where a.contact_id = c.id) as "streets!"
          from contacts c where c.source_key = any ($1)
        "#,
        keys
    )
    .fetch_all(cx.db())
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| {
            let fields = r.fields.as_object().cloned().unwrap_or_default();
            let present = Present { id: r.id, fields, emails: r.emails, phones: r.phones, streets: r.streets, is_archived: r.is_archived };
            (r.source_key, present)
        })
        .collect())
}

async fn update(cx: &mut Cx<'_>, changes: Vec<Value>) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"update contacts c
              set name = coalesce(x.name, c.name), first_name = coalesce(x.first_name, c.first_name), last_name = coalesce(x.last_name, c.last_name),
                  nickname = coalesce(x.nickname, c.nickname), company = coalesce(x.company, c.company), birthday = coalesce(x.birthday, c.birthday),
                  customer_since = coalesce(x.customer_since, c.customer_since), email_consent = coalesce(x.email_consent, c.email_consent)
             from jsonb_to_recordset($1) as x(id uuid, name text, first_name text, last_name text, nickname text, company text, birthday text,
                                              customer_since date, email_consent boolean)
            where c.id = x.id"#,
        Value::Array(changes)
    )
    .execute(cx.db())
    .await?;
    Ok(())
}
