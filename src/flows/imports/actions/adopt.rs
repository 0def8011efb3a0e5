//! Contacts that a file without customer ids made (the calendar) and what a file with ids calls them: in whatever order the files come, a
//! person is one contact. Only contacts of imports without an id of their own are adopted; who has an id already is somebody else.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{contacts::phone_key, visits::fits};
use crate::imports::square::CustomerRow;
use customers::contacts::likeness::street_key;
use platform::{action::Cx, error::Result, ids::ContactId};

/// A contact of an import that no file has named by id.
struct Candidate {
    id: ContactId,
    name: String,
    /// Nobody else here has the name.
    is_alone: bool,
    /// Called by the street or an email, for want of a name.
    is_nameless: bool,
    reach: HashSet<String>,
    streets: HashSet<String>,
    /// Visits of the calendar that no sale is known of.
    visits: Vec<(DateTime<Utc>, DateTime<Utc>)>,
}

/// Imported contacts by name, email or phone; `nameless` ones on request.
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

/// Whether a row and a contact may be one person.
type Way<'w> = &'w dyn Fn(&CustomerRow, &Candidate) -> bool;

/// Contacts to adopt by the rows' ids: by name with email, phone or street; by email alone; by a name that is one contact's and one row's.
pub async fn customers(cx: &mut Cx<'_>, rows: &[&CustomerRow]) -> Result<HashMap<String, ContactId>> {
    let name = |r: &CustomerRow| r.name.to_lowercase();
    let street = |r: &CustomerRow| r.address.as_ref().map(|a| street_key(&a.street)).unwrap_or_default();
    let names: Vec<String> = rows.iter().map(|r| name(r)).collect();
    let emails: Vec<String> = rows.iter().flat_map(|r| r.emails.clone()).collect();
    let phones: Vec<String> = rows.iter().flat_map(|r| r.phones.iter().map(phone_key)).collect();
    let found = candidates(cx, &names, &emails, &phones, false).await?;
    let is_alone = |c: &Candidate| c.is_alone && names.iter().filter(|n| **n == c.name).count() == 1;
    let reached = |r: &CustomerRow, c: &Candidate| {
        r.emails.iter().any(|e| c.reach.contains(e)) || r.phones.iter().any(|p| c.reach.contains(&phone_key(p)))
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

/// A sale and whose it is: customer id, name ("" where the file has none), when.
pub type Buyer = (String, String, DateTime<Utc>);

/// Contacts to adopt for customers of sales, who have a name at most: the one whose visits of the calendar the sales fit, else a name that
/// is one contact's and one customer's.
pub async fn buyers(cx: &mut Cx<'_>, sales: &[Buyer]) -> Result<HashMap<String, ContactId>> {
    let mut whose: HashMap<&str, (String, Vec<DateTime<Utc>>)> = HashMap::new();
    for (id, name, at) in sales {
        whose.entry(id).or_insert_with(|| (name.to_lowercase(), Vec::new())).1.push(*at);
    }
    let names: Vec<String> = whose.values().map(|w| w.0.clone()).filter(|n| !n.is_empty()).collect();
    let found = candidates(cx, &names, &[], &[], whose.values().any(|w| w.0.is_empty())).await?;
    let mut ids: Vec<&str> = whose.keys().copied().collect();
    // Who bought often is told apart best.
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

/// The one contact that most of these sales fit best; none where two are as good.
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

/// From now on these contacts are known by the file's ids.
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
