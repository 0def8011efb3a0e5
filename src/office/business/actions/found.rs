//! Creates a business, signs in and accepts invitations. No business has been entered as a member yet, so these writes are not actions:
//! each is one transaction that sets the acting member itself and writes audit entries and an event as an action does.

use std::sync::Mutex;

use garde::Validate as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;

use crate::{
    business::{check_currency, check_name, check_zone, likely_country},
    identity::{
        self,
        actions::{NewSession, Proof, redeem},
    },
};
use platform::{
    app::{App, SignUp},
    commit::{commit, kept, settle},
    error::{Error, FieldErrors, Result},
    ids::{MemberId, OrgId, SessionId, UserId},
    money::Currency,
    role::{MemberState, Role},
    tenant::{Origin, begin_whole},
};

/// The input for a new business.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct NewBusiness {
    /// Generated with the form, so that submitting it twice creates one business.
    pub id: OrgId,
    #[garde(custom(check_name))]
    pub name: String,
    /// IANA name.
    #[garde(custom(check_zone))]
    pub time_zone: String,
    /// ISO 4217 code.
    #[garde(custom(check_currency))]
    pub currency: String,
    /// The founder's own name.
    #[garde(custom(check_name))]
    pub person: String,
}

impl NewBusiness {
    /// Returns the errors of the fields.
    pub fn faults(&self) -> FieldErrors {
        self.validate().map_err(FieldErrors::from).err().unwrap_or_default()
    }
}

/// The user who creates or enters a business, and their session.
#[derive(Debug, Clone, Copy)]
pub struct Founder {
    pub user: UserId,
    pub session: SessionId,
}

/// Creates a business with the founder as owner and switches the session to it. Idempotent by `new.id` for the same user.
/// `Forbidden` if the instance's `sign_up` setting does not allow it; checked under a lock, since two requests may both be the first.
pub async fn found(app: &App, founder: Founder, new: &NewBusiness, origin: &Origin) -> Result<OrgId> {
    settle(async || {
        let mut tx = begin_whole(&app.pool, "BEGIN".into()).await?;
        let org = make(&mut tx, app, founder, new, origin).await?;
        commit(tx).await?;
        Ok(org)
    })
    .await
}

async fn make(db: &mut PgConnection, app: &App, founder: Founder, new: &NewBusiness, origin: &Origin) -> Result<OrgId> {
    new.faults().into_result()?;
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('found a business', 0))").execute(&mut *db).await?;
    if theirs(db, founder.user).await?.iter().any(|(org, _, _)| *org == new.id) {
        return Ok(new.id);
    }
    if !may_found(db, app, founder.user).await? {
        return Err(Error::Forbidden);
    }
    let member = MemberId::new();
    act_as(db, app, new.id, member, "business.create", origin).await?;
    let currency = Currency::from_code(&new.currency).map_or("USD", Currency::code);
    let email = sqlx::query_scalar!(
        "update users set name = case when name = '' then $2 else name end where id = $1 returning email",
        founder.user.0,
        new.person.trim()
    )
    .fetch_one(&mut *db)
    .await?;
    sqlx::query!(
        "insert into orgs (id, name, time_zone, currency, country) values ($1, $2, $3, $4, $5)",
        new.id.0,
        new.name.trim(),
        new.time_zone.trim(),
        currency,
        likely_country(new.time_zone.trim(), currency)
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "insert into members (id, user_id, role, state, name, email, is_technician, joined_at) values ($1, $2, $3, $4, $5, $6, true, app.now())",
        member.0,
        founder.user.0,
        Role::Owner as Role,
        MemberState::Active as MemberState,
        new.person.trim(),
        email
    )
    .execute(&mut *db)
    .await?;
    event(db, "business.created", "business", new.id.0, Role::Owner, founder.session, origin).await?;
    identity::actions::switch(db, founder.user, founder.session, new.id).await?;
    Ok(new.id)
}

async fn theirs(db: &mut PgConnection, user: UserId) -> Result<Vec<(OrgId, Role, MemberState)>> {
    let rows = sqlx::query!(
        r#"select org_id as "org!: OrgId", role as "role!: Role", state as "state!: MemberState" from app.businesses_of($1)"#,
        user.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|r| (r.org, r.role, r.state)).collect())
}

async fn may_found(db: &mut PgConnection, app: &App, user: UserId) -> Result<bool> {
    Ok(match app.sign_up {
        SignUp::Open => true,
        SignUp::Closed => false,
        SignUp::FirstOnly => {
            let any = sqlx::query_scalar!(r#"select app.has_business() as "any!""#).fetch_one(&mut *db).await?;
            !any || theirs(db, user).await?.iter().any(|(_, role, state)| *role == Role::Owner && *state == MemberState::Active)
        }
    })
}

/// Sets the business and the acting member for this transaction's row-level security, audit entries and events.
async fn act_as(db: &mut PgConnection, app: &App, org: OrgId, member: MemberId, action: &str, origin: &Origin) -> Result<()> {
    sqlx::query!(
        "select app.enter($1, $2, $3, $4, $5, $6, 'page'), set_config('app.action', $7, true)",
        org.0,
        member.0,
        format!("member:{member}"),
        app.clock.now(),
        origin.request_id,
        origin.network,
        action
    )
    .fetch_one(db)
    .await?;
    Ok(())
}

async fn event(
    db: &mut PgConnection,
    name: &str,
    kind: &str,
    subject: uuid::Uuid,
    role: Role,
    session: SessionId,
    origin: &Origin,
) -> Result<()> {
    sqlx::query!(
        "insert into events (name, subject_kind, subject_id, role, source, request_id, session_id, payload) values ($1, $2, $3, $4, 'page', $5, $6, $7)",
        name,
        kind,
        subject,
        role.name(),
        origin.request_id,
        session.0,
        json!({ "v": 1 })
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A user who has just signed in.
pub struct Entered {
    pub session: SessionId,
    /// The session's token for the cookie.
    pub token: String,
    pub next: Option<String>,
    /// The business created by this sign-in.
    pub founded: Option<OrgId>,
}

/// Signs in with a link or code and creates the business that the sign-in requested, if any. Returns `None` if `proof` is not valid.
pub async fn enter(app: &App, proof: Proof<'_>, origin: &Origin, user_agent: &str) -> Result<Option<Entered>> {
    let session = NewSession::random();
    // Where an attempt leads whose COMMIT was not answered.
    let lost = Mutex::new(None);
    let way = settle(async || {
        let mut tx = begin_whole(&app.pool, "BEGIN".into()).await?;
        let way = come_in(&mut tx, app, proof, &session, origin, user_agent).await?;
        let is_repeat = kept(&lost).is_some();
        if way.is_none() && is_repeat && session.is_open(&mut tx).await? {
            return Ok(kept(&lost).take());
        }
        if let Err(e) = commit(tx).await {
            *kept(&lost) = way;
            return Err(e);
        }
        Ok(way)
    })
    .await?;
    Ok(way.map(|way| Entered { session: session.id, token: session.token, next: way.next, founded: way.founded }))
}

/// Where a sign-in leads.
struct Way {
    next: Option<String>,
    founded: Option<OrgId>,
}

async fn come_in(
    db: &mut PgConnection,
    app: &App,
    proof: Proof<'_>,
    session: &NewSession,
    origin: &Origin,
    user_agent: &str,
) -> Result<Option<Way>> {
    let Some(person) = redeem(db, app, proof, session, origin, user_agent).await? else { return Ok(None) };
    let founder = Founder { user: person.user, session: session.id };
    let founded = match person.sign_up.map(serde_json::from_value::<NewBusiness>).transpose()? {
        None => None,
        Some(new) => match make(db, app, founder, &new, origin).await {
            Ok(org) => Some(org),
            // Another business was created first, so this one is refused. The user is signed in nevertheless.
            Err(Error::Forbidden) => None,
            Err(e) => return Err(e),
        },
    };
    Ok(Some(Way { next: person.next, founded }))
}

/// Accepts an invitation to `org` and switches the session to it; an active member only switches. `NotFound` for anybody else.
pub async fn accept(app: &App, founder: Founder, org: OrgId, origin: &Origin) -> Result<()> {
    settle(async || {
        let mut tx = begin_whole(&app.pool, "BEGIN".into()).await?;
        join(&mut tx, app, founder, org, origin).await?;
        commit(tx).await
    })
    .await
}

async fn join(db: &mut PgConnection, app: &App, founder: Founder, org: OrgId, origin: &Origin) -> Result<()> {
    // Whoever comes second waits, and finds what the first one did.
    sqlx::query!("select id from sessions where id = $1 for update", founder.session.0).fetch_optional(&mut *db).await?;
    let invited = sqlx::query!(
        r#"select member_id as "member!: MemberId", role as "role!: Role", state as "state!: MemberState" from app.businesses_of($1) where org_id = $2"#,
        founder.user.0,
        org.0
    )
    .fetch_optional(&mut *db)
    .await?
    .ok_or(Error::NotFound)?;
    if invited.state == MemberState::Invited {
        act_as(db, app, org, invited.member, "member.accept", origin).await?;
        let done = sqlx::query!(
            "update members set state = 'active', joined_at = app.now() where id = $1 and user_id = $2 and state = 'invited'",
            invited.member.0,
            founder.user.0
        )
        .execute(&mut *db)
        .await?;
        if done.rows_affected() != 1 {
            return Err(Error::NotFound);
        }
        event(db, "member.joined", "member", invited.member.0, invited.role, founder.session, origin).await?;
    }
    identity::actions::switch(db, founder.user, founder.session, org).await
}
