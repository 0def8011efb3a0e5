//! Who is asking: the actor and their business, as the door found them, and what they may do.

use std::{ops::Deref, sync::Arc};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};

use super::{
    error::{Error, Result},
    ids::{LinkId, MemberId, OrgId, SessionId, UserId},
    money::Currency,
    rate,
    role::{Capability, May, Permission, Role},
};

/// Where a request came from; recorded in the audit trail and events.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub request_id: String,
    pub network: String,
}

impl Origin {
    /// The network that rate limits count, empty if unknown.
    pub fn counted(&self) -> String {
        self.network.parse().map(|address| rate::network(address).to_string()).unwrap_or_default()
    }
}

/// The actor, and the business they act in, at one moment. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Who {
    identity: Arc<Identity>,
    pub now: DateTime<Utc>,
}

/// Who somebody is for the length of a request.
#[derive(Debug, Deserialize)]
pub struct Identity {
    pub org: OrgId,
    pub org_name: String,
    #[serde(deserialize_with = "zone")]
    pub zone: Tz,
    pub currency: Currency,
    /// ISO 3166: default region of phone numbers.
    pub country: String,
    pub profile: String,
    pub capabilities_off: Vec<String>,
    pub is_demo: bool,
    pub staff_see_prices: bool,
    pub staff_see_all_tickets: bool,
    /// `None` for a customer with a link, or background work.
    pub role: Option<Role>,
    pub member: Option<MemberId>,
    pub member_name: String,
    pub is_model: bool,
    pub may_send: bool,
    pub user: Option<UserId>,
    pub session: Option<SessionId>,
    pub link: Option<LinkId>,
    /// One of page, api, model, link, import, job.
    pub source: String,
    #[serde(skip)]
    pub origin: Origin,
}

/// A zone that this binary does not know counts as UTC.
fn zone<'de, D: Deserializer<'de>>(name: D) -> Result<Tz, D::Error> {
    Ok(String::deserialize(name)?.parse().unwrap_or(Tz::UTC))
}

impl Deref for Who {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl Who {
    pub(super) fn new(identity: Identity, now: DateTime<Utc>) -> Self {
        Self { identity: Arc::new(identity), now }
    }

    /// Today in the business's zone.
    pub fn today(&self) -> NaiveDate {
        self.now.with_timezone(&self.zone).date_naive()
    }

    /// Looks `what` up in the role table. Background work may do everything; a customer only what `Permission::Customer` covers.
    pub fn may(&self, what: Permission) -> May {
        match (self.role, self.link) {
            (Some(role), _) => role.may(what, self.may_send),
            (None, Some(_)) if what == Permission::Customer => May::Yes,
            (None, Some(_)) => May::No,
            (None, None) => May::Yes,
        }
    }

    pub fn can(&self, what: Permission) -> bool {
        self.may(what) != May::No
    }

    pub fn require(&self, what: Permission) -> Result<May> {
        match self.may(what) {
            May::No => Err(Error::Forbidden),
            may => Ok(may),
        }
    }

    pub fn has(&self, capability: Capability) -> bool {
        !self.capabilities_off.iter().any(|c| c == capability.name())
    }

    pub fn require_capability(&self, capability: Option<Capability>) -> Result<()> {
        match capability {
            Some(c) if !self.has(c) => Err(Error::CapabilityDisabled(c.word())),
            _ => Ok(()),
        }
    }

    /// Returns the member if they may see only their own or assigned records: agents always, staff if the business's settings say so.
    pub fn only_own_tickets(&self) -> Option<MemberId> {
        match self.role {
            Some(Role::Agent) => self.member,
            Some(Role::Staff) if !self.staff_see_all_tickets => self.member,
            _ => None,
        }
    }

    /// Whether prices are shown to this member.
    pub fn sees_prices(&self) -> bool {
        self.staff_see_prices || !matches!(self.role, Some(Role::Staff | Role::Agent))
    }

    /// 'member:<id>', 'model:<id>', 'link:<id>' or the kind of background work, as the audit trail and idempotency keys store it.
    pub fn actor(&self) -> String {
        match (self.member, self.link) {
            (Some(m), _) if self.is_model => format!("model:{m}"),
            (Some(m), _) => format!("member:{m}"),
            (None, Some(l)) => format!("link:{l}"),
            (None, None) => self.source.clone(),
        }
    }
}
