//! Matches contacts created from a file without customer ids (the calendar) to the ids of a file that has them, so that a person becomes
//! one contact, whichever file is imported first. Only imported contacts without an id are adopted; one with another id is another person.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{contacts::phone_keys, visits::fits};
use crate::imports::square::CustomerRow;
use customers::contacts::likeness::street_key;
use platform::{action::Cx, error::Result, ids::ContactId};

/// An imported contact without an id of a file.
struct Candidate {
    id: ContactId,
    name: String,
    /// No other contact has the same name.
    is_alone: bool,
    /// The contact has no first or last name; its street or email is displayed instead.
    is_nameless: bool,
    reach: HashSet<String>,
    streets: HashSet<String>,
    /// Start and end of the contact's appointments without a sale.
    visits: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

/// Loads adoptable contacts that match a name, email or phone, and all nameless ones if `nameless` is set.
async fn candidates(cx: &mut Cx<'_>, names: &[String], emails: &[String], phones: &[String], nameless: bool) -> Result<Vec<Candidate>> {
    let rows = sqlx::query!(
        r#"
        with open_visits as not materialized (
          select t.id, t.contact_id, t.starts_at, t.ends_at from tickets t
           where t.source = 'import' and exists (select from import_keys k where k.record_id = t.id and k.kind = 'appointment')
             and not exists (select from import_keys k where k.record_id = t.id and k.kind = 'transaction'))
        select c.id as "id: ContactId", c.name_key as "name!", not exists (select from contacts n where n.name_key = c.name_key and n.deleted_at is null and n.id <> c.id) as "is_alone!", c.first_name = '' and c.last_name = '' as "is_nameless!",
               array(select e.match_key from contact_emails e where e.contact_id = c.id)
               || array(select p.match_key from contact_phones p where p.contact_id = c.id) as "reach!",
               array(select app.fold(a.street) from addresses a where a.contact_id = c.id and a.deleted_at is null) as "streets!",
               array(select t.starts_at from open_visits t where t.contact_id = c.id order by t.id) as "starts!",
               array(select t.ends_at from open_visits t where t.contact_id = c.id order by t.id) as "ends!"
          from (select c.id from contacts c where c.name_key = any ($1) and c.deleted_at is null and c.source_key is null
                union select e.contact_id from contact_emails e where e.match_key = any ($2)
                union select p.contact_id from contact_phones p where p.match_key = any ($3)
                union select c.id from contacts c where $4 and c.source_key is null and c.first_name = '' and c.last_name = '') x
          join contacts c on c.id = x.id
         where c.source = 'import' and c.source_key is null and c.deleted_at is null
        "#,
        names,
        emails,
        phones,
        nameless
    )
    .fetch_all(cx.db())
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| Candidate {
            id: r.id,
            name: r.name,
            is_alone: r.is_alone,
            is_nameless: r.is_nameless,
            reach: r.reach.into_iter().collect(),
            streets: r.streets.iter().map(|s| street_key(s)).filter(|s| !s.is_empty()).collect(),
            visits: r.starts.into_iter().zip(r.ends).collect(),
        })
        .collect())
}

/// A rule that decides whether a row and a contact are the same person.
type Way<'w> = &'w dyn Fn(&CustomerRow, &Candidate) -> bool;

/// Returns contacts to adopt, by the rows' ids. Matches name with email, phone or street; email alone; or a name unique among contacts and
/// rows.
pub async fn customers(cx: &mut Cx<'_>, rows: &[&CustomerRow]) -> Result<HashMap<String, ContactId>> {
    let name = |r: &CustomerRow| r.name.to_lowercase();
    let street = |r: &CustomerRow| r.address.as_ref().map(|a| street_key(&a.street)).unwrap_or_default();
    let names: Vec<String> = rows.iter().map(|r| name(r)).collect();
    let emails: Vec<String> = rows.iter().flat_map(|r| r.emails.clone()).collect();
    let phones: Vec<String> = rows.iter().flat_map(|r| phone_keys(&r.phones)).collect();
    let found = candidates(cx, &names, &emails, &phones, false).await?;
    let is_alone = |c: &Candidate| c.is_alone && names.iter().filter(|n| **n == c.name).count() == 1;
    let reached = |r: &CustomerRow, c: &Candidate| {
        r.emails.iter().any(|e| c.reach.contains(e)) || phone_keys(&r.phones).iter().any(|p| c.reach.contains(p))
    };
    let is_named = |r: &CustomerRow, c: &Candidate| name(r) == c.name;
    let lives_there = |r: &CustomerRow, c: &Candidate| c.streets.contains(&street(r));
    let by_email = |r: &CustomerRow, c: &Candidate| r.emails.iter().any(|e| c.reach.contains(e));
    let is_the_one = |r: &CustomerRow, c: &Candidate| is_named(r, c) && !c.is_nameless && is_alone(c);
    let ways: [Way<'_>; 5] = [
        &|r, c| is_named(r, c) && reached(r, c) && lives_there(r, c),
        &|r, c| is_named(r, c) && reached(r, c),
        &|r, c| is_named(r, c) && lives_there(r, c),
        &by_email,
        &is_the_one,
    ];
    let (mut adopted, mut used) = (HashMap::new(), HashSet::new());
    if found.is_empty() {
        return Ok(adopted);
    }
    for (n, way) in ways.iter().enumerate() {
        for row in rows {
            if adopted.contains_key(&row.source_id) {
                continue;
            }
            let mut able = found.iter().filter(|c| !used.contains(&c.id) && way(row, c));
            let one = able.next().filter(|_| n < 3 || able.next().is_none());
            if let Some(one) = one {
                used.insert(one.id);
                adopted.insert(row.source_id.clone(), one.id);
            }
        }
    }
    Ok(adopted)
}

/// A sale's customer id, customer name (empty if the file has none) and time.
pub type Buyer = (String, String, DateTime<Utc>);

/// Returns contacts to adopt for customers of sales, of whom at most the name is known: the contact whose appointments fit the sales, else
/// a name unique among contacts and customers.
pub async fn buyers(cx: &mut Cx<'_>, sales: &[Buyer]) -> Result<HashMap<String, ContactId>> {
    let mut whose: HashMap<&str, (String, Vec<DateTime<Utc>>)> = HashMap::new();
    for (id, name, at) in sales {
        whose.entry(id).or_insert_with(|| (name.to_lowercase(), Vec::new())).1.push(*at);
    }
    let names: Vec<String> = whose.values().map(|w| w.0.clone()).filter(|n| !n.is_empty()).collect();
    let found = candidates(cx, &names, &[], &[], whose.values().any(|w| w.0.is_empty())).await?;
    let mut ids: Vec<&str> = whose.keys().copied().collect();
    // Customers with many sales are the easiest to tell apart, so they come first.
    ids.sort_by_key(|id| (usize::MAX - whose[id].1.len(), *id));
    let (mut adopted, mut used) = (HashMap::new(), HashSet::new());
    for by_time in [true, false] {
        for id in &ids {
            let (name, times) = &whose[id];
            if adopted.contains_key(*id) || (!by_time && name.is_empty()) {
                continue;
            }
            let able = found.iter().filter(|c| {
                !used.contains(&c.id) && if name.is_empty() { c.is_nameless && !c.streets.is_empty() } else { c.name == *name }
            });
            let one = if by_time {
                nearest(able, times)
            } else {
                let is_one = names.iter().filter(|n| *n == name).count() == 1;
                able.filter(|c| c.is_alone && is_one).map(|c| c.id).next()
            };
            if let Some(one) = one {
                used.insert(one);
                adopted.insert((*id).to_owned(), one);
            }
        }
    }
    Ok(adopted)
}

/// The contact whose appointments are nearest to most of the sales; `None` if two are equally good.
fn nearest<'c>(of: impl Iterator<Item = &'c Candidate>, times: &[DateTime<Utc>]) -> Option<ContactId> {
    let of: Vec<&Candidate> = of.collect();
    let mut votes: HashMap<ContactId, usize> = HashMap::new();
    for at in times {
        let gap = |c: &Candidate| {
            let gaps = c.visits.iter().filter(|(from, until)| fits(*at, *from, *until));
            gaps.map(|(from, until)| (*at - *from).abs().min((*at - *until).abs())).min()
        };
        let gaps: Vec<_> = of.iter().filter_map(|c| Some((gap(c)?, c.id))).collect();
        let Some(least) = gaps.iter().map(|g| g.0).min() else { continue };
        let mut best = gaps.iter().filter(|g| g.0 == least);
        if let (Some(one), None) = (best.next(), best.next()) {
            *votes.entry(one.1).or_default() += 1;
        }
    }
    let most = votes.values().copied().max()?;
    let mut best = votes.iter().filter(|v| *v.1 == most);
    let one = best.next().map(|v| *v.0);
    one.filter(|_| best.next().is_none())
}

/// Stores the file's ids with the adopted contacts.
pub async fn know(cx: &mut Cx<'_>, adopted: &HashMap<String, ContactId>) -> Result<()> {
    let (keys, ids): (Vec<String>, Vec<Uuid>) = adopted.iter().map(|(k, c)| (k.clone(), c.0)).unzip();
    sqlx::query!(
        "update contacts c set source_key = x.key from unnest($1::text[], $2::uuid[]) as x(key, id) where c.id = x.id and c.source_key is null",
        &keys,
        &ids
    )
    .execute(cx.db())
    .await?;
    Ok(())
}
