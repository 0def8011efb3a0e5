//! The owner's own template for each kind of message.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{super::MessageKind, desk::check_words};
use platform::{
    action::{Action, Cx, Subject},
    error::{FieldErrors, Result},
    ids::TemplateId,
    redact::redact,
    role::Permission,
};

/// Replaces subject and body of a kind: plain text with variables.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct SetTemplate {
    pub kind: MessageKind,
    pub subject: String,
    pub body: String,
}

impl Action for SetTemplate {
    const NAME: &'static str = "template.set";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = TemplateId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<TemplateId> {
        let mut errors = FieldErrors::default();
        if !MessageKind::EDITABLE.contains(&self.kind) {
            errors.add("kind", "The words of this kind are fixed.");
        }
        for (field, text) in [("subject", &self.subject), ("body", &self.body)] {
            if text.trim().is_empty() {
                errors.add(field, "This can't be empty. Use “Reset” for our own words.");
            }
        }
        check_words(&mut errors, self.kind, Some(&self.subject), Some(&self.body));
        errors.into_result()?;
        let id = sqlx::query_scalar!(
            r#"
            insert into message_templates (id, kind, subject, body) values ($1, $2, $3, $4)
            on conflict (org_id, kind) do update set subject = excluded.subject, body = excluded.body
            returning id as "id: TemplateId"
            "#,
            TemplateId::new().0,
            self.kind as MessageKind,
            redact(self.subject.trim()).text,
            redact(self.body.trim()).text.replace("\r\n", "\n")
        )
        .fetch_one(cx.db())
        .await?;
        cx.event("template.set", Subject { kind: "template", id: id.0, contact: None }, json!({ "kind": self.kind })).await?;
        Ok(id)
    }
}

/// Resets a kind to the default template.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub struct ResetTemplate {
    pub kind: MessageKind,
}

impl Action for ResetTemplate {
    const NAME: &'static str = "template.reset";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = ();

    async fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let id = sqlx::query_scalar!("delete from message_templates where kind = $1 returning id", self.kind as MessageKind)
            .fetch_optional(cx.db())
            .await?;
        if let Some(id) = id {
            cx.event("template.reset", Subject { kind: "template", id, contact: None }, json!({ "kind": self.kind })).await?;
        }
        Ok(())
    }
}
