//! The frame around the content of every signed-in page: built by `Read::head`, completed by the handler.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use platform::{
    menu::{MenuEntry, Place},
    role::Capability,
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
    /// The menu's entries that this member may open.
    pub menu: Vec<&'static MenuEntry>,
    /// Notices that need a person, if any: the number beside "Today".
    pub notices: Option<i64>,
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
            menu: Vec::new(),
            notices: None,
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

    /// The entries of any of these places that this member may open.
    pub fn listed(&self, places: &[Place]) -> Vec<&'static MenuEntry> {
        self.menu.iter().copied().filter(|e| places.iter().any(|p| e.is_at(*p))).collect()
    }

    /// "New ticket", if this member may make one.
    pub fn plus(&self) -> Option<&'static MenuEntry> {
        self.listed(&[Place::Plus]).pop()
    }

    /// The entries of the phone's bar and the sidebar.
    pub fn navigation(&self) -> Vec<&'static MenuEntry> {
        self.listed(&[Place::Bar, Place::Side, Place::Phone, Place::Plus])
    }

    /// Whether the page belongs to this entry of the navigation. To a phone, all that is not in its bar belongs to *More*.
    pub fn is_here(&self, entry: &MenuEntry) -> bool {
        let is_more = || entry.is_at(Place::Phone) && self.menu.iter().any(|e| e.is_at(Place::Side) && e.icon == self.nav);
        entry.icon == self.nav || is_more()
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
            menu: read.menu.iter().filter(|e| e.is_open_to(who)).collect(),
            notices: (header.notices > 0).then_some(header.notices),
            since: header.since,
            ..Self::new(nav, who.org.0, who.zone, who.now)
        }
    }
}
