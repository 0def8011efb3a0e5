//! Queries for emails, phones and streets, kept together so that field encryption can be added here.
//! The lists of other modules (`search`, `sheet`, visits, imports) read them in their own queries.

mod compared;

pub use compared::{Compared, compared};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Address, Email, Phone};
use platform::{
    error::{Error, FieldErrors, Result},
    ids::{AddressId, ContactId, EmailId, MemberId, PhoneId},
    phone, text,
};

/// An email address as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmailInput {
    #[serde(default)]
    pub label: String,
    pub address: String,
}

/// A phone number as typed, in any format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhoneInput {
    #[serde(default)]
    pub label: String,
    pub number: String,
}

/// A checked email address, ready to insert.
#[derive(Debug, Clone)]
pub struct NewEmail {
    pub label: String,
    pub address: String,
    pub match_key: String,
}

/// A checked phone number, ready to insert.
#[derive(Debug, Clone)]
pub struct NewPhone {
    pub label: String,
    pub typed: String,
    pub match_key: String,
    pub tail_key: String,
}

/// Returns the match key of a typed email, the address in lower case; `None` if it is not a valid address.
pub fn email_key(typed: &str) -> Option<String> {
    text::email(typed)
}

/// Returns the match key of a typed phone number, in E.164; `None` if it is not valid. `country` is the default region.
pub fn phone_key(typed: &str, country: &str) -> Option<String> {
    phone::parse(typed, country).ok().map(|p| p.e164)
}

/// Checks typed emails, skipping empty ones and repetitions. Adds errors under `emails[i].address`.
pub fn check_emails(typed: &[EmailInput], errors: &mut FieldErrors) -> Vec<NewEmail> {
    let mut out: Vec<NewEmail> = Vec::new();
    for (i, e) in typed.iter().enumerate().filter(|(_, e)| !e.address.trim().is_empty()) {
        match text::email(&e.address) {
            Some(key) if out.iter().any(|o| o.match_key == key) => {}
            Some(match_key) => {
                // As typed, if it is the bare address.
                let typed = e.address.trim();
                let address = if typed.to_lowercase() == match_key { typed.to_owned() } else { match_key.clone() };
                out.push(NewEmail { label: text::collapse(&e.label), address, match_key });
            }
            None => errors.add(&format!("emails[{i}].address"), "That does not look like an email address."),
        }
    }
    out
}

/// Checks typed phones, skipping empty ones and repetitions; `country` is the default region. Adds errors under `phones[i].number`.
pub fn check_phones(typed: &[PhoneInput], country: &str, errors: &mut FieldErrors) -> Vec<NewPhone> {
    let mut out: Vec<NewPhone> = Vec::new();
    for (i, p) in typed.iter().enumerate().filter(|(_, p)| !p.number.trim().is_empty()) {
        match phone::parse(&p.number, country) {
            Ok(n) if out.iter().any(|o| o.match_key == n.e164) => {}
            Ok(n) => out.push(NewPhone {
                label: Some(text::collapse(&p.label)).filter(|l| !l.is_empty()).unwrap_or_else(|| n.label.unwrap_or_default().to_owned()),
                tail_key: phone::tail4(&n.e164).unwrap_or_default(),
                typed: n.typed,
                match_key: n.e164,
            }),
            Err(e) => errors.add(&format!("phones[{i}].number"), format!("{e}.")),
        }
    }
    out
}

pub async fn emails(db: &mut PgConnection, contact: ContactId) -> Result<Vec<Email>> {
    Ok(sqlx::query_as!(
        Email,
        r#"select id as "id: EmailId", label, address from contact_emails where contact_id = $1 order by position, id"#,
        contact.0
    )
    .fetch_all(db)
    .await?)
}

pub async fn phones(db: &mut PgConnection, contact: ContactId) -> Result<Vec<Phone>> {
    Ok(sqlx::query_as!(
        Phone,
        r#"select id as "id: PhoneId", label, typed, match_key as number from contact_phones where contact_id = $1 order by position, id"#,
        contact.0
    )
    .fetch_all(db)
    .await?)
}

/// A contact's emails, phones and addresses in use, each in display order.
#[derive(Debug, Clone, Deserialize)]
pub struct Reach {
    pub emails: Vec<Email>,
    pub phones: Vec<Phone>,
    pub addresses: Vec<Address>,
}

/// Reads a contact's emails, phones and addresses in one round trip, for its page.
pub async fn reach(db: &mut PgConnection, contact: ContactId) -> Result<Reach> {
    let row = sqlx::query_scalar!(
        r#"
        select jsonb_build_object(
          'emails', (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'label', e.label, 'address', e.address) order by e.position, e.id), '[]')
                       from contact_emails e where e.contact_id = $1),
          'phones', (select coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'label', p.label, 'typed', p.typed, 'number', p.match_key)
                              order by p.position, p.id), '[]') from contact_phones p where p.contact_id = $1),
          'addresses', (select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'contact_id', a.contact_id, 'label', a.label, 'street', a.street,
                              'unit', a.unit, 'city', a.city, 'region', a.region, 'postal_code', a.postal_code, 'country', a.country,
                              'access_notes', a.access_notes, 'time_zone', a.time_zone, 'neighbourhood', a.neighbourhood, 'is_primary', a.is_primary,
                              'archived_at', a.deleted_at, 'version', a.version) order by a.is_primary desc, a.id), '[]')
                       from addresses a where a.contact_id = $1 and a.deleted_at is null)
        ) as "json!: Json<Reach>"
        "#,
        contact.0
    )
    .fetch_one(db)
    .await?;
    Ok(row.0)
}

/// Replaces the contact's emails with these; an email with the same match key keeps its row.
pub async fn replace_emails(db: &mut PgConnection, contact: ContactId, emails: &[NewEmail]) -> Result<()> {
    let keys: Vec<String> = emails.iter().map(|e| e.match_key.clone()).collect();
    sqlx::query!("delete from contact_emails where contact_id = $1 and match_key <> all ($2)", contact.0, &keys).execute(&mut *db).await?;
    for (position, e) in (0_i32..).zip(emails) {
        let kept = sqlx::query!(
            "update contact_emails set label = $3, address = $4, position = $5 where contact_id = $1 and match_key = $2",
            contact.0,
            e.match_key,
            e.label,
            e.address,
            position
        )
        .execute(&mut *db)
        .await?;
        if kept.rows_affected() == 0 {
            sqlx::query!(
                "insert into contact_emails (id, contact_id, position, label, address, match_key) values ($1, $2, $3, $4, $5, $6)",
                EmailId::new().0,
                contact.0,
                position,
                e.label,
                e.address,
                e.match_key
            )
            .execute(&mut *db)
            .await?;
        }
    }
    Ok(())
}

/// Replaces the contact's phones with these; a phone with the same match key keeps its row.
pub async fn replace_phones(db: &mut PgConnection, contact: ContactId, phones: &[NewPhone]) -> Result<()> {
    let keys: Vec<String> = phones.iter().map(|p| p.match_key.clone()).collect();
    sqlx::query!("delete from contact_phones where contact_id = $1 and match_key <> all ($2)", contact.0, &keys).execute(&mut *db).await?;
    for (position, p) in (0_i32..).zip(phones) {
        let kept = sqlx::query!(
            "update contact_phones set label = $3, typed = $4, position = $5 where contact_id = $1 and match_key = $2",
            contact.0,
            p.match_key,
            p.label,
            p.typed,
            position
        )
        .execute(&mut *db)
        .await?;
        if kept.rows_affected() == 0 {
            sqlx::query!(
                "insert into contact_phones (id, contact_id, position, label, typed, match_key, tail_key) values ($1, $2, $3, $4, $5, $6, $7)",
                PhoneId::new().0,
                contact.0,
                position,
                p.label,
                p.typed,
                p.match_key,
                p.tail_key
            )
            .execute(&mut *db)
            .await?;
        }
    }
    Ok(())
}

/// Returns a contact's addresses, the primary one first; `with_archived` adds the archived ones at the end.
pub async fn addresses(db: &mut PgConnection, contact: ContactId, with_archived: bool) -> Result<Vec<Address>> {
    Ok(sqlx::query_as!(
        Address,
        r#"
        select id as "id: AddressId", contact_id as "contact_id: ContactId", label, street, unit, city, region, postal_code, country, access_notes,
               time_zone, neighbourhood, is_primary, deleted_at as archived_at, version
          from addresses where contact_id = $1 and ($2 or deleted_at is null)
         order by deleted_at is not null, is_primary desc, id
        "#,
        contact.0,
        with_archived
    )
    .fetch_all(db)
    .await?)
}

/// One address, archived or not.
pub async fn address(db: &mut PgConnection, id: AddressId) -> Result<Address> {
    sqlx::query_as!(
        Address,
        r#"
        select id as "id: AddressId", contact_id as "contact_id: ContactId", label, street, unit, city, region, postal_code, country, access_notes,
               time_zone, neighbourhood, is_primary, deleted_at as archived_at, version
          from addresses where id = $1
        "#,
        id.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)
}

/// Writes a new address.
pub async fn insert_address(db: &mut PgConnection, a: &Address) -> Result<()> {
    sqlx::query!(
        r#"
        insert into addresses (id, contact_id, label, street, unit, city, region, postal_code, country, access_notes, time_zone, neighbourhood, is_primary)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        "#,
        a.id.0,
        a.contact_id.0,
        a.label,
        a.street,
        a.unit,
        a.city,
        a.region,
        a.postal_code,
        a.country,
        a.access_notes,
        a.time_zone,
        a.neighbourhood,
        a.is_primary
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Updates an address, `archived_at` included; `NotFound` if there is none with its id.
pub async fn update_address(db: &mut PgConnection, a: &Address) -> Result<()> {
    let done = sqlx::query!(
        r#"
        update addresses set label = $2, street = $3, unit = $4, city = $5, region = $6, postal_code = $7, country = $8, access_notes = $9,
               time_zone = $10, neighbourhood = $11, is_primary = $12, deleted_at = $13
         where id = $1
        "#,
        a.id.0,
        a.label,
        a.street,
        a.unit,
        a.city,
        a.region,
        a.postal_code,
        a.country,
        a.access_notes,
        a.time_zone,
        a.neighbourhood,
        a.is_primary,
        a.archived_at
    )
    .execute(db)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(Error::NotFound) }
}

/// Returns the contacts in use that have one of these emails or phones (match keys), each with whether an email matched.
pub async fn holders(db: &mut PgConnection, emails: &[String], phones: &[String]) -> Result<Vec<(ContactId, bool)>> {
    let rows = sqlx::query!(
        r#"
        select c.id as "id!: ContactId", bool_or(h.by_email) as "by_email!"
          from (select org_id, contact_id, true as by_email from contact_emails where match_key = any ($1)
                union all
                select org_id, contact_id, false from contact_phones where match_key = any ($2)) h
          join contacts c on c.org_id = h.org_id and c.id = h.contact_id and c.deleted_at is null
         group by c.id
        "#,
        emails,
        phones
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|r| (r.id, r.by_email)).collect())
}

/// The first email and the first phone of a contact, as typed.
pub async fn first_reach(db: &mut PgConnection, contact: ContactId) -> Result<(Option<String>, Option<String>)> {
    let row = sqlx::query!(
        r#"
        select (select e.address from contact_emails e where e.contact_id = $1 order by e.position, e.id limit 1) as "email?",
               (select p.typed from contact_phones p where p.contact_id = $1 order by p.position, p.id limit 1) as "phone?"
        "#,
        contact.0
    )
    .fetch_one(db)
    .await?;
    Ok((row.email, row.phone))
}

/// Returns one page of addresses in use, in order of creation. Reads `limit + 1` rows: the extra row shows that there is a next page.
pub async fn list_addresses(
    db: &mut PgConnection,
    contact: Option<ContactId>,
    own: Option<MemberId>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Address>> {
    Ok(sqlx::query_as!(
        Address,
        r#"
        select id as "id: AddressId", contact_id as "contact_id: ContactId", label, street, unit, city, region, postal_code, country, access_notes,
               time_zone, neighbourhood, is_primary, deleted_at as archived_at, version
          from addresses
         where deleted_at is null and ($1::uuid is null or contact_id = $1)
           and ($2::uuid is null or app.is_own_contact(contact_id, $2)) and ($3::uuid is null or id > $3)
         order by id limit $4
        "#,
        contact.map(|c| c.0),
        own.map(|m| m.0),
        after,
        limit + 1
    )
    .fetch_all(db)
    .await?)
}

/// An email for `insert_many`.
#[derive(Debug, Clone, Serialize)]
pub struct EmailRow {
    pub id: EmailId,
    pub contact_id: ContactId,
    pub position: usize,
    pub address: String,
    pub match_key: String,
}

/// A phone for `insert_many`.
#[derive(Debug, Clone, Serialize)]
pub struct PhoneRow {
    pub id: PhoneId,
    pub contact_id: ContactId,
    pub position: usize,
    pub typed: String,
    pub match_key: String,
    pub tail_key: String,
}

/// Inserts many emails, phones and addresses with one query for each table, for imports.
pub async fn insert_many(db: &mut PgConnection, emails: &[EmailRow], phones: &[PhoneRow], addresses: &[Address]) -> Result<()> {
    sqlx::query!(
        r#"insert into contact_emails (id, contact_id, position, address, match_key)
           select * from jsonb_to_recordset($1) as x(id uuid, contact_id uuid, position int, address text, match_key text)"#,
        serde_json::to_value(emails)?
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        r#"insert into contact_phones (id, contact_id, position, typed, match_key, tail_key)
           select * from jsonb_to_recordset($1) as x(id uuid, contact_id uuid, position int, typed text, match_key text, tail_key text)"#,
        serde_json::to_value(phones)?
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        r#"insert into addresses (id, contact_id, street, unit, city, region, postal_code, country, access_notes, is_primary)
           select * from jsonb_to_recordset($1) as x(id uuid, contact_id uuid, street text, unit text, city text, region text,
                                                     postal_code text, country text, access_notes text, is_primary boolean)"#,
        serde_json::to_value(addresses)?
    )
    .execute(db)
    .await?;
    Ok(())
}
