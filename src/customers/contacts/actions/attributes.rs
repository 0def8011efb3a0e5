//! `attribute.set`, `attribute.confirm`, `attribute.remove`.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Written, about, active, index, line};
use crate::contacts::AttributeState;
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{AttributeId, ContactId, NoteId, TicketId},
    redact,
    role::Permission,
};

/// Records a fact. One typed by a person is confirmed at once; one from rules, a model or an import is proposed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct SetAttribute {
    #[serde(default)]
    pub id: Option<AttributeId>,
    pub contact_id: ContactId,
    pub key: String,
    pub value: String,
    /// `typed` (the default), `rules`, `model` or `import`.
    #[serde(default)]
    pub source: String,
    /// 0 to 1.
    #[serde(default)]
    pub confidence: Option<Decimal>,
    /// Whether a person has already reviewed the fact (in a close-out); it is then confirmed, whatever its source.
    #[serde(default)]
    pub is_confirmed: bool,
    #[serde(default)]
    pub note_id: Option<NoteId>,
    #[serde(default)]
    pub ticket_id: Option<TicketId>,
}

/// Confirms a proposed fact; `value` corrects it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ConfirmAttribute {
    pub attribute_id: AttributeId,
    #[serde(default)]
    pub value: Option<String>,
}

/// Drops a fact: it is no longer shown, and its history stays.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RemoveAttribute {
    pub attribute_id: AttributeId,
}

impl SetAttribute {
    fn checked(&self) -> Result<(String, String, &'static str)> {
        let mut errors = FieldErrors::default();
        let key = line(&mut errors, "key", &self.key, 60).to_lowercase().replace(' ', "_");
        let value = redact::redact(&line(&mut errors, "value", &self.value, 500)).text;
        if key.is_empty() {
            errors.add("key", "Name the fact: pet, equipment, access …");
        }
        if value.is_empty() {
            errors.add("value", "Say what the fact is.");
        }
        let source = match self.source.as_str() {
            "" | "typed" => "typed",
            "rules" => "rules",
            "model" => "model",
            "import" => "import",
            _ => {
                errors.add("source", "source is one of: typed, rules, model, import.");
                "typed"
            }
        };
        errors.into_result()?;
        Ok((key, value, source))
    }
}

impl Action for SetAttribute {
    const NAME: &'static str = "attribute.set";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        active(cx, self.contact_id).await?;
        let (key, value, source) = self.checked()?;
        let is_confirmed = (source == "typed" || self.is_confirmed) && !cx.who.is_model;
        let state = if is_confirmed { AttributeState::Confirmed } else { AttributeState::Proposed };
        let (by, at) = (cx.who.member.filter(|_| is_confirmed), is_confirmed.then(|| cx.now()));
        // If the contact already has the fact, it is confirmed or left as it is; no second one is added.
        let row = sqlx::query!(
            r#"
            insert into attributes (id, contact_id, key, value, state, source, confidence, note_id, ticket_id, confirmed_by, confirmed_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            on conflict (org_id, contact_id, key, lower(value)) where state <> 'dropped' do update
               set state = case when excluded.state = 'confirmed' then excluded.state else attributes.state end,
                   value = case when excluded.state = 'confirmed' then excluded.value else attributes.value end,
                   confirmed_by = coalesce(attributes.confirmed_by, excluded.confirmed_by),
                   confirmed_at = coalesce(attributes.confirmed_at, excluded.confirmed_at)
            returning id, version
            "#,
            self.id.unwrap_or_default().0,
            self.contact_id.0,
            key,
            value,
            state as AttributeState,
            source,
            self.confidence,
            self.note_id.map(|n| n.0),
            self.ticket_id.map(|t| t.0),
            by.map(|m| m.0),
            at
        )
        .fetch_one(cx.db())
        .await?;
        index(cx, self.contact_id).await?;
        let event = if is_confirmed { "attribute.confirmed" } else { "attribute.proposed" };
        cx.event(event, about(self.contact_id), json!({ "key": key, "value": value, "source": source, "confidence": self.confidence }))
            .await?;
        Ok(Written { id: row.id, version: row.version })
    }
}

struct Fact {
    contact: ContactId,
    key: String,
    value: String,
    state: AttributeState,
    version: i32,
}

async fn fact(cx: &mut Cx<'_>, id: AttributeId) -> Result<Fact> {
    let fact = sqlx::query_as!(
        Fact,
        r#"select contact_id as "contact: ContactId", key, value, state as "state: AttributeState", version from attributes where id = $1 for update"#,
        id.0
    )
    .fetch_optional(cx.db())
    .await?
    .ok_or(Error::NotFound)?;
    active(cx, fact.contact).await?;
    Ok(fact)
}

impl Action for ConfirmAttribute {
    const NAME: &'static str = "attribute.confirm";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = Written;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("attributes", self.attribute_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let fact = fact(cx, self.attribute_id).await?;
        let mut errors = FieldErrors::default();
        let value = self.value.as_deref().map(|v| redact::redact(&line(&mut errors, "value", v, 500)).text).unwrap_or(fact.value.clone());
        if value.is_empty() {
            errors.add("value", "Say what the fact is.");
        }
        errors.into_result()?;
        if fact.state == AttributeState::Confirmed && value == fact.value {
            return Ok(Written { id: self.attribute_id.0, version: fact.version });
        }
        let (by, now) = (cx.who.member, cx.now());
        let version = sqlx::query_scalar!(
            "update attributes set state = 'confirmed', value = $2, confirmed_by = $3, confirmed_at = $4 where id = $1 returning version",
            self.attribute_id.0,
            value,
            by.map(|m| m.0),
            now
        )
        .fetch_one(cx.db())
        .await?;
        index(cx, fact.contact).await?;
        cx.event("attribute.confirmed", about(fact.contact), json!({ "key": fact.key, "value": value })).await?;
        Ok(Written { id: self.attribute_id.0, version })
    }
}

impl Action for RemoveAttribute {
    const NAME: &'static str = "attribute.remove";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = Written;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("attributes", self.attribute_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let fact = fact(cx, self.attribute_id).await?;
        if fact.state == AttributeState::Dropped {
            return Ok(Written { id: self.attribute_id.0, version: fact.version });
        }
        let version = sqlx::query_scalar!("update attributes set state = 'dropped' where id = $1 returning version", self.attribute_id.0)
            .fetch_one(cx.db())
            .await?;
        index(cx, fact.contact).await?;
        cx.event("attribute.dropped", about(fact.contact), json!({ "key": fact.key, "value": fact.value })).await?;
        Ok(Written { id: self.attribute_id.0, version })
    }
}
