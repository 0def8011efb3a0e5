//! Detects changes while a person fills in the wizard: another device has saved, or the office has changed the ticket's lines. Neither is
//! overwritten before the person has seen it.

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

/// The filling session that a draft comes from: one opening of the wizard on one device.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct Filling {
    /// Made by the device when it opens the wizard; left out by pages without JavaScript.
    #[serde(default)]
    pub key: Option<String>,
    /// How many times the draft had been saved when it was shown; left out, nothing is compared.
    #[serde(default)]
    pub seen: Option<i32>,
}

impl Filling {
    /// Returns a conflict with the saved close-out if another filling session has saved a different draft that this one has not seen.
    pub fn check(&self, cx: &Cx<'_>, kept: &Closeout, mine: &Draft) -> Result<()> {
        let seen = self.seen.unwrap_or(i32::MAX);
        let same_phone = self.key == kept.filling && (self.key.is_some() || kept.saved_by == cx.who.member);
        // A page without JavaScript, reached by the browser's Back, is still the same person's.
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

/// Returns the draft without the attributes found in the notes, which do not count as a difference.
fn typed(draft: &Draft) -> Draft {
    Draft { attributes: Vec::new(), lines_seen: None, ..draft.clone() }
}

/// Returns a hash of a ticket's lines and of whether the price is an estimate, to notice changes.
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

/// Returns a conflict with both versions if the ticket's lines have changed since `mine` was filled in; else updates `mine.lines_seen`
/// and returns the lines.
pub async fn same_lines(cx: &mut Cx<'_>, ticket: &Ticket, kept: &Closeout, mine: &mut Draft) -> Result<Vec<Line>> {
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
    Ok(lines)
}
