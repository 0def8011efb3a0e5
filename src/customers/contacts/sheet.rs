//! All contacts with their related records, one flat row each, for exports.
//! Reads emails, phones and streets itself instead of through `personal`, in one query.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use super::Relation;
use platform::{error::Result, ids::ContactId};

/// A contact as one row: values of one kind are joined by "; ", tags by ", ", notes by line breaks.
#[derive(Debug)]
pub struct Line {
    pub id: ContactId,
    pub name: String,
    pub first_name: String,
    pub last_name: String,
    pub nickname: String,
    pub company: String,
    pub is_organisation: bool,
    pub relation: Relation,
    pub emails: String,
    pub phones: String,
    /// The primary address, in its parts.
    pub street: String,
    pub unit: String,
    pub city: String,
    pub region: String,
    pub postal_code: String,
    pub access_notes: String,
    /// The other addresses, each as in `contacts::one_line`.
    pub further_addresses: String,
    pub tags: String,
    pub attributes: String,
    pub notes: String,
    pub preferred_time: Option<String>,
    pub preferred_channel: Option<String>,
    pub email_consent: Option<bool>,
    pub sms_consent: Option<bool>,
    pub birthday: Option<String>,
    pub customer_since: Option<NaiveDate>,
    pub archived_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// Every contact of the business, archived ones too, by name.
pub async fn lines(db: &mut PgConnection) -> Result<Vec<Line>> {
    Ok(sqlx::query_as!(
        Line,
        r#"
        select c.id as "id!: ContactId", c.name as "name!", c.first_name as "first_name!", c.last_name as "last_name!", c.nickname as "nickname!",
               c.company as "company!", c.is_organisation as "is_organisation!", c.relation as "relation!: Relation",
               coalesce((select string_agg(e.address, '; ' order by e.position, e.id) from contact_emails e where e.contact_id = c.id), '') as "emails!",
               coalesce((select string_agg(p.typed, '; ' order by p.position, p.id) from contact_phones p where p.contact_id = c.id), '') as "phones!",
               coalesce(a.street, '') as "street!", coalesce(a.unit, '') as "unit!", coalesce(a.city, '') as "city!", coalesce(a.region, '') as "region!",
               coalesce(a.postal_code, '') as "postal_code!", coalesce(a.access_notes, '') as "access_notes!",
               coalesce((select string_agg(concat_ws(', ', nullif(o.street, ''), nullif(o.unit, ''), nullif(o.city, ''), nullif(concat_ws(' ', nullif(o.region, ''), nullif(o.postal_code, '')), '')), '; ' order by o.id)
                           from addresses o where o.contact_id = c.id and o.deleted_at is null and o.id <> a.id), '') as "further_addresses!",
               array_to_string(c.tags, ', ') as "tags!",
               coalesce((select string_agg(t.key || ': ' || t.value, '; ' order by t.key, t.id) from attributes t where t.contact_id = c.id and t.state = 'confirmed'), '') as "attributes!",
               coalesce((select string_agg(n.body, E'\n' order by n.created_at, n.id) from notes n where n.contact_id = c.id), '') as "notes!",
               c.preferred_time as "preferred_time?", c.preferred_channel as "preferred_channel?", c.email_consent as "email_consent?",
               c.sms_consent as "sms_consent?", c.birthday as "birthday?", c.customer_since as "customer_since?",
               c.deleted_at as "archived_at?", c.created_at as "created_at!"
          from contacts c
          left join lateral (select * from addresses x where x.org_id = c.org_id and x.contact_id = c.id and x.deleted_at is null
                              order by x.is_primary desc, x.id limit 1) a on true
         order by c.name_key, c.id
        "#
    )
    .fetch_all(db)
    .await?)
}
