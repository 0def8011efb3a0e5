//! What calls of a language model cost, per business and purpose.

use uuid::Uuid;

use crate::{action::Cx, error::Result};

/// Records the tokens of one answer, in the action's own transaction.
pub async fn record(cx: &mut Cx<'_>, purpose: &str, model: &str, prompt_tokens: i32, completion_tokens: i32) -> Result<()> {
    sqlx::query!(
        "insert into llm_usage (id, purpose, model, prompt_tokens, completion_tokens) values ($1, $2, $3, $4, $5)",
        Uuid::now_v7(),
        purpose,
        model,
        prompt_tokens,
        completion_tokens
    )
    .execute(cx.db())
    .await?;
    Ok(())
}
