//! The customers of sales: known by an id of the file, by name only, or not at all.

use std::collections::HashMap;

use serde_json::json;

use super::{
    adopt::{self, Buyer},
    contacts::Newcomers,
    keys::{self, Key},
};
use platform::{action::Cx, error::Result, ids::ContactId, text};

/// Key and name of the contact for sales without a customer.
pub const WALK_IN: (&str, &str) = ("walk-in", "Walk-in sales");

/// What the key of a customer begins with of whom only the name is known.
const NAMED: &str = "name:";

/// The customer's key: the file's id, else the name, else that of walk-in sales.
pub fn buyer_key(id: &str, name: &str) -> String {
    match (id, name) {
        ("", "") => WALK_IN.0.to_owned(),
        ("", name) => format!("{NAMED}{}", name.to_lowercase()),
        (id, _) => id.to_owned(),
    }
}

/// The score of a pair of which only the name is known.
const SAME_NAME: u8 = 30;

/// The contacts that have the names of these buyers, by name.
pub async fn namesakes(cx: &mut Cx<'_>, people: &[Buyer]) -> Result<HashMap<String, Vec<ContactId>>> {
    let names: Vec<String> = people.iter().map(|p| p.1.to_lowercase()).filter(|n| !n.is_empty()).collect();
    let rows = sqlx::query!(
        r#"select id as "id: ContactId", name_key as "name!" from contacts where name_key = any ($1) and deleted_at is null"#,
        &names
    )
    .fetch_all(cx.db())
    .await?;
    let mut out: HashMap<String, Vec<ContactId>> = HashMap::new();
    for row in rows {
        out.entry(row.name).or_default().push(row.id);
    }
    Ok(out)
}

/// Returns contacts by customer id. A matching contact made by the calendar import is adopted; a missing one is created from id and name,
/// to be completed by the customers file.
pub async fn customers(cx: &mut Cx<'_>, new: &mut Newcomers, keys: &mut Vec<Key>, sales: &[Buyer]) -> Result<HashMap<String, ContactId>> {
    let people: HashMap<&str, &str> =
        sales.iter().map(|(id, name, _)| if id == WALK_IN.0 { WALK_IN } else { (id.as_str(), name.as_str()) }).collect();
    let ids: Vec<String> = people.keys().map(|k| (*k).to_owned()).collect();
    let rows = sqlx::query!(r#"select id as "id: ContactId", source_key as "key!" from contacts where source_key = any ($1)"#, &ids)
        .fetch_all(cx.db())
        .await?;
    let mut found: HashMap<String, ContactId> = rows.into_iter().map(|r| (r.key, r.id)).collect();
    let is_named = |id: &str| id.starts_with(NAMED);
    let named: Vec<String> = ids.iter().filter(|id| is_named(id)).cloned().collect();
    found.extend(keys::find(cx, "customer", &named).await?.into_iter().map(|(key, known)| (key, ContactId(known.record_id))));
    let is_stranger = |s: &&Buyer| s.0 != WALK_IN.0 && !found.contains_key(&s.0);
    let strangers: Vec<Buyer> = sales.iter().filter(is_stranger).cloned().collect();
    let adopted = adopt::buyers(cx, &strangers).await?;
    // A name is no id: the contact stays free for the list that has one.
    adopt::know(cx, &adopted.iter().filter(|(id, _)| !is_named(id)).map(|(id, c)| (id.clone(), *c)).collect()).await?;
    for (id, contact) in adopted {
        let key = Key { kind: "customer", key: id.clone(), record_kind: "contact", record_id: contact.0, written: json!({}) };
        keys.push(key);
        found.insert(id, contact);
    }
    let namesakes = if named.is_empty() { HashMap::new() } else { namesakes(cx, sales).await? };
    for (id, name) in people {
        if found.contains_key(id) {
            continue;
        }
        let contact = ContactId::new();
        let tail: String = id.chars().skip(id.chars().count().saturating_sub(4)).collect();
        let shown = if name.is_empty() { format!("Card sale {tail}") } else { name.to_owned() };
        let (first, last) = if name.is_empty() || id == WALK_IN.0 { Default::default() } else { text::split_name(name) };
        new.contacts.push(json!({
            "id": contact, "name": shown, "first_name": first, "last_name": last, "nickname": "", "company": "", "is_organisation": false,
            "tags": [], "source_key": Some(id).filter(|id| !is_named(id)),
        }));
        for other in namesakes.get(&name.to_lowercase()).into_iter().flatten().filter(|_| is_named(id)) {
            new.pair(contact, *other, SAME_NAME, "same name");
        }
        new.touched.push(contact.0);
        keys.push(Key {
            kind: "customer",
            key: id.to_owned(),
            record_kind: "contact",
            record_id: contact.0,
            written: json!({ "name": shown, "first_name": first, "last_name": last }),
        });
        found.insert(id.to_owned(), contact);
    }
    Ok(found)
}
