//! What happened while somebody filled in: another phone saved, or the office changed the ticket's lines. Neither is written over before it
//! was seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Draft, data::Closeout};
use platform::{
    action::Cx,
    error::{Error, Result},
    secrets::sha256_hex,
};
use work::tickets::{
    self,
    data::{Line, Ticket},
};

/// Which filling-in of the wizard a draft comes from.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct Filling {
    /// Made by the phone when the wizard was opened there; pages without script have none.
    #[serde(default)]
    pub key: Option<String>,
    /// How often the draft had been saved when it was shown; left out: nothing is compared.
    #[serde(default)]
    pub seen: Option<i32>,
}

impl Filling {
    /// A conflict, with the kept close-out, if another filling-in has saved something else that this one has not seen.
    pub fn check(&self, cx: &Cx<'_>, kept: &Closeout, mine: &Draft) -> Result<()> {
        let seen = self.seen.unwrap_or(i32::MAX);
        let same_phone = self.key == kept.filling && (self.key.is_some() || kept.saved_by == cx.who.member);
        // A page without script, gone Back to, is still the same person's.
        let same_person = kept.saved_by == cx.who.member && (self.key.is_none() || kept.filling.is_none());
        if kept.saved <= seen || same_phone || same_person || typed(&kept.draft) == typed(mine) {
            return Ok(());
        }
        let by = kept.saved_by_name.as_deref().unwrap_or("Someone else");
        let at = kept.updated_at.with_timezone(&cx.who.zone).format("%-d %b, %H:%M");
        Err(Error::Conflict {
            message: format!(
                "{by} saved this close-out too, on {at}, with other content. Both stand below; nothing of yours is saved yet."
            ),
            current: Some(serde_json::to_value(kept)?),
        })
    }
}

/// What a person types of a draft: what was read from the notes is no difference.
fn typed(draft: &Draft) -> Draft {
    Draft { attributes: Vec::new(), lines_seen: None, ..draft.clone() }
}

/// Tells one state of a ticket's lines from another: what is charged for them, and whether the price is an estimate.
pub fn lines_mark(lines: &[Line], is_estimated: bool) -> String {
    let lines: Vec<_> = lines
        .iter()
        .map(|l| {
            let price = l.unit_price.map(|p| p.normalize());
            json!([l.id, l.service_id, l.kind, l.description, l.quantity.normalize(), price, l.tax_rate_id])
        })
        .collect();
    sha256_hex(&json!([lines, is_estimated]).to_string()).chars().take(16).collect()
}

/// The ticket's lines are still those that `mine` was filled in on, and it says so from now on. A conflict, with both versions, if they are not.
pub async fn same_lines(cx: &mut Cx<'_>, ticket: &Ticket, kept: &Closeout, mine: &mut Draft) -> Result<()> {
    let lines = tickets::data::lines(cx.db(), ticket.id).await?;
    let now = lines_mark(&lines, ticket.is_price_estimated);
    let seen = mine.lines_seen.as_ref().or(kept.draft.lines_seen.as_ref()).filter(|m| !m.is_empty());
    if seen.is_some_and(|seen| *seen != now) {
        return Err(Error::Conflict {
            message: "The services of this ticket were changed while it was closed out. Both stand below; nothing of yours is saved yet."
                .into(),
            current: Some(json!({ "lines_seen": now, "lines": lines, "is_price_estimated": ticket.is_price_estimated, "yours": mine })),
        });
    }
    mine.lines_seen = Some(now);
    Ok(())
}
