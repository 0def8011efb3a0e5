//! Every read of the business itself: settings, team and API tokens.

use chrono::{DateTime, NaiveTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;

use super::Step;
use platform::{
    error::Result,
    ids::{MemberId, OrgId, TokenId},
    query::{Entry, Listing, Params},
    role::{Capability, MemberState, Permission, Role},
    tenant::{Read, Who},
};

/// The business's own details.
#[derive(Debug, Clone, Serialize)]
pub struct Settings {
    pub id: OrgId,
    pub version: i32,
    pub name: String,
    pub email: Option<String>,
    pub reply_to: Option<String>,
    pub phone: Option<String>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub country: String,
    pub tax_id: Option<String>,
    pub website: Option<String>,
    pub time_zone: String,
    pub currency: String,
    pub invoice_prefix: String,
    pub invoice_notes: Option<String>,
    pub payment_terms_days: i32,
    pub staff_see_prices: bool,
    pub staff_see_all_tickets: bool,
    pub capabilities_off: Vec<String>,
    pub day_starts: NaiveTime,
    pub day_ends: NaiveTime,
    /// ISO weekdays: 1 is Monday.
    pub work_days: Vec<i32>,
    pub has_logo: bool,
}

/// The settings of the current business.
pub async fn settings(db: &mut PgConnection) -> Result<Settings> {
    Ok(sqlx::query_as!(
        Settings,
        r#"
        select id as "id: OrgId", version, name, email, reply_to, phone, street, city, region, postal_code, country, tax_id, website, time_zone, currency,
               invoice_prefix, invoice_notes, payment_terms_days, staff_see_prices, staff_see_all_tickets, capabilities_off,
               day_starts, day_ends, work_days, logo_file_id is not null as "has_logo!"
          from orgs
        "#
    )
    .fetch_one(db)
    .await?)
}

/// The logo's bytes.
pub struct Logo {
    pub mime: String,
    pub bytes: Vec<u8>,
}

pub async fn logo(db: &mut PgConnection) -> Result<Option<Logo>> {
    Ok(sqlx::query_as!(Logo, "select f.mime, f.bytes from orgs o join files f on f.org_id = o.org_id and f.id = o.logo_file_id")
        .fetch_optional(db)
        .await?)
}

/// A member of the team.
#[derive(Debug, Clone, Serialize)]
pub struct Member {
    pub id: MemberId,
    pub version: i32,
    pub name: String,
    pub email: String,
    pub phone: Option<String>,
    pub role: Role,
    pub state: MemberState,
    pub color: i32,
    pub is_technician: bool,
    pub may_send: bool,
    pub joined_at: Option<DateTime<Utc>>,
}

/// At most 500 members by name, disabled ones last. `search` is matched against name and email address.
pub async fn members(db: &mut PgConnection, search: Option<&str>, state: Option<MemberState>) -> Result<Vec<Member>> {
    let search = search.unwrap_or_default().trim().to_lowercase();
    Ok(sqlx::query_as!(
        Member,
        r#"
        select id as "id: MemberId", version, name, email, phone, role as "role: Role", state as "state: MemberState", color, is_technician, may_send, joined_at
          from members
         where ($1 = '' or strpos(lower(name || ' ' || email), $1) > 0) and ($2::member_state is null or state = $2)
         order by state = 'disabled', lower(name), id limit 500
        "#,
        search,
        state as Option<MemberState>
    )
    .fetch_all(db)
    .await?)
}

pub async fn member(db: &mut PgConnection, id: MemberId) -> Result<Member> {
    Ok(sqlx::query_as!(
        Member,
        r#"
        select id as "id: MemberId", version, name, email, phone, role as "role: Role", state as "state: MemberState", color, is_technician, may_send, joined_at
          from members where id = $1
        "#,
        id.0
    )
    .fetch_one(db)
    .await?)
}

/// Names of the actions that `who` may run on `member`.
pub fn allowed_actions(who: &Who, member: &Member) -> Vec<&'static str> {
    let touches = who.can(Permission::ManageTeam) && (member.role != Role::Owner || who.can(Permission::OwnBusiness));
    match member.state {
        _ if !touches => vec![],
        MemberState::Invited => vec!["member.update", "member.invite_again", "member.remove"],
        MemberState::Active => vec!["member.update", "member.remove"],
        MemberState::Disabled => vec!["member.update"],
    }
}

/// An API token without its secret.
#[derive(Debug, Clone, Serialize)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub member_id: MemberId,
    pub member_name: String,
    pub created_at: DateTime<Utc>,
    /// Accurate to the day.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Tokens that are not revoked, newest first: the caller's own, or all with the permission to manage the team.
pub async fn tokens(db: &mut PgConnection, who: &Who) -> Result<Vec<Token>> {
    let only = if who.can(Permission::ManageTeam) { None } else { who.member.map(|m| m.0) };
    Ok(sqlx::query_as!(
        Token,
        r#"
        select t.id as "id: TokenId", t.name, t.member_id as "member_id: MemberId", m.name as member_name, t.created_at, t.last_used_at
          from api_tokens t join members m on m.org_id = t.org_id and m.id = t.member_id
         where t.revoked_at is null and ($1::uuid is null or t.member_id = $1)
         order by t.created_at desc, t.id limit 500
        "#,
        only
    )
    .fetch_all(db)
    .await?)
}

/// One step of the first-day checklist as it stands.
#[derive(Debug, Clone, Serialize)]
pub struct ChecklistStep {
    pub step: Step,
    pub words: &'static str,
    pub href: &'static str,
    pub is_done: bool,
    pub is_skipped: bool,
}

/// The first-day checklist. Done steps are derived from the business's records, not stored.
#[derive(Debug, Clone, Serialize)]
pub struct Checklist {
    pub steps: Vec<ChecklistStep>,
}

impl Checklist {
    /// Whether any step is neither done nor skipped.
    pub fn is_open(&self) -> bool {
        self.steps.iter().any(|s| !s.is_done && !s.is_skipped)
    }

    pub fn done(&self) -> usize {
        self.steps.iter().filter(|s| s.is_done).count()
    }
}

/// The checklist, without steps of switched-off capabilities. Returns `None` if `who` may not change settings.
pub async fn checklist(db: &mut PgConnection, who: &Who) -> Result<Option<Checklist>> {
    if !who.can(Permission::ManageSettings) {
        return Ok(None);
    }
    let now = sqlx::query!(
        r#"
        select (o.email is not null or o.phone is not null) and o.street is not null as "has_details!", o.checklist_skipped as skipped,
               s.has_hours as "has_hours!", s.has_service as "has_service!", s.has_customer as "has_customer!",
               s.has_stripe as "has_stripe!", s.has_ticket as "has_ticket!", s.has_invoice as "has_invoice!"
          from orgs o, app.first_steps() s
        "#
    )
    .fetch_one(db)
    .await?;
    let steps = Step::ALL.into_iter().filter(|step| match step {
        Step::Hours | Step::Ticket => who.has(Capability::Scheduling),
        Step::Stripe => who.has(Capability::Payments),
        Step::Invoice => who.has(Capability::Invoices),
        Step::Details | Step::Services | Step::Customers => true,
    });
    let steps = steps.map(|step| ChecklistStep {
        step,
        words: step.words(),
        href: step.href(),
        is_skipped: now.skipped.iter().any(|s| s == step.name()),
        is_done: match step {
            Step::Details => now.has_details,
            Step::Hours => now.has_hours,
            Step::Services => now.has_service,
            Step::Customers => now.has_customer,
            Step::Stripe => now.has_stripe,
            Step::Ticket => now.has_ticket,
            Step::Invoice => now.has_invoice,
        },
    });
    Ok(Some(Checklist { steps: steps.collect() }))
}

/// `members` of `/api/data`; a single member carries its `allowed_actions`.
pub fn members_entry() -> Entry {
    Entry {
        name: "members",
        needs: Permission::Any,
        capability: None,
        filters: &["state"],
        includes: &[],
        run: |read, params| Box::pin(members_page(read, params)),
    }
}

async fn members_page(read: &mut Read, params: &Params) -> Result<Listing> {
    if let Some(id) = params.id {
        let member = member(read.db(), id.into()).await?;
        let mut value = serde_json::to_value(&member)?;
        value["allowed_actions"] = serde_json::to_value(allowed_actions(&read.who, &member))?;
        return Ok(Listing { data: vec![value], cursor: None });
    }
    let state = match params.filter("state") {
        None => None,
        Some(name) => Some(
            serde_json::from_value(serde_json::Value::String(name.to_owned()))
                .map_err(|_| platform::error::FieldErrors::one("state", "A state is invited, active or disabled."))?,
        ),
    };
    let rows = members(read.db(), params.search.as_deref(), state).await?;
    Listing::whole(rows, params, |m| m.id.0)
}

/// `api_tokens` of `/api/data`.
pub fn tokens_entry() -> Entry {
    Entry {
        name: "api_tokens",
        needs: Permission::Any,
        capability: None,
        filters: &[],
        includes: &[],
        run: |read, params| {
            Box::pin(async move {
                let who = read.who.clone();
                Listing::whole(tokens(read.db(), &who).await?, params, |t| t.id.0)
            })
        },
    }
}

/// `business` of `/api/data`: the settings, as one row.
pub fn business_entry() -> Entry {
    Entry {
        name: "business",
        needs: Permission::ManageSettings,
        capability: None,
        filters: &[],
        includes: &["checklist"],
        run: |read, params| {
            Box::pin(async move {
                let settings = settings(read.db()).await?;
                let mut value = serde_json::to_value(&settings)?;
                if params.includes("checklist") {
                    let who = read.who.clone();
                    value["checklist"] = serde_json::to_value(checklist(read.db(), &who).await?)?;
                }
                let wanted = params.id.is_none_or(|id| id == settings.id.0);
                Ok(Listing { data: if wanted { vec![value] } else { vec![] }, cursor: None })
            })
        },
    }
}
