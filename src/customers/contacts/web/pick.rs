//! The customer search that forms of other slices start with; it works without JavaScript.

use crate::contacts::search::{self, Asked, Row};
use platform::{error::Result, tenant::Read};

/// The most customers shown.
const FOUND: i64 = 20;

#[derive(askama::Template)]
#[template(path = "contacts/pick.html")]
struct Pick {
    head: ui::Head,
    form: &'static str,
    search: String,
    found: Vec<Row>,
}

impl Pick {
    fn hint(found: &Row) -> &str {
        [&found.why, &found.town, &found.phone].into_iter().flatten().next().map_or("", String::as_str)
    }
}

/// Renders the page that asks for the customer of `form`, a path; each result leads to `{form}?contact_id=…`.
pub async fn pick(r: &mut Read, head: ui::Head, form: &'static str, search: String) -> Result<ui::Html> {
    let who = r.who.clone();
    let asked = Asked { search: Some(search.clone()), limit: FOUND, ..Asked::default() };
    let found = if search.trim().is_empty() { Vec::new() } else { search::find(r.db(), &who, &asked).await?.rows };
    ui::page(&Pick { head, form, search, found })
}
