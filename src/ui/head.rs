//! The frame around the content of every signed-in page: built by `Read::head`, completed by the handler.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use platform::{
    role::{Capability, Permission},
    tenant::Read,
};

/// The frame of a page: every page struct holds one as `head`.
#[derive(Debug, Clone)]
pub struct Head {
    /// The page's heading and the document's title.
    pub title: String,
    /// A line under the heading.
    pub sub: String,
    /// Address and label of the "back" link.
    pub back: Option<(String, String)>,
    /// Key of the active navigation entry: `today`, `calendar`, `customers`, `invoices`, `messages`, `catalogue`, `settings`, `more`.
    pub nav: &'static str,
    pub business: String,
    pub member: String,
    /// The role's label: "Owner".
    pub role: String,
    /// Set for a demo business: a banner says that nothing is really sent.
    pub demo: bool,
    pub current: Option<Current>,
    /// The flash message to show.
    pub flash: Option<String>,
    pub can: Can,
    pub counts: Counts,
    /// The business the page's forms are rendered for.
    pub org: Uuid,
    /// The member's id, so that pages kept on a phone are shown to this member only.
    pub who: String,
    /// BCP 47 tag of the page's language.
    pub lang: String,
    /// The business's time zone, in which the page shows all times unless it says otherwise.
    pub zone: Tz,
    /// The instant at which the page is rendered.
    pub now: DateTime<Utc>,
    /// The transaction from which the page's live stream starts (`/live`).
    pub since: String,
    /// The text of the search bar, on the page that shows its results.
    pub query: String,
}

/// The current or next ticket, shown in the header of every page.
#[derive(Debug, Clone)]
pub struct Current {
    pub href: String,
    /// "Now" or "Next".
    pub when: String,
    pub name: String,
    pub starts_at: DateTime<Utc>,
    /// Start of the running clock; `None` if it does not run.
    pub running_since: Option<DateTime<Utc>>,
}

/// What this member may open from the navigation.
#[derive(Debug, Clone, Copy)]
pub struct Can {
    pub scheduling: bool,
    pub invoices: bool,
    pub messages: bool,
    pub settings: bool,
    /// May create tickets: "New ticket" is shown.
    pub create: bool,
}

/// Counts beside the navigation's entries; `None` is not shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Notices that need a person.
    pub today: Option<i64>,
    pub invoices: Option<i64>,
    pub messages: Option<i64>,
}

impl Head {
    /// Creates an empty frame; `nav` is the active entry's key.
    pub fn new(nav: &'static str, org: Uuid, zone: Tz, now: DateTime<Utc>) -> Self {
        Self {
            title: "Rounds".into(),
            sub: String::new(),
            back: None,
            nav,
            business: String::new(),
            member: String::new(),
            role: String::new(),
            demo: false,
            current: None,
            flash: None,
            can: Can { scheduling: true, invoices: true, messages: true, settings: true, create: true },
            counts: Counts::default(),
            org,
            who: String::new(),
            lang: "en".into(),
            zone,
            now,
            since: String::new(),
            query: String::new(),
        }
    }

    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    #[must_use]
    pub fn sub(mut self, sub: impl Into<String>) -> Self {
        self.sub = sub.into();
        self
    }

    /// Sets the "back" link: "‹ label", leading to `href`.
    #[must_use]
    pub fn back(mut self, href: impl Into<String>, label: impl Into<String>) -> Self {
        self.back = Some((href.into(), label.into()));
        self
    }

    /// Whether `key` is the active entry of the navigation.
    pub fn at(&self, key: &str) -> bool {
        self.nav == key
    }

    /// Time since the current ticket's clock was started, as `h:mm`; `None` if it does not run.
    pub fn running(&self) -> Option<String> {
        let since = self.current.as_ref()?.running_since?;
        Some(super::format::clock((self.now - since).num_seconds()))
    }
}

/// The JSON of `app.open_page` that comes with a read.
#[derive(Debug, Default, Deserialize)]
struct Header {
    current: Option<HeaderTicket>,
    #[serde(default)]
    notices: i64,
    #[serde(default)]
    since: String,
}

#[derive(Debug, Deserialize)]
struct HeaderTicket {
    id: Uuid,
    name: Option<String>,
    starts_at: DateTime<Utc>,
    running_since: Option<DateTime<Utc>>,
}

impl Head {
    /// The frame of a page that `read` renders; `nav` is the key of the active entry in the navigation.
    pub fn of(read: &Read, nav: &'static str) -> Self {
        let who = &read.who;
        let header: Header = read.header.as_deref().and_then(|h| serde_json::from_str(h.get()).ok()).unwrap_or_default();
        let current = header.current.map(|t| Current {
            href: format!("/tickets/{}", t.id),
            when: if t.running_since.is_some() || t.starts_at <= who.now { "Now" } else { "Next" }.into(),
            name: t.name.unwrap_or_else(|| "Ticket".into()),
            starts_at: t.starts_at,
            running_since: t.running_since,
        });
        Self {
            business: who.org_name.clone(),
            member: who.member_name.clone(),
            who: who.member.map(|m| m.to_string()).unwrap_or_default(),
            role: who.role.map(|r| r.word().to_owned()).unwrap_or_default(),
            demo: who.is_demo,
            current: current.filter(|_| who.has(Capability::Scheduling)),
            flash: read.flash.clone(),
            can: Can {
                scheduling: who.has(Capability::Scheduling),
                invoices: who.has(Capability::Invoices) && who.can(Permission::ReadMoney),
                messages: who.can(Permission::ReadRecords),
                settings: who.can(Permission::ManageSettings),
                create: who.has(Capability::Scheduling) && who.can(Permission::WriteRecords),
            },
            counts: Counts { today: (header.notices > 0).then_some(header.notices), ..Counts::default() },
            since: header.since,
            ..Self::new(nav, who.org.0, who.zone, who.now)
        }
    }
}
