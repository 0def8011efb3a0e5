//! The jobs of this area, and when the regular ones run; `app::jobs` joins them all.

use platform::jobs::{Entry, entry};

use crate::{business, identity};

/// Every kind of job of this area.
pub fn jobs() -> Vec<Entry> {
    vec![entry::<identity::jobs::SendSignIn>(), entry::<business::jobs::SendInvitation>()]
}
