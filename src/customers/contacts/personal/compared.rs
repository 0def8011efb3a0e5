//! Finds the contacts to compare with in a search for duplicates.

use sqlx::PgConnection;

use crate::contacts::likeness::Person;
use platform::{
    error::Result,
    ids::{ContactId, MemberId},
    text,
};

/// A contact with the fields it is compared by.
#[derive(Debug, Clone)]
pub struct Compared {
    pub id: ContactId,
    pub name: String,
    pub person: Person,
}

/// Returns up to 50 contacts in use to compare: those that share an email, a phone, the name or the street with `near`, and the one
/// with `id`. If `own` is given, only that member's own contacts.
pub async fn compared(db: &mut PgConnection, near: &Person, id: Option<ContactId>, own: Option<MemberId>) -> Result<Vec<Compared>> {
    let name = text::collapse(&format!("{} {}", near.first_name, near.last_name));
    let name = if name.is_empty() { near.company.to_lowercase() } else { name.to_lowercase() };
    let rows = sqlx::query!(
        r#"
        with near as (
          select contact_id as id from contact_emails where match_key = any ($1)
          union select contact_id from contact_phones where match_key = any ($2)
          union select c.id from contacts c where c.name_key = $3 and $3 <> '' and c.deleted_at is null
          union select contact_id from addresses where lower(street) = $4 and $4 <> '' and deleted_at is null
          union select $5::uuid
          limit 50)
        select c.id as "id!: ContactId", c.name as "name!", c.first_name as "first_name!", c.last_name as "last_name!", c.company as "company!",
               array(select e.match_key from contact_emails e where e.contact_id = c.id) as "emails!",
               array(select p.match_key from contact_phones p where p.contact_id = c.id) as "phones!",
               coalesce((select a.street from addresses a where a.contact_id = c.id and a.deleted_at is null
                          order by lower(a.street) = $4 desc, a.is_primary desc, a.id limit 1), '') as "street!"
          from near n join contacts c on c.id = n.id and c.deleted_at is null
         where $6::uuid is null or app.is_own_contact(c.id, $6)
        "#,
        &near.emails,
        &near.phones,
        name,
        near.street.trim().to_lowercase(),
        id.map(|i| i.0),
        own.map(|m| m.0)
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| Compared {
            id: r.id,
            name: r.name,
            person: Person {
                first_name: r.first_name,
                last_name: r.last_name,
                company: r.company,
                emails: r.emails,
                phones: r.phones,
                street: r.street,
            },
        })
        .collect())
}
