//! Queries for contacts, for pages, the API and other slices.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use sqlx::{PgConnection, types::Json};

use super::{Address, Attribute, AttributeState, Consent, Contact, Duplicate, Note, Relation, Summary, personal};
use platform::{
    error::{Error, Result},
    ids::{AddressId, AttributeId, ConsentId, ContactId, DuplicateId, MemberId, NoteId, TicketId},
    role::Role,
    tenant::Who,
};

/// Returns the acting member if it is an agent, who may see only own or assigned contacts; `None` if all contacts may be seen.
pub fn only_own(who: &Who) -> Option<MemberId> {
    who.member.filter(|_| who.role == Some(Role::Agent))
}

/// Returns `NotFound` if the acting member may not see the contact.
pub async fn visible(db: &mut PgConnection, who: &Who, id: ContactId) -> Result<()> {
    let Some(member) = only_own(who) else { return Ok(()) };
    let own = sqlx::query_scalar!(r#"select app.is_own_contact($1, $2) as "own!""#, id.0, member.0).fetch_one(db).await?;
    if own { Ok(()) } else { Err(Error::NotFound) }
}

/// One contact, archived or not.
pub async fn contact(db: &mut PgConnection, id: ContactId) -> Result<Contact> {
    sqlx::query_as!(
        Contact,
        r#"
        select id as "id: ContactId", relation as "relation: Relation", is_organisation, name, first_name, last_name, nickname, company, tags,
               preferred_time, preferred_member_id as "preferred_member_id: MemberId", preferred_channel, email_consent, sms_consent,
               birthday, customer_since, source, deleted_at as archived_at, created_at, version
          from contacts where id = $1
        "#,
        id.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)
}

/// The records that belong to a contact, for its page.
#[derive(Debug, Clone, Deserialize)]
pub struct Known {
    /// Confirmed facts first, then proposed ones.
    pub attributes: Vec<Attribute>,
    /// Changes of consent, newest first.
    pub consents: Vec<Consent>,
    /// Contacts that may be the same one, likeliest first.
    pub duplicates: Vec<Duplicate>,
    /// The preferred technician's name; `None` if that member is no longer an active technician.
    pub technician: Option<String>,
}

/// Reads a contact's facts, consents, likely duplicates and preferred technician in one round trip.
pub async fn known(db: &mut PgConnection, contact: ContactId) -> Result<Known> {
    let row = sqlx::query_scalar!(
        r#"
        select jsonb_build_object(
          'attributes', (select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'contact_id', t.contact_id, 'key', t.key, 'value', t.value, 'state', t.state,
                            'source', t.source, 'confidence', t.confidence::text, 'ticket_id', t.ticket_id, 'confirmed_by', t.confirmed_by,
                            'confirmed_at', t.confirmed_at, 'version', t.version) order by t.state = 'proposed', t.key, t.id), '[]')
                           from attributes t where t.contact_id = $1 and t.state <> 'dropped'),
          'consents', (select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'channel', s.channel, 'given', s.given, 'source', s.source,
                            'wording', s.wording, 'at', s.created_at) order by s.created_at desc, s.id desc), '[]')
                         from consents s where s.contact_id = $1),
          'duplicates', (select coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'other_id', o.id, 'other_name', o.name, 'score', d.score,
                            'reason', d.reason) order by d.score desc, d.id), '[]')
                           from (select x.* from contact_duplicates x where x.contact_id = $1
                                  union all select x.* from contact_duplicates x where x.other_id = $1) d
                           join contacts o on o.org_id = d.org_id and o.id = case when d.contact_id = $1 then d.other_id else d.contact_id end
                                          and o.deleted_at is null
                          where d.state = 'proposed'),
          'technician', (select m.name from contacts c join members m on m.org_id = c.org_id and m.id = c.preferred_member_id
                          where c.id = $1 and m.state = 'active' and m.is_technician)
        ) as "json!: Json<Known>"
        "#,
        contact.0
    )
    .fetch_one(db)
    .await?;
    Ok(row.0)
}

/// Returns a contact's name, first email and first phone for other slices; archived contacts included.
pub async fn summary(db: &mut PgConnection, id: ContactId) -> Result<Summary> {
    let row = sqlx::query!(
        r#"select id as "id: ContactId", name, first_name, deleted_at is not null as "is_archived!", email_consent from contacts where id = $1"#,
        id.0
    )
    .fetch_optional(&mut *db)
    .await?
    .ok_or(Error::NotFound)?;
    let (email, phone) = personal::first_reach(db, id).await?;
    Ok(Summary {
        id: row.id,
        name: row.name,
        first_name: row.first_name,
        email,
        phone,
        is_archived: row.is_archived,
        email_consent: row.email_consent,
    })
}

/// Returns the default place of service: the primary address, else the oldest one; `None` if no address is in use.
pub async fn primary_address(db: &mut PgConnection, contact: ContactId) -> Result<Option<Address>> {
    Ok(personal::addresses(db, contact, false).await?.into_iter().next())
}

/// One address, archived or not.
pub async fn address(db: &mut PgConnection, id: AddressId) -> Result<Address> {
    personal::address(db, id).await
}

/// Returns a contact's addresses in use, the primary one first.
pub async fn addresses(db: &mut PgConnection, contact: ContactId) -> Result<Vec<Address>> {
    personal::addresses(db, contact, false).await
}

/// Returns the access notes of an address ("gate code 4411"); empty if there are none.
pub async fn access_notes(db: &mut PgConnection, address: AddressId) -> Result<String> {
    Ok(personal::address(db, address).await?.access_notes)
}

/// A contact's notes, newest first.
pub async fn notes(db: &mut PgConnection, contact: ContactId, limit: i64) -> Result<Vec<Note>> {
    Ok(sqlx::query_as!(
        Note,
        r#"
        select n.id as "id!: NoteId", n.contact_id as "contact_id!: ContactId", n.ticket_id as "ticket_id?: TicketId", n.body as "body!", n.source as "source!",
               n.created_at as "created_at!",
               coalesce(m.name, '') as "by!"
          from notes n left join members m on m.org_id = n.org_id and n.created_by in ('member:' || m.id::text, 'model:' || m.id::text)
         where n.contact_id = $1 order by n.created_at desc, n.id desc limit $2
        "#,
        contact.0,
        limit
    )
    .fetch_all(db)
    .await?)
}

/// Returns a contact's facts: confirmed ones first, then proposed ones; dropped ones are left out.
pub async fn attributes(db: &mut PgConnection, contact: ContactId) -> Result<Vec<Attribute>> {
    Ok(sqlx::query_as!(
        Attribute,
        r#"
        select id as "id: AttributeId", contact_id as "contact_id: ContactId", key, value, state as "state: AttributeState", source, confidence,
               ticket_id as "ticket_id: TicketId", confirmed_by as "confirmed_by: MemberId", confirmed_at, version
          from attributes where contact_id = $1 and state <> 'dropped' order by state = 'proposed', key, id
        "#,
        contact.0
    )
    .fetch_all(db)
    .await?)
}

/// Changes of consent, newest first.
pub async fn consents(db: &mut PgConnection, contact: ContactId) -> Result<Vec<Consent>> {
    Ok(sqlx::query_as!(
        Consent,
        r#"select id as "id: ConsentId", channel, given, source, wording, created_at as at from consents where contact_id = $1 order by created_at desc, id desc"#,
        contact.0
    )
    .fetch_all(db)
    .await?)
}

/// Contacts that may be the same one, likeliest first.
pub async fn duplicates(db: &mut PgConnection, contact: ContactId) -> Result<Vec<Duplicate>> {
    Ok(sqlx::query_as!(
        Duplicate,
        r#"
        select d.id as "id!: DuplicateId", c.id as "other_id!: ContactId", c.name as "other_name!", d.score as "score!", d.reason as "reason!"
          from contact_duplicates d
          join contacts c on c.org_id = d.org_id and c.id = case when d.contact_id = $1 then d.other_id else d.contact_id end and c.deleted_at is null
         where (d.contact_id = $1 or d.other_id = $1) and d.state = 'proposed'
         order by d.score desc, d.id
        "#,
        contact.0
    )
    .fetch_all(db)
    .await?)
}

/// Lists the actions that the acting member may take on a contact, by role and state; the page draws its buttons from them.
pub fn allowed_actions(who: &Who, contact: &Contact) -> Vec<&'static str> {
    use platform::role::{Capability, Permission as P};
    if !who.can(P::WriteRecords) {
        return Vec::new();
    }
    if contact.is_archived() {
        return vec!["contact.restore"];
    }
    let mut allowed = vec!["contact.update", "contact.archive", "address.create", "note.create", "attribute.set"];
    if who.has(Capability::Scheduling) {
        allowed.push("ticket.create");
    }
    if who.has(Capability::Invoices) && who.can(P::DraftMoney) {
        allowed.push("invoice.create");
    }
    if who.can(P::Send) {
        allowed.push("message.schedule");
    }
    allowed
}

/// Returns the active technicians that a customer may prefer, ordered by name.
pub async fn technicians(db: &mut PgConnection) -> Result<Vec<(MemberId, String)>> {
    let rows =
        sqlx::query!(r#"select id as "id: MemberId", name from members where state = 'active' and is_technician order by lower(name), id"#)
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|r| (r.id, r.name)).collect())
}

/// Returns the contact with its emails and phones as stored now, to show beside a refused stale edit.
pub async fn current(db: &mut PgConnection, id: ContactId) -> Result<Value> {
    let contact = contact(db, id).await?;
    let mut value = serde_json::to_value(&contact)?;
    value["emails"] = serde_json::to_value(personal::emails(db, id).await?)?;
    value["phones"] = serde_json::to_value(personal::phones(db, id).await?)?;
    Ok(value)
}

/// One note.
pub async fn note(db: &mut PgConnection, id: NoteId) -> Result<Note> {
    sqlx::query_as!(
        Note,
        r#"
        select n.id as "id!: NoteId", n.contact_id as "contact_id!: ContactId", n.ticket_id as "ticket_id?: TicketId", n.body as "body!", n.source as "source!",
               n.created_at as "created_at!",
               coalesce(m.name, '') as "by!"
          from notes n left join members m on m.org_id = n.org_id and n.created_by in ('member:' || m.id::text, 'model:' || m.id::text)
         where n.id = $1
        "#,
        id.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)
}

/// Returns one page of notes, newest first. Reads `limit + 1` rows: the extra row shows that there is a next page.
pub async fn list_notes(
    db: &mut PgConnection,
    contact: Option<ContactId>,
    ticket: Option<TicketId>,
    own: Option<MemberId>,
    after: Option<(DateTime<Utc>, NoteId)>,
    limit: i64,
) -> Result<Vec<Note>> {
    let (at, id) = after.unzip();
    Ok(sqlx::query_as!(
        Note,
        r#"
        select n.id as "id!: NoteId", n.contact_id as "contact_id!: ContactId", n.ticket_id as "ticket_id?: TicketId", n.body as "body!", n.source as "source!",
               n.created_at as "created_at!",
               coalesce(m.name, '') as "by!"
          from notes n left join members m on m.org_id = n.org_id and n.created_by in ('member:' || m.id::text, 'model:' || m.id::text)
         where ($1::uuid is null or n.contact_id = $1) and ($2::uuid is null or n.ticket_id = $2)
           and ($3::uuid is null or app.is_own_contact(n.contact_id, $3))
           and ($4::timestamptz is null or (n.created_at, n.id) < ($4, $5))
         order by n.created_at desc, n.id desc limit $6
        "#,
        contact.map(|c| c.0),
        ticket.map(|t| t.0),
        own.map(|m| m.0),
        at,
        id.map(|n| n.0),
        limit + 1
    )
    .fetch_all(db)
    .await?)
}

/// One attribute, dropped or not.
pub async fn attribute(db: &mut PgConnection, id: AttributeId) -> Result<Attribute> {
    sqlx::query_as!(
        Attribute,
        r#"
        select id as "id: AttributeId", contact_id as "contact_id: ContactId", key, value, state as "state: AttributeState", source, confidence,
               ticket_id as "ticket_id: TicketId", confirmed_by as "confirmed_by: MemberId", confirmed_at, version
          from attributes where id = $1
        "#,
        id.0
    )
    .fetch_optional(db)
    .await?
    .ok_or(Error::NotFound)
}

/// Returns one page of attributes in order of creation; dropped ones are left out unless `state` asks for them.
/// Reads `limit + 1` rows: the extra row shows that there is a next page.
pub async fn list_attributes(
    db: &mut PgConnection,
    contact: Option<ContactId>,
    state: Option<AttributeState>,
    own: Option<MemberId>,
    after: Option<AttributeId>,
    limit: i64,
) -> Result<Vec<Attribute>> {
    Ok(sqlx::query_as!(
        Attribute,
        r#"
        select id as "id: AttributeId", contact_id as "contact_id: ContactId", key, value, state as "state: AttributeState", source, confidence,
               ticket_id as "ticket_id: TicketId", confirmed_by as "confirmed_by: MemberId", confirmed_at, version
          from attributes
         where ($1::uuid is null or contact_id = $1)
           and case when $2::attribute_state is null then state <> 'dropped' else state = $2 end
           and ($3::uuid is null or app.is_own_contact(contact_id, $3))
           and ($4::uuid is null or id > $4)
         order by id limit $5
        "#,
        contact.map(|c| c.0),
        state as Option<AttributeState>,
        own.map(|m| m.0),
        after.map(|a| a.0),
        limit + 1
    )
    .fetch_all(db)
    .await?)
}
