//! Every write is an action, and every action goes through one dispatcher: role, capability, validation, idempotency, version, run, commit.
//! Pages, `/api/actions`, jobs and (later) models all come through here, so that no caller can skip a check.

use std::{future::Future, pin::Pin, sync::Mutex};

use chrono::{DateTime, Utc};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::{
    app::App,
    commit::{commit, kept, settle},
    error::{Error, FieldErrors, Result},
    ids::{ContactId, OrgId},
    jobs::Job,
    reactions::Happened,
    role::{Capability, May, ModelLevel, Permission},
    secrets::digest,
    tenant::{Who, Write, open},
};

/// A write: the type is its input, `NEEDS` the permission it requires, `run` its effect.
pub trait Action: Clone + Serialize + DeserializeOwned + JsonSchema + Validate<Context = ()> + Send + Sync + 'static {
    /// `domain.verb`, as in `api.md`.
    const NAME: &'static str;
    const NEEDS: Permission;
    const CAPABILITY: Option<Capability> = None;
    const MODEL: ModelLevel = ModelLevel::Unrestricted;
    type Output: Serialize + DeserializeOwned + Send;

    /// Table and id of the record whose `version` is checked against `if_version`; `None` if the action checks no version.
    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        None
    }

    /// Runs inside the action's transaction. Returning an error rolls everything back, the idempotency record included.
    fn run(self, cx: &mut Cx<'_>) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// What a request says beside an action's input.
#[derive(Debug, Clone, Default)]
pub struct Meta {
    /// Idempotency key: a repeated key with the same data returns the first response.
    pub key: Option<String>,
    pub if_version: Option<i32>,
    /// A model's reason for the action; required by [`ModelLevel::SoftLimit`].
    pub reasoning: Option<String>,
    /// The business a form was rendered for; sending it while another one is current is a conflict.
    pub org: Option<OrgId>,
}

impl Meta {
    /// Whether the form was rendered for `org`, or for no particular business.
    pub fn is_of(&self, org: OrgId) -> bool {
        self.org.is_none_or(|made_for| made_for == org)
    }
}

/// The context of a running action: its transaction, the actor and the app.
pub struct Cx<'t> {
    tx: &'t mut Transaction<'static, Postgres>,
    pub who: &'t Who,
    pub app: &'t App,
}

/// The record that an event concerns.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    pub kind: &'static str,
    pub id: Uuid,
    /// The contact whose timeline shows the event.
    pub contact: Option<ContactId>,
}

impl Cx<'_> {
    pub fn db(&mut self) -> &mut PgConnection {
        self.tx
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.who.now
    }

    /// Appends a domain event in this transaction, and adds the schema version `v` to its payload.
    pub async fn event(&mut self, name: &str, subject: Subject, mut payload: Value) -> Result<()> {
        if let Value::Object(map) = &mut payload {
            map.insert("v".into(), json!(1));
        }
        let who = self.who;
        sqlx::query!(
            r#"insert into events (name, subject_kind, subject_id, contact_id, role, profile, source, request_id, session_id, payload)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#,
            name,
            subject.kind,
            subject.id,
            subject.contact.map(|c| c.0),
            who.role.map(super::role::Role::name),
            who.profile,
            who.source,
            who.origin.request_id,
            who.session.map(|s| s.0),
            payload
        )
        .execute(self.db())
        .await?;
        self.react(name, Happened { org: who.org, subject, payload: &payload }).await
    }

    /// Queues the jobs that follow from an event.
    async fn react(&mut self, name: &str, happened: Happened<'_>) -> Result<()> {
        for reaction in self.app.reactions.iter().filter(|r| r.event == name) {
            if let Some(job) = (reaction.job)(happened)? {
                job.enqueue(self.db()).await?;
            }
        }
        Ok(())
    }

    /// Queues a job of this business in this transaction; it runs after the commit. A waiting job of the same key is replaced. Jobs run by
    /// the database's clock: work due by the injected clock is a row that a sweeper finds.
    pub async fn enqueue<J: Job<Of = OrgId>>(&mut self, job: J) -> Result<()> {
        let org = self.who.org;
        super::jobs::enqueue(self.db(), org, job).await
    }

    /// Runs another action inside this transaction. Role, capability and input are checked; the idempotency key is the outer action's.
    pub fn run<A: Action>(&mut self, action: A) -> Pin<Box<dyn Future<Output = Result<A::Output>> + Send + '_>> {
        Box::pin(async move {
            check(self.who, &action)?;
            action.run(self).await
        })
    }
}

fn check<A: Action>(who: &Who, action: &A) -> Result<May> {
    let may = who.require(A::NEEDS)?;
    who.require_capability(A::CAPABILITY)?;
    action.validate().map_err(|report| Error::Invalid(FieldErrors::from(report)))?;
    Ok(may)
}

impl Write {
    /// Dispatches an action: checks it, runs it in a transaction and commits. Returns the first output if `meta.key` was used before.
    pub async fn act<A: Action>(&self, meta: &Meta, action: A) -> Result<A::Output> {
        let mut who = self.who.clone();
        who.now = self.app.clock.now();
        if !meta.is_of(who.org) {
            return Err(Error::conflict(format!(
                "This form belongs to another business. You are now in {}; switch back to send it.",
                who.org_name
            )));
        }
        match check(&who, &action) {
            Ok(_) => {}
            Err(Error::Forbidden) => return self.denied(A::NAME).await,
            Err(e) => return Err(e),
        }
        if who.is_model {
            match A::MODEL {
                ModelLevel::Unrestricted => {}
                ModelLevel::SoftLimit if meta.reasoning.as_deref().is_some_and(|r| !r.trim().is_empty()) => {}
                ModelLevel::SoftLimit => return Err(FieldErrors::one("reasoning", "This action needs a reason.")),
                ModelLevel::RequiresAuthorization => return self.denied(A::NAME).await,
            }
        }
        let key = Key::of(meta, &action)?;
        let lost = Mutex::new(None);
        settle(|| self.attempt(&who, meta, &key, action.clone(), &lost)).await
    }

    /// The action's one transaction. If the answer to its COMMIT is lost, `lost` keeps what it would have returned: the next attempt returns
    /// that if it finds the key taken, and replaces it if the key is free, for then this one was rolled back.
    async fn attempt<A: Action>(&self, who: &Who, meta: &Meta, key: &Key, action: A, lost: &Mutex<Option<A::Output>>) -> Result<A::Output> {
        let mut tx = open(&self.app, &self.door, &who.origin, who.now, false).await?;
        let is_repeat = kept(lost).is_some();
        let is_open = !is_repeat || enter_again(&mut tx, who).await?;
        if !take(&mut tx, who, A::NAME, key).await? {
            let lost = kept(lost).take();
            return match lost {
                Some(output) if key.is_ours() => Ok(output),
                _ => Ok(serde_json::from_value(first_answer(&mut tx, who, A::NAME, key).await?)?),
            };
        }
        if !is_open {
            // Somebody else closed the door between two attempts.
            return Err(Error::Unauthorized);
        }
        let output = self.work(&mut tx, who, meta, action).await?;
        if !key.is_ours() {
            let response = json!({ "answer": serde_json::to_value(&output)? });
            sqlx::query!("update idempotency_keys set response = $3 where actor = $1 and key = $2", who.actor(), key.name, response)
                .execute(&mut *tx)
                .await?;
        }
        match commit(tx).await {
            Ok(()) => {
                metrics::counter!("rounds_actions_total", "action" => A::NAME).increment(1);
                Ok(output)
            }
            Err(e) => {
                *kept(lost) = Some(output);
                Err(e)
            }
        }
    }

    /// Checks the version and runs the action.
    async fn work<A: Action>(&self, tx: &mut Transaction<'static, Postgres>, who: &Who, meta: &Meta, action: A) -> Result<A::Output> {
        let meanwhile = match (meta.if_version, action.versioned()) {
            (Some(version), Some((table, id))) => changed_meanwhile(tx, table, id, version).await?,
            _ => None,
        };
        let mut cx = Cx { tx, who, app: &self.app };
        let done = action.run(&mut cx).await;
        // Only the action knows whether this member may see the record at all; what it made of an old version is rolled back.
        match (done, meanwhile) {
            (Err(e @ (Error::NotFound | Error::Forbidden)), _) => Err(e),
            (_, Some(conflict)) => Err(conflict),
            (done, None) => done,
        }
    }

    /// Records a refused action as an event, in a transaction of its own, and returns `Forbidden`.
    async fn denied<T>(&self, action: &'static str) -> Result<T> {
        let key = Key::ours();
        settle(|| self.note_denied(action, &key)).await?;
        metrics::counter!("rounds_permission_denied_total").increment(1);
        Err(Error::Forbidden)
    }

    async fn note_denied(&self, action: &'static str, key: &Key) -> Result<()> {
        let mut tx = open(&self.app, &self.door, &self.who.origin, self.who.now, false).await?;
        if !take(&mut tx, &self.who, action, key).await? {
            return Ok(());
        }
        let mut cx = Cx { tx: &mut tx, who: &self.who, app: &self.app };
        let about = Subject { kind: "member", id: self.who.member.map_or(self.who.org.0, |m| m.0), contact: None };
        cx.event("security.permission_denied", about, json!({ "action": action })).await?;
        commit(tx).await
    }
}

/// The idempotency key an action runs under. Without one from its sender it gets one of ours, so that an attempt whose COMMIT was not answered
/// is found by the next. Ours is known to nobody else: it keeps no answer.
struct Key {
    name: String,
    /// Of the sender's data. Empty: the key is ours.
    hash: Vec<u8>,
}

impl Key {
    fn of<A: Action>(meta: &Meta, action: &A) -> Result<Self> {
        match &meta.key {
            None => Ok(Self::ours()),
            Some(key) if key.is_empty() || key.len() > 255 => Err(FieldErrors::one("idempotency_key", "A key has 1 to 255 characters.")),
            Some(key) => Ok(Self { name: key.clone(), hash: digest(serde_json::to_vec(action)?.as_slice()).to_vec() }),
        }
    }

    fn ours() -> Self {
        Self { name: Uuid::now_v7().to_string(), hash: Vec::new() }
    }

    fn is_ours(&self) -> bool {
        self.hash.is_empty()
    }
}

/// Enters as who was let in before: the attempt before this one may itself have closed the door, as the end of a session does.
/// False: the door is closed by now, so there is only an answer to look up.
async fn enter_again(tx: &mut PgConnection, who: &Who) -> Result<bool> {
    // The same business: the person may have switched to another meanwhile, where the action has no place.
    let is_open =
        sqlx::query_scalar!(r#"select app.org() is not distinct from $1::uuid as "open!""#, who.org.0).fetch_one(&mut *tx).await?;
    if !is_open {
        sqlx::query!(
            "select app.enter($1, $2, $3, $4, $5, $6, $7)",
            who.org.0,
            who.member.map(|m| m.0),
            who.actor(),
            who.now,
            who.origin.request_id,
            who.origin.network,
            who.source
        )
        .fetch_one(tx)
        .await?;
    }
    Ok(is_open)
}

/// Names the action for the audit trail and takes the key, as the first row of the transaction: a twin waits here. False: it was taken before.
async fn take(tx: &mut PgConnection, who: &Who, name: &str, key: &Key) -> Result<bool> {
    let taken = sqlx::query!(
        r#"
        with taken as (
            insert into idempotency_keys (actor, key, action, request_hash) values ($1, $2, $3, $4)
            on conflict (org_id, actor, key) do nothing returning true
        )
        select set_config('app.action', $3, true) as action, exists (select from taken) as "is_first!"
        "#,
        who.actor(),
        key.name,
        name,
        key.hash
    )
    .fetch_one(tx)
    .await?;
    Ok(taken.is_first)
}

/// What was answered under the key.
async fn first_answer(tx: &mut PgConnection, who: &Who, name: &str, key: &Key) -> Result<Value> {
    let first =
        sqlx::query!("select action, request_hash, response from idempotency_keys where actor = $1 and key = $2", who.actor(), key.name)
            .fetch_one(tx)
            .await?;
    if first.action != name || first.request_hash != key.hash {
        return Err(Error::conflict("This was already sent with other content. Reload the page to send a new one."));
    }
    match first.response.and_then(|mut r| r.get_mut("answer").map(Value::take)) {
        Some(answer) => Ok(answer),
        None => Err(Error::conflict("This is being worked on right now.")),
    }
}

/// Locks the record and returns a conflict if its version is no longer `version`. The conflict's `current` names the record by type and id,
/// so that the caller can load it as this member may see it.
async fn changed_meanwhile(tx: &mut PgConnection, table: &'static str, id: Uuid, version: i32) -> Result<Option<Error>> {
    let sql = format!("select version from {table} where id = $1 for update");
    let now: Option<i32> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(id).fetch_optional(tx).await?;
    let now = now.ok_or(Error::NotFound)?;
    let current = json!({ "type": table, "id": id, "version": now });
    let conflict = || Error::Conflict { message: "Someone saved a change in the meantime.".into(), current: Some(current) };
    Ok((now != version).then(conflict))
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Value>> + Send + 'a>>;

/// An action in the registry: run by `/api/actions`, described by `/api/capabilities`.
pub struct Entry {
    pub name: &'static str,
    pub needs: Permission,
    pub capability: Option<Capability>,
    pub model: ModelLevel,
    pub schema: fn() -> Value,
    pub run: for<'a> fn(&'a Write, &'a Meta, Value) -> Running<'a>,
}

/// Returns the registry entry of the action type `A`.
pub fn entry<A: Action>() -> Entry {
    Entry {
        name: A::NAME,
        needs: A::NEEDS,
        capability: A::CAPABILITY,
        model: A::MODEL,
        schema: || schemars::schema_for!(A).to_value(),
        run: |write, meta, input| {
            Box::pin(async move {
                let action: A = super::input::read(input, &schemars::schema_for!(A).to_value())?;
                Ok(serde_json::to_value(write.act(meta, action).await?)?)
            })
        },
    }
}
