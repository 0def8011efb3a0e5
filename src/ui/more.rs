//! `/more`: everything that has no place in the phone's navigation.

use askama::Template;

use super::{Head, Html, page};
use platform::{
    error::Result,
    menu::{MenuEntry, Place},
    tenant::Read,
};

#[derive(Template)]
#[template(path = "more.html")]
struct More {
    head: Head,
    groups: [(&'static str, Vec<&'static MenuEntry>); 2],
}

/// `GET /more`
///
/// # Errors
/// Only if the template fails.
pub async fn more(r: Read) -> Result<Html> {
    let head = Head::of(&r, "more").title("More");
    let groups = [("Work", head.listed(&[Place::Work])), ("Office", head.listed(&[Place::Office, Place::Demo]))];
    page(&More { head, groups })
}
