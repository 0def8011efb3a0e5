//! Updates contacts that a file contains again: fills, updates and adds values, but keeps what a user has changed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    contacts::{Newcomers, fields},
    keys::Known,
};
use crate::imports::square::{Address, CustomerRow};
use customers::contacts::one_line;
use platform::{action::Cx, error::Result, ids::ContactId, redact, text};

/// An existing contact with the values to compare with the file.
#[derive(Debug)]
pub struct Present {
    pub id: ContactId,
    fields: Map<String, Value>,
    emails: Vec<String>,
    phones: Vec<String>,
    addresses: Vec<Place>,
    /// Texts of imported notes.
    notes: Vec<String>,
    pub is_archived: bool,
}

/// A stored address.
#[derive(Debug, Deserialize)]
struct Place {
    id: Uuid,
    #[serde(flatten)]
    address: Address,
    is_archived: bool,
}

impl Present {
    /// Whether it has this address, in use or archived.
    fn is_at(&self, address: &Address) -> bool {
        let line = |a: &Address| one_line(&a.street, &a.unit, &a.city, &a.region, &a.postal_code);
        self.addresses.iter().any(|p| p.address.is_same_place(address) || line(&p.address) == line(address))
    }
}

pub struct Change {
    pub is_empty: bool,
    pub fields: Value,
    /// Corrections of stored addresses: id, old and new values.
    pub addresses: Vec<Value>,
    pub before: Value,
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// Computes the changes of a contact from a row: fills empty fields, updates values that no user has changed since the import wrote them,
/// and adds new emails, phones, addresses and notes to `new`.
pub fn change(
    new: &mut Newcomers,
    present: &Present,
    known: Option<&Known>,
    row: &CustomerRow,
    country: &str,
    now: DateTime<Utc>,
) -> Change {
    let id = present.id;
    let null = Value::Null;
    let written = known.map_or(&null, |k| &k.written);
    let (mut set, mut old) = follow(present, written, row);
    name(present, written, row, &mut set, &mut old);
    let has = |list: &str, value: &str| written[list].as_array().is_some_and(|l| l.iter().any(|v| v.as_str() == Some(value)));
    let mut added: Vec<Uuid> = Vec::new();
    for email in row.emails.iter().filter(|e| !present.emails.contains(e) && !has("emails", e)) {
        added.push(new.email(id, present.emails.len(), email).0);
    }
    let is_new = |key: &String| !present.phones.contains(key) && !has("phones", key);
    for phone in row.phones.iter().filter(|p| p.e164.as_ref().is_some_and(is_new)) {
        added.extend(new.phone(id, present.phones.len(), phone).map(|p| p.0));
    }
    let mut addresses = Vec::new();
    let mut has_any = present.addresses.iter().any(|p| !p.is_archived);
    match row.address.as_ref().filter(|a| json!(a) != written["address"]).map(|a| (a, corrected(present, &written["address"], a))) {
        Some((_, Some(Some(correction)))) => addresses.push(correction),
        Some((address, None)) => {
            added.push(new.address(id, address, country, !has_any).0);
            has_any = true;
        }
        Some((_, Some(None))) | None => {}
    }
    for address in row.further.iter().filter(|a| !present.is_at(a) && !written["further"].as_array().is_some_and(|l| l.contains(&json!(a))))
    {
        added.push(new.address(id, address, country, !has_any).0);
        has_any = true;
    }
    // Compares with all imported notes, so that an older export uploaded again adds no note twice. Our own export tells of notes that are here.
    let note = if row.own_id.is_some() { String::new() } else { row.note() };
    if !note.is_empty() && !present.notes.contains(&redact::redact(&note).text) {
        let (note, facts) = new.note(id, None, &note, now);
        added.push(note.0);
        added.extend(facts.iter().map(|f| f.0));
    }
    for (channel, field, given) in [("email", "email_consent", row.email_consent), ("sms", "sms_consent", row.sms_consent)] {
        if let Some(given) = given.filter(|_| set.contains_key(field)) {
            added.push(new.consent(id, channel, given).0);
        }
    }
    tags(present, written, row, &mut set, &mut old);
    let unchanged = set.is_empty() && added.is_empty() && addresses.is_empty();
    let before =
        json!({ "fields": old, "added": added, "addresses": addresses, "written": known.map(|k| &k.written), "key": row.source_id });
    set.insert("id".into(), json!(id));
    Change { is_empty: unchanged, fields: Value::Object(set), addresses, before }
}

/// Fields to set, and `[former, new]` of each. Excludes the name, which is derived from its parts.
fn follow(present: &Present, written: &Value, row: &CustomerRow) -> (Map<String, Value>, Map<String, Value>) {
    let (mut set, mut old) = (Map::new(), Map::new());
    for (name, value) in fields(row).into_iter().filter(|f| f.0 != "name") {
        let now = present.fields.get(name).unwrap_or(&Value::Null);
        let is_consent = matches!(name, "email_consent" | "sms_consent");
        // A file may be old, so it never re-subscribes a contact who has unsubscribed; who unsubscribed there has done so here too.
        let is_withdrawn = is_consent && *now == json!(false);
        let is_opt_out = is_consent && value == json!(false);
        let is_ours = is_empty(now) || *now == written[name] || is_opt_out;
        // Read with better columns, what the first reading put into a field is not left there.
        let is_told = !is_empty(&value) || (row.is_read_anew && value.is_string() && *now == written[name]);
        if is_told && value != *now && !is_withdrawn && is_ours {
            set.insert(name.into(), value.clone());
            old.insert(name.into(), json!([now, value]));
        }
    }
    (set, old)
}

/// Adds the file's tags that are neither here nor were taken off here.
fn tags(present: &Present, written: &Value, row: &CustomerRow, set: &mut Map<String, Value>, old: &mut Map<String, Value>) {
    let now = present.fields["tags"].as_array().cloned().unwrap_or_default();
    let before = written["tags"].as_array().cloned().unwrap_or_default();
    let new: Vec<Value> = row.tags.iter().map(|t| json!(t)).filter(|t| !now.contains(t) && !before.contains(t)).collect();
    if !new.is_empty() {
        let all = [now.clone(), new].concat();
        old.insert("tags".into(), json!([now, all]));
        set.insert("tags".into(), json!(all));
    }
}

/// Updates the displayed name from the new first and last name, else from the file; keeps a name that a user has typed.
fn name(present: &Present, written: &Value, row: &CustomerRow, set: &mut Map<String, Value>, old: &mut Map<String, Value>) {
    let person = |of: &dyn Fn(&str) -> String| text::collapse(&format!("{} {}", of("first_name"), of("last_name")));
    let is_now = |part: &str| present.fields.get(part).and_then(Value::as_str).unwrap_or_default().to_owned();
    let becomes = |part: &str| set.get(part).and_then(Value::as_str).map_or_else(|| is_now(part), str::to_owned);
    let (shown, wanted) = (is_now("name"), Some(person(&becomes)).filter(|p| !p.is_empty()).unwrap_or_else(|| row.name.clone()));
    let is_made_up = person(&is_now).is_empty() && !person(&becomes).is_empty();
    let is_made_up = is_made_up || shown.is_empty() || written["name"] == json!(shown) || shown == person(&is_now);
    if is_made_up && shown != wanted {
        old.insert("name".into(), json!([shown, wanted]));
        set.insert("name".into(), json!(wanted));
    }
}

/// Compares the file's address with the stored ones. Returns `None` if it is new, `Some(None)` if nothing changes, else the correction with
/// its former values.
fn corrected(present: &Present, written: &Value, address: &Address) -> Option<Option<Value>> {
    let there = present.addresses.iter().find(|p| p.address.is_same_place(address));
    let (place, becomes) = match (there, present.addresses.iter().find(|p| !p.is_archived && json!(p.address) == *written)) {
        (Some(p), _) if p.is_archived => return Some(None),
        // The stored address is unchanged since the import wrote it.
        (None, Some(p)) => (p, address.clone()),
        (Some(p), Some(w)) if p.id == w.id => (p, address.clone()),
        (Some(p), _) => (p, p.address.filled_from(address)),
        (None, None) => return None,
    };
    Some((becomes != place.address).then(|| json!({ "id": place.id, "old": place.address, "new": becomes })))
}

/// Loads contacts by their ids in the file, or by our own, which a file that we exported has.
pub async fn present(cx: &mut Cx<'_>, keys: &[String], own: &[Uuid]) -> Result<HashMap<String, Present>> {
    let rows = sqlx::query!(
        r#"
        select c.id as "id: ContactId", c.source_key, c.deleted_at is not null as "is_archived!",
               jsonb_build_object('name', c.name, 'first_name', c.first_name, 'last_name', c.last_name, 'nickname', c.nickname, 'company', c.company,
                                  'birthday', c.birthday, 'customer_since', c.customer_since, 'email_consent', c.email_consent, 'sms_consent', c.sms_consent, 'tags', c.tags) as "fields!",
               array(select e.match_key from contact_emails e where e.contact_id = c.id) as "emails!",
               array(select p.match_key from contact_phones p where p.contact_id = c.id) as "phones!",
               array(select jsonb_build_object('id', a.id, 'street', a.street, 'unit', a.unit, 'city', a.city, 'region', a.region,
                                               'postal_code', a.postal_code, 'access', a.access_notes, 'is_archived', a.deleted_at is not null)
                       from addresses a where a.contact_id = c.id order by a.deleted_at is not null, a.is_primary desc, a.id) as "addresses!",
               array(select n.body from notes n where n.contact_id = c.id and n.source = 'import' and n.ticket_id is null) as "notes!"
          from contacts c where c.source_key = any ($1) or c.id = any ($2)
        "#,
        keys,
        own
    )
    .fetch_all(cx.db())
    .await?;
    let mut out = HashMap::with_capacity(rows.len());
    for r in rows {
        let present = Present {
            id: r.id,
            fields: r.fields.as_object().cloned().unwrap_or_default(),
            emails: r.emails,
            phones: r.phones,
            addresses: serde_json::from_value(Value::Array(r.addresses))?,
            notes: r.notes,
            is_archived: r.is_archived,
        };
        let is_own = own.contains(&r.id.0);
        out.insert(r.source_key.filter(|_| !is_own).unwrap_or_else(|| r.id.to_string()), present);
    }
    Ok(out)
}

/// Applies changes of contacts.
pub async fn update(cx: &mut Cx<'_>, changes: Vec<Value>) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"update contacts c
              set name = coalesce(x.name, c.name), first_name = coalesce(x.first_name, c.first_name), last_name = coalesce(x.last_name, c.last_name),
                  nickname = coalesce(x.nickname, c.nickname), company = coalesce(x.company, c.company), birthday = coalesce(x.birthday, c.birthday),
                  customer_since = coalesce(x.customer_since, c.customer_since), email_consent = coalesce(x.email_consent, c.email_consent),
                  sms_consent = coalesce(x.sms_consent, c.sms_consent), tags = coalesce(x.tags, c.tags)
             from jsonb_to_recordset($1) as x(id uuid, name text, first_name text, last_name text, nickname text, company text, birthday text,
                                              customer_since date, email_consent boolean, sms_consent boolean, tags text[])
            where c.id = x.id"#,
        Value::Array(changes)
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// Sets addresses to `new` if they still equal `old`.
pub async fn update_addresses(cx: &mut Cx<'_>, corrections: Vec<Value>) -> Result<()> {
    if corrections.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"update addresses a
              set street = x.new ->> 'street', unit = x.new ->> 'unit', city = x.new ->> 'city', region = x.new ->> 'region',
                  postal_code = x.new ->> 'postal_code', access_notes = x.new ->> 'access'
             from jsonb_to_recordset($1) as x(id uuid, old jsonb, new jsonb)
            where a.id = x.id
              and (a.street, a.unit, a.city, a.region, a.postal_code, a.access_notes)
                = (x.old ->> 'street', x.old ->> 'unit', x.old ->> 'city', x.old ->> 'region', x.old ->> 'postal_code', x.old ->> 'access')"#,
        Value::Array(corrections)
    )
    .execute(cx.db())
    .await?;
    Ok(())
}
