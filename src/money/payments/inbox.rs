//! The way in for every provider's events: stored unchanged, then worked off by a job.

use uuid::Uuid;

use super::{actions::StoreEvent, providers::Provider};
use platform::{action::Meta, app::App, error::Result, ids::OrgId, secrets::sha256_hex, tenant::Write};

/// A delivery whose sender is proved.
#[derive(Debug, Clone)]
pub struct Received {
    /// The connection it came for; `None` for the instance-wide account.
    pub connection: Option<Uuid>,
    /// The provider's id and type of the event; empty if the body has none.
    pub id: String,
    pub kind: String,
    pub body: String,
}

/// Stores an event of the business, once, and queues the work. What can't be read is put before the owner.
pub async fn keep(app: &App, org: OrgId, provider: &dyn Provider, received: Received) -> Result<()> {
    let Received { connection, id, kind, body } = received;
    let event = provider.read(&body);
    let or = |text: String, other: String| if text.is_empty() { other } else { text };
    let store = StoreEvent {
        provider: provider.name().to_owned(),
        connection_id: connection,
        event_id: or(id, format!("unreadable_{}", &sha256_hex(&body)[..32])),
        event_type: or(kind, "unreadable".into()),
        occurred_at: event.as_ref().map(|e| e.occurred_at),
        payment: event.as_ref().and_then(|e| e.payment.clone()),
        unreadable: event.is_none().then(|| "It is signed, but not an event that Rounds can read.".to_owned()),
        body,
    };
    Write::of_org(app, org, "job").await?.act(&Meta::default(), store).await?;
    Ok(())
}
