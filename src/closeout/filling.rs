//! Two phones on one close-out: what the one saved is not written over by the other before it was seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Draft, data::Closeout};
use crate::platform::{
    action::Cx,
    error::{Error, Result},
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
    Draft { attributes: Vec::new(), ..draft.clone() }
}
