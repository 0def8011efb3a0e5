//! The only reader and writer of emails, phones and streets, so that field encryption can be switched on in one place.

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

/// An email as it comes in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmailInput {
    #[serde(default)]
    pub label: String,
    pub address: String,
}

/// A phone as it comes in, in any format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhoneInput {
    #[serde(default)]
    pub label: String,
    pub number: String,
}

/// An email ready to be kept.
#[derive(Debug, Clone)]
pub struct NewEmail {
    pub label: String,
    pub address: String,
    pub match_key: String,
}

/// A phone ready to be kept.
#[derive(Debug, Clone)]
pub struct NewPhone {
    pub label: String,
    pub typed: String,
    pub match_key: String,
    pub tail_key: String,
}

/// What a typed email is matched by; none where it is no email.
pub fn email_key(typed: &str) -> Option<String> {
    text::email(typed)
}

/// What a typed phone is matched by; none where it is no number.
pub fn phone_key(typed: &str, country: &str) -> Option<String> {
    phone::parse(typed, country).ok().map(|p| p.e164)
}

/// Checks typed emails; empty ones are left out, twins counted once. Errors name `emails[i].address`.
pub fn check_emails(typed: &[EmailInput], errors: &mut FieldErrors) -> Vec<NewEmail> {
    let mut out: Vec<NewEmail> = Vec::new();
    for (i, e) in typed.iter().enumerate().filter(|(_, e)| !e.address.trim().is_empty()) {
        match text::email(&e.address) {
            Some(key) if out.iter().any(|o| o.match_key == key) => {}
            Some(match_key) => out.push(NewEmail { label: text::collapse(&e.label), address: e.address.trim().to_owned(), match_key }),
            None => errors.add(&format!("emails[{i}].address"), "That does not look like an email address."),
        }
    }
    out
}

/// Checks typed phones; errors name `phones[i].number`.
pub fn check_phones(typed: &[PhoneInput], country: &str, errors: &mut FieldErrors) -> Vec<NewPhone> {
    let mut out: Vec<NewPhone> = Vec::new();
    for (i, p) in typed.iter().enumerate().filter(|(_, p)| !p.number.trim().is_empty()) {
        match phone::parse(&p.number, country) {
            Ok(n) if out.iter().any(|o| o.match_key == n.e164) => {}
            Ok(n) => out.push(NewPhone {
                label: text::collapse(&p.label),
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

/// How to reach a contact and where: emails, phones and the addresses in use, each in its order.
#[derive(Debug, Clone, Deserialize)]
pub struct Reach {
    pub emails: Vec<Email>,
    pub phones: Vec<Phone>,
    pub addresses: Vec<Address>,
}

/// All of a contact's page's personal columns in one round trip.
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

/// Makes the contact's emails exactly these, keeping the rows of those it already has.
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

/// Makes the contact's phones exactly these, keeping the rows of those it already has.
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

/// A contact's addresses in use, the primary one first; archived ones too on request.
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

/// Writes a changed address; `archived_at` included.
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

/// The contacts in use that have this email or this phone (by match key).
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

/// One page of addresses in use, in the order they were made; one row more than `limit` tells that there is a next page.
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

/// An email of a bulk insert.
#[derive(Debug, Clone, Serialize)]
pub struct EmailRow {
    pub id: EmailId,
    pub contact_id: ContactId,
    pub position: usize,
    pub address: String,
    pub match_key: String,
}

/// A phone of a bulk insert.
#[derive(Debug, Clone, Serialize)]
pub struct PhoneRow {
    pub id: PhoneId,
    pub contact_id: ContactId,
    pub position: usize,
    pub typed: String,
    pub match_key: String,
    pub tail_key: String,
}

/// Writes many new emails, phones and addresses at once: for imports.
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
