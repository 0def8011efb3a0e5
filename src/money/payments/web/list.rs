//! `/payments`: the list of payments with their accounting status.

use axum::extract::Query;
use serde::Deserialize;

use crate::{
    invoices::data::{must_see_money, only_own},
    payments::{
        PaymentMethod, PaymentState,
        data::{self, Filter, Place},
        section::{PaymentRow, row},
    },
};
use platform::{
    error::Result,
    form::href,
    localtime::parse_date,
    query::{decode_cursor, next_cursor},
    role::Capability,
    tenant::Read,
};

const PAGE: i64 = 30;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    search: String,
    state: String,
    method: String,
    from: String,
    until: String,
    after: String,
}

impl Wanted {
    fn href(&self, after: Option<&str>) -> String {
        let parts = [
            ("search", self.search.as_str()),
            ("state", &self.state),
            ("method", &self.method),
            ("from", &self.from),
            ("until", &self.until),
            ("after", after.unwrap_or_default()),
        ];
        href("/payments", &parts)
    }
}

#[derive(askama::Template)]
#[template(path = "payments/index.html")]
struct Index {
    head: ui::Head,
    states: Vec<ui::Choice>,
    methods: Vec<ui::Choice>,
    rows: Vec<PaymentRow>,
    wanted: Wanted,
    next: Option<String>,
    first: Option<String>,
}

/// `GET /payments`
pub async fn index(mut r: Read, Query(wanted): Query<Wanted>) -> Result<ui::Html> {
    r.who.require_capability(Some(Capability::Payments))?;
    must_see_money(&r.who)?;
    let who = r.who.clone();
    let filter = Filter {
        state: PaymentState::of_name(&wanted.state),
        method: PaymentMethod::of_name(&wanted.method),
        from: parse_date(&wanted.from).ok(),
        until: parse_date(&wanted.until).ok(),
        search: Some(wanted.search.clone()),
        only_own: only_own(&who),
        ..Filter::default()
    };
    let after = if wanted.after.is_empty() { None } else { Some(decode_cursor::<Place>(&wanted.after)?) };
    let mut rows = data::list(r.db(), &filter, after, PAGE).await?;
    let next = next_cursor(&mut rows, PAGE, data::place)?;
    let any = || ui::Choice::new("", "Any");
    ui::page(&Index {
        head: ui::Head::of(&r, "invoices").title("Payments").back("/invoices", "Invoices"),
        states: std::iter::once(any()).chain(PaymentState::ALL.map(|s| ui::Choice::new(s.name(), s.word()))).collect(),
        methods: std::iter::once(any()).chain(PaymentMethod::ALL.map(|m| ui::Choice::new(m.name(), m.word()))).collect(),
        rows: rows.into_iter().map(|p| row(&who, p)).collect(),
        next: next.as_deref().map(|c| wanted.href(Some(c))),
        first: (!wanted.after.is_empty()).then(|| wanted.href(None)),
        wanted,
    })
}
