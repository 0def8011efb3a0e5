//! Lists contacts and finds them by any part of a name, a phone in any format or its last digits, email, street, town, note or attribute.
//! Reads emails, phones and streets itself instead of through `personal`, so that a page takes one query.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Relation, data};
use platform::{
    error::Result,
    ids::{ContactId, MemberId},
    phone,
    query::next_cursor,
    tenant::Who,
    text,
};

/// The filters and the cursor of one page of contacts.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub search: Option<String>,
    pub archived: bool,
    pub tag: Option<String>,
    pub after: Option<Place>,
    /// Whether to read email addresses too; the list page does not show them.
    pub emails: bool,
    pub limit: i64,
}

/// The cursor of a page: its last row, and in `how` the index of the reading (see `readings`) that found it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Place {
    how: usize,
    rank: i32,
    name: String,
    id: Uuid,
}

/// A contact as lists show it.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: ContactId,
    pub name: String,
    pub company: String,
    pub relation: Relation,
    pub is_organisation: bool,
    /// The first phone number, as typed.
    pub phone: Option<String>,
    /// The first email address, as typed.
    pub email: Option<String>,
    pub town: Option<String>,
    pub tags: Vec<String>,
    pub archived_at: Option<DateTime<Utc>>,
    pub version: i32,
    /// Why the contact was found, if the name does not show it: `Note: “…gate 4411…”`.
    pub why: Option<String>,
}

/// One page of contacts. If `is_guess`, nothing matched as typed and the rows are fuzzy matches.
#[derive(Debug, Default)]
pub struct Found {
    pub rows: Vec<Row>,
    pub cursor: Option<String>,
    pub is_guess: bool,
}

/// A row as read from the database, with the values that may have matched in the `hit_` columns.
struct Raw {
    id: ContactId,
    name: String,
    name_key: String,
    nickname: String,
    company: String,
    relation: Relation,
    is_organisation: bool,
    tags: Vec<String>,
    archived_at: Option<DateTime<Utc>>,
    version: i32,
    rank: i32,
    phone: Option<String>,
    email: Option<String>,
    town: Option<String>,
    hit_phone: Option<String>,
    hit_email: Option<String>,
    hit_address: Option<String>,
    hit_attribute: Option<String>,
    hit_note: Option<String>,
}

/// Builds the query of a page. Pages share the columns; rank, email condition, `hit_` columns and `from` clause differ.
macro_rules! rows {
    ($rank:literal, $email:literal, [$($why:literal)+], $from:literal, $($arg:expr),+) => {
        sqlx::query_as!(
            Raw,
            r#"
            select c.id as "id!: ContactId", c.name as "name!", c.name_key as "name_key!", c.nickname as "nickname!", c.company as "company!",
                   c.relation as "relation!: Relation", c.is_organisation as "is_organisation!", c.tags as "tags!",
                   c.deleted_at as "archived_at?", c.version as "version!",
                   (select p.typed from contact_phones p where p.org_id = c.org_id and p.contact_id = c.id order by p.position, p.id limit 1) as "phone?",
                   case when "# + $email + r#" then (select e.address from contact_emails e where e.org_id = c.org_id and e.contact_id = c.id
                     order by e.position, e.id limit 1) end as "email?",
                   (select nullif(a.city, '') from addresses a where a.org_id = c.org_id and a.contact_id = c.id and a.deleted_at is null
                     order by a.is_primary desc, a.id limit 1) as "town?",
            "# + $rank + r#" as "rank!", "# + $($why +)+ $from,
            $($arg),+
        )
    };
}

/// Returns the ways to read a search, in the order they are tried: as a phone number's digits, then as words.
fn readings(search: &str) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    if phone::looks_like_phone(search) {
        out.push(vec![tail_digits(search)]);
    }
    let words: Vec<String> = text::search_words(search).into_iter().map(|w| if is_phone_part(&w) { tail_digits(&w) } else { w }).collect();
    let words = told(words);
    if !words.is_empty() && !out.contains(&words) {
        out.push(words);
    }
    out
}

/// Stop words, as in "the elderly woman in Owens Cross Roads".
const SMALL: [&str; 14] = ["a", "an", "and", "at", "by", "for", "from", "in", "near", "of", "on", "the", "who", "with"];

/// Removes stop words from a search of three words or more; two words may both be part of a name ("An Lee").
fn told(words: Vec<String>) -> Vec<String> {
    let telling = |w: &&String| !SMALL.contains(&w.as_str());
    if words.len() < 3 || words.iter().filter(telling).count() == 0 {
        return words;
    }
    words.into_iter().filter(|w| telling(&w)).collect()
}

/// Returns the digits of a phone number without the leading country code 1, which is not always typed.
fn tail_digits(typed: &str) -> String {
    let digits = phone::digits(typed);
    match digits.strip_prefix('1') {
        Some(rest) if rest.len() == 10 => rest.to_owned(),
        _ => digits,
    }
}

/// Whether a word is a phone number or its tail ("688-7695") and not a ZIP+4 code.
fn is_phone_part(word: &str) -> bool {
    let is_zip4 = word.len() == 10 && word.as_bytes()[5] == b'-' && phone::digits(word).len() == 9;
    word.contains(['-', '.', '/']) && phone::looks_like_phone(word) && !is_zip4
}

/// Returns one page: ordered by name without a search, by rank with one. If no reading matches as typed, returns fuzzy matches.
pub async fn find(db: &mut PgConnection, who: &Who, asked: &Asked) -> Result<Found> {
    let own = data::only_own(who);
    let readings = asked.search.as_deref().map(readings).unwrap_or_default();
    if readings.is_empty() {
        return by_name(db, asked, own).await;
    }
    let from = asked.after.as_ref().map_or(0, |a| a.how);
    for (how, words) in readings.iter().enumerate().skip(from) {
        let raw = by_words(db, asked, words, own).await?;
        if !raw.is_empty() || asked.after.is_some() {
            return page(raw, asked, how, words, false);
        }
    }
    let words = readings.last().cloned().unwrap_or_default();
    let near = by_guess(db, asked, &words, own).await?;
    let mut found = page(near, asked, readings.len(), &words, true)?;
    found.cursor = None;
    Ok(found)
}

fn page(mut raw: Vec<Raw>, asked: &Asked, how: usize, words: &[String], is_guess: bool) -> Result<Found> {
    let cursor = next_cursor(&mut raw, asked.limit, |r| Place { how, rank: r.rank, name: r.name_key.clone(), id: r.id.0 })?;
    Ok(Found { rows: raw.into_iter().map(|r| r.row(words)).collect(), cursor, is_guess })
}

async fn by_name(db: &mut PgConnection, asked: &Asked, own: Option<MemberId>) -> Result<Found> {
    let (name, id) = asked.after.as_ref().map_or((String::new(), Uuid::nil()), |a| (a.name.clone(), a.id));
    let (own, tag, limit) = (own.map(|m| m.0), asked.tag.as_deref(), asked.limit + 1);
    let raw = if asked.archived {
        rows!(
            "0",
            "$6::bool",
            [r#"null::text as "hit_phone?", null::text as "hit_email?", null::text as "hit_address?", null::text as "hit_attribute?", null::text as "hit_note?""#],
            r#" from contacts c where c.deleted_at is not null and (c.name_key, c.id) > ($1, $2) and ($3::text is null or $3 = any (c.tags))
                 and ($4::uuid is null or app.is_own_contact(c.id, $4)) order by c.name_key, c.id limit $5"#,
            name,
            id,
            tag,
            own,
            limit,
            asked.emails
        )
        .fetch_all(db)
        .await?
    } else {
        rows!(
            "0",
            "$6::bool",
            [r#"null::text as "hit_phone?", null::text as "hit_email?", null::text as "hit_address?", null::text as "hit_attribute?", null::text as "hit_note?""#],
            r#" from contacts c where c.deleted_at is null and (c.name_key, c.id) > ($1, $2) and ($3::text is null or $3 = any (c.tags))
                 and ($4::uuid is null or app.is_own_contact(c.id, $4)) order by c.name_key, c.id limit $5"#,
            name,
            id,
            tag,
            own,
            limit,
            asked.emails
        )
        .fetch_all(db)
        .await?
    };
    page(raw, asked, 0, &[], false)
}

/// Adds the `hit_` columns: for each kind of value, one that contains one of the words ($2). `$shown` says whether the name shows them all, which
/// leaves nothing to explain.
macro_rules! hits {
    ($shown:literal, $from:literal, $($arg:expr),+) => {
        rows!(
            "h.rank",
            "true",
            ["case when not " $shown r#" then (select p.typed from contact_phones p where p.contact_id = c.id
                and (p.match_key || ' ' || regexp_replace(p.typed, '\D', '', 'g')) like any ((select array(select app.like_pattern(w) from unnest($2::text[]) w))::text[])
                limit 1) end as "hit_phone?",
            case when not "# $shown r#" then (select e.address from contact_emails e where e.contact_id = c.id
                and app.fold(e.address) like any ((select array(select app.like_pattern(w) from unnest($2::text[]) w))::text[]) limit 1) end as "hit_email?",
            case when not "# $shown r#" then (select concat_ws(', ', nullif(a.street, ''), nullif(a.unit, ''), nullif(a.city, ''), nullif(concat_ws(' ', nullif(a.region, ''), nullif(a.postal_code, '')), ''), nullif(a.access_notes, ''))
               from addresses a where a.contact_id = c.id and a.deleted_at is null
                and app.fold(concat_ws(' ', a.street, a.unit, a.city, a.region, a.postal_code, a.access_notes, a.neighbourhood))
                    like any ((select array(select app.like_pattern(w) from unnest($2::text[]) w))::text[]) limit 1) end as "hit_address?",
            case when not "# $shown r#" then (select t.key || ': ' || t.value from attributes t where t.contact_id = c.id and t.state <> 'dropped'
                and app.fold(t.key || ' ' || t.value) like any ((select array(select app.like_pattern(w) from unnest($2::text[]) w))::text[]) limit 1) end as "hit_attribute?",
            case when not "# $shown r#" then (select substr(n.body, greatest(1, position(w in app.fold(n.body)) - 30), 90) from notes n, unnest($2::text[]) w
              where n.contact_id = c.id and position(w in app.fold(n.body)) > 0 order by length(w) desc, n.id desc limit 1) end as "hit_note?"
            "#],
            $from,
            $($arg),+
        )
    };
}

async fn by_words(db: &mut PgConnection, asked: &Asked, words: &[String], own: Option<MemberId>) -> Result<Vec<Raw>> {
    let after = asked.after.as_ref();
    let limit = asked.limit + 1;
    // Tag and visibility filter the result of the search, so the search must return enough rows to fill the page.
    let take = if own.is_some() || asked.tag.is_some() { 5000 } else { limit };
    Ok(hits!(
        "(h.rank > 0 and cardinality($2::text[]) = 1)",
        r#" from app.search_contacts((select app.org()), $2, $1, $3::int, $4, $5, $6) h join contacts c on c.id = h.contact_id
           where ($7::text is null or $7 = any (c.tags)) and ($8::uuid is null or app.is_own_contact(c.id, $8))
           order by h.rank desc, c.name_key, c.id limit $9"#,
        asked.archived,
        words,
        i32::try_from(take).unwrap_or(i32::MAX),
        after.map(|a| a.rank),
        after.map(|a| a.name.as_str()),
        after.map(|a| a.id),
        asked.tag.as_deref(),
        own.map(|m| m.0),
        limit
    )
    .fetch_all(db)
    .await?)
}

async fn by_guess(db: &mut PgConnection, asked: &Asked, words: &[String], own: Option<MemberId>) -> Result<Vec<Raw>> {
    Ok(hits!(
        "false",
        r#" from app.guess_contacts((select app.org()), $2, $1, $3::int) h join contacts c on c.id = h.contact_id
           where ($4::text is null or $4 = any (c.tags)) and ($5::uuid is null or app.is_own_contact(c.id, $5))
           order by h.rank desc, c.name_key, c.id"#,
        asked.archived,
        words,
        i32::try_from(asked.limit).unwrap_or(i32::MAX),
        asked.tag.as_deref(),
        own.map(|m| m.0)
    )
    .fetch_all(db)
    .await?)
}

impl Raw {
    /// Returns the first value (phone, email, address, attribute, note) with a word that the row itself does not show.
    fn why(&self, words: &[String]) -> Option<String> {
        let shown = text::fold(
            &[self.name.as_str(), &self.nickname, &self.company, self.town.as_deref().unwrap_or_default(), &self.tags.join(" ")].join(" "),
        );
        let rest: Vec<&String> = words.iter().filter(|w| !shown.contains(w.as_str())).collect();
        let holds = |hit: &Option<String>| {
            let hit = hit.as_ref()?;
            let (folded, digits) = (text::fold(hit), phone::digits(hit));
            rest.iter().any(|w| folded.contains(w.as_str()) || digits.contains(w.as_str())).then(|| hit.clone())
        };
        holds(&self.hit_phone)
            .map(|h| format!("Phone {h}"))
            .or_else(|| holds(&self.hit_email).map(|h| format!("Email {h}")))
            .or_else(|| holds(&self.hit_address))
            .or_else(|| holds(&self.hit_attribute).map(|h| h.replace('_', " ")))
            .or_else(|| holds(&self.hit_note).map(|h| format!("Note: “…{}…”", text::collapse(&h))))
    }

    fn row(self, words: &[String]) -> Row {
        let why = if words.is_empty() { None } else { self.why(words) };
        Row {
            id: self.id,
            name: self.name,
            company: self.company,
            relation: self.relation,
            is_organisation: self.is_organisation,
            phone: self.phone,
            email: self.email,
            town: self.town,
            tags: self.tags,
            archived_at: self.archived_at,
            version: self.version,
            why,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_its_digits_and_a_zip_code_as_itself() {
        assert_eq!(readings("(256) 688-7695"), [vec!["2566887695".to_owned()], vec!["256".into(), "6887695".into()]]);
        assert_eq!(readings("+1 256 688 7695")[0], ["2566887695"]);
        assert_eq!(readings("7695"), [vec!["7695".to_owned()]]);
        assert_eq!(readings("Smith 688-7695"), [vec!["smith".to_owned(), "6887695".into()]]);
        assert_eq!(readings("Madison 35758-1234"), [vec!["madison".to_owned(), "35758-1234".into()]]);
        assert_eq!(readings("the dog in Madison"), [vec!["dog".to_owned(), "madison".into()]]);
        assert_eq!(readings("An Lee"), [vec!["an".to_owned(), "lee".into()]]);
        assert!(readings(" ?! ").is_empty());
    }
}
