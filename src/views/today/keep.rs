//! The pages of today and tomorrow that a phone caches for offline use.

use std::collections::HashMap;

use axum::{
    Json,
    http::{HeaderName, HeaderValue, header},
};
use serde::Serialize;
use uuid::Uuid;

use platform::{assets, error::Result, role::Capability, tenant::Read};
use work::tickets::{TicketState, data::day};

/// The most visits whose pages are cached; a technician has fewer in two days.
const AT_MOST: usize = 40;

/// Paths in the order of fetching, each with a version that changes whenever the page may have changed.
#[derive(Debug, Serialize)]
pub struct Keep {
    pages: Vec<(String, String)>,
}

/// `GET /keep`: read by the service worker, which fetches the pages with a new version.
pub async fn pages(mut r: Read) -> Result<([(HeaderName, HeaderValue); 1], Json<Keep>)> {
    let who = r.who.clone();
    let (today, schedules) = (who.today(), who.has(Capability::Scheduling));
    let tomorrow = today.succ_opt().unwrap_or(today);
    let mut visits = Vec::new();
    if schedules {
        visits = day(r.db(), &who, today).await?;
        visits.extend(day(r.db(), &who, tomorrow).await?);
        visits.retain(|t| matches!(t.state, TicketState::Scheduled | TicketState::InProgress));
        visits.truncate(AT_MOST);
    }
    let contacts: Vec<Uuid> = visits.iter().map(|t| t.contact_id.0).collect();
    let rows = sqlx::query!(
        r#"select null::uuid as contact, coalesce(max(id), 0) as "last!" from (select id from events order by id desc limit 1) newest
           union all
           select contact_id, max(id) from events where contact_id = any($1) group by contact_id"#,
        &contacts
    )
    .fetch_all(r.db())
    .await?;
    let last: HashMap<Option<Uuid>, i64> = rows.into_iter().map(|row| (row.contact, row.last)).collect();
    let ids: Vec<Uuid> = visits.iter().map(|t| t.id.0).collect();
    let lines = sqlx::query!("select ticket_id, id from ticket_lines where ticket_id = any($1)", &ids).fetch_all(r.db()).await?;
    // The same records give other pages on another day or in another release.
    let mark = |contact: Option<Uuid>| format!("{}.{today}.{}", assets::release(), last.get(&contact).copied().unwrap_or_default());
    let mut pages = vec![("/".to_owned(), mark(None))];
    if schedules {
        pages.push(("/calendar".into(), mark(None)));
        pages.extend([today, tomorrow].map(|date| (format!("/calendar?view=day&date={date}&technician="), mark(None))));
    }
    for t in &visits {
        let mark = mark(Some(t.contact_id.0));
        pages.push((format!("/tickets/{}", t.id), mark.clone()));
        pages.push((format!("/tickets/{}/closeout", t.id), mark.clone()));
        pages.push((format!("/tickets/{}/lines/new", t.id), mark.clone()));
        pages.extend(lines.iter().filter(|l| l.ticket_id == t.id.0).map(|l| (format!("/tickets/{}/lines/{}", t.id, l.id), mark.clone())));
        pages.push((format!("/contacts/{}", t.contact_id), mark));
    }
    pages.dedup();
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(Keep { pages })))
}
