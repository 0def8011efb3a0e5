//! The menu's entries. `app::menu` names them, a line each, and hands them down in `App`, so that the frame of a page knows no slice.

use crate::{
    role::{Capability, Permission},
    tenant::Who,
};

/// Where an entry is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The phone's bar and the sidebar.
    Bar,
    /// The sidebar; a phone has it under *More*.
    Side,
    /// The phone's bar only.
    Phone,
    /// The round button of the phone's bar, and the button at the head of a page on a desk.
    Plus,
    /// *More*, under "Work".
    Work,
    /// *More*, under "Office".
    Office,
    /// As `Office`, in the demo only.
    Demo,
    /// The list of the settings.
    Settings,
}

/// A page that the menu leads to.
#[derive(Debug)]
pub struct MenuEntry {
    /// The page's address: a GET route without parameters.
    pub href: &'static str,
    pub word: &'static str,
    /// A name of `ui::icon`. In the bar and the sidebar also the key by which a page says where it stands (`ui::Head::of`).
    pub icon: &'static str,
    /// A line under the word, in lists.
    pub hint: &'static str,
    /// Words by which a search finds the page, beside its own word.
    pub search: &'static str,
    /// The permission of the page's route.
    pub permission: Permission,
    /// The function whose switching off hides the entry.
    pub capability: Option<Capability>,
    pub places: &'static [Place],
}

impl MenuEntry {
    /// An entry without hint, search words, capability and places.
    pub const fn new(href: &'static str, word: &'static str, icon: &'static str, permission: Permission) -> Self {
        Self { href, word, icon, hint: "", search: "", permission, capability: None, places: &[] }
    }

    #[must_use]
    pub const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    #[must_use]
    pub const fn search(mut self, words: &'static str) -> Self {
        self.search = words;
        self
    }

    #[must_use]
    pub const fn of(mut self, capability: Capability) -> Self {
        self.capability = Some(capability);
        self
    }

    #[must_use]
    pub const fn at(mut self, places: &'static [Place]) -> Self {
        self.places = places;
        self
    }

    /// Whether the member may open the page.
    pub fn is_open_to(&self, who: &Who) -> bool {
        who.can(self.permission) && self.capability.is_none_or(|c| who.has(c)) && (who.is_demo || !self.is_at(Place::Demo))
    }

    pub fn is_at(&self, place: Place) -> bool {
        self.places.contains(&place)
    }
}
