//! Reads of notices.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use platform::{
    error::{Error, FieldErrors, Result},
    ids::NoticeId,
    query::{Entry, Listing, Params},
    role::Permission,
    tenant::{Read, Who},
};

/// A notice: something that a person must deal with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Notice {
    pub id: NoticeId,
    pub kind: String,
    pub subject_kind: String,
    pub subject_id: Uuid,
    pub body: String,
    pub created_at: DateTime<Utc>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub resolved_by: Option<String>,
}

impl Notice {
    /// The path of the page on which to deal with it.
    pub fn href(&self) -> String {
        let id = self.subject_id;
        match self.subject_kind.as_str() {
            "ticket" => format!("/tickets/{id}"),
            "invoice" => format!("/invoices/{id}"),
            "message" => format!("/messages/{id}"),
            "contact" => format!("/contacts/{id}"),
            "payment" => format!("/payments/{id}"),
            "webhook_event" => "/settings/webhooks?state=failed".into(),
            "import" => format!("/imports/{id}"),
            _ => "/settings".into(),
        }
    }
}

/// One notice. `NotFound` if the member may not see it.
pub async fn notice(db: &mut PgConnection, who: &Who, id: NoticeId) -> Result<Notice> {
    let asked = Asked { id: Some(id), limit: 1, ..Asked::default() };
    list(db, who, &asked).await?.into_iter().next().ok_or(Error::NotFound)
}

/// The filter and cursor of a list of notices; `None` does not filter.
#[derive(Debug, Default)]
pub struct Asked<'a> {
    pub id: Option<NoticeId>,
    /// True for open notices, false for resolved ones.
    pub open: Option<bool>,
    pub kind: Option<&'a str>,
    /// Text to find in the notice's body.
    pub search: Option<&'a str>,
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// At most `limit` notices that the member may see, newest first.
pub async fn list(db: &mut PgConnection, who: &Who, asked: &Asked<'_>) -> Result<Vec<Notice>> {
    let (at, last) = asked.after.map_or((None, None), |(at, id)| (Some(at), Some(id)));
    let rows = sqlx::query_as!(
        Notice,
        r#"
        select n.id as "id: NoticeId", n.kind, n.subject_kind, n.subject_id, n.body, n.created_at, n.resolved_at, n.resolved_by
          from notices n
         where ($1::uuid is null or n.id = $1) and ($2::bool is null or (n.resolved_at is null) = $2) and ($3::text is null or n.kind = $3)
           and ($4::uuid is null or exists (select from assignments a where a.ticket_id = n.subject_id and a.member_id = $4))
           and ($5::timestamptz is null or (n.created_at, n.id) < ($5, $6::uuid)) and ($8::text is null or strpos(lower(n.body), lower($8)) > 0)
         order by n.created_at desc, n.id desc limit $7
        "#,
        asked.id.map(|i| i.0),
        asked.open,
        asked.kind,
        who.only_own_tickets().map(|m| m.0),
        at,
        last,
        asked.limit,
        asked.search
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// `/api/data?type=notices`: open ones by default; `state=open|resolved|all`.
pub fn notices_query() -> Entry {
    Entry {
        name: "notices",
        needs: Permission::ReadRecords,
        capability: None,
        filters: &["state", "kind"],
        includes: &[],
        run: |read, params| Box::pin(notices(read, params)),
    }
}

async fn notices(read: &mut Read, params: &Params) -> Result<Listing> {
    let who = read.who.clone();
    let open = match (params.filter("state"), params.id) {
        (None, Some(_)) | (Some("all"), _) => None,
        (None | Some("open"), _) => Some(true),
        (Some("resolved"), _) => Some(false),
        _ => return Err(FieldErrors::one("state", "The state is open, resolved or all.")),
    };
    let asked = Asked {
        id: params.id.map(NoticeId),
        open,
        kind: params.filter("kind"),
        search: params.search.as_deref(),
        after: params.after()?,
        limit: params.limit + 1,
    };
    let rows = list(read.db(), &who, &asked).await?;
    Listing::page(rows, params.limit, |n| (n.created_at, n.id.0))
}
