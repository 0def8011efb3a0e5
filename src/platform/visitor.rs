//! Access by public link, without an account: thirty requests per minute and network address; wrong tokens are slowed down.

use std::time::Duration;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use uuid::Uuid;

use super::{
    app::App,
    error::{Error, Result},
    links::LinkKind,
    rate,
    secrets::digest,
    tenant::{Door, Origin, Read, Write, origin},
};

/// Requests allowed per minute and network address.
const PER_MINUTE: i32 = 30;
/// Wrong tokens allowed per ten minutes and network address; each further one is `RateLimited`.
const WRONG: i32 = 20;
/// Delay after each wrong token: it makes guessing hopeless, but hardly matters to a person with a mistyped link.
const WRONG_COSTS: Duration = Duration::from_millis(500);

/// A request to `/…/{token}`. Its token is not verified yet; `read` and `write` do that.
pub struct Visitor {
    app: App,
    origin: Origin,
    pub token: String,
}

/// The record that a link opens.
#[derive(Debug, Clone, Copy)]
pub struct Opened {
    pub subject: Uuid,
    /// Set if a newer link replaced this one: show an explanation and no data.
    pub is_revoked: bool,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Path(path) = Path::<Vec<(String, String)>>::from_request_parts(parts, app).await.map_err(|_| Error::NotFound)?;
        let token = path.into_iter().find(|(name, _)| name == "token").map(|(_, token)| token).ok_or(Error::NotFound)?;
        let origin = origin(parts, app);
        rate::limit(app, &format!("link:{}", origin.counted()), PER_MINUTE, 60).await?;
        Ok(Self { app: app.clone(), origin, token })
    }
}

impl Visitor {
    /// Opens a read of the link's business; returns it with the link's record. Errors: `NotFound` for a wrong token or one of another kind.
    pub async fn read(&self, kind: LinkKind) -> Result<(Read, Opened)> {
        let mut read = match Read::through(&self.app, &self.door(), &self.origin, false).await {
            Err(Error::Unauthorized) => return self.wrong().await,
            read => read?,
        };
        let link = read.link().await?;
        if link.kind != kind.name() {
            drop(read);
            return self.wrong().await;
        }
        Ok((read, Opened { subject: link.subject_id, is_revoked: link.revoked }))
    }

    /// Opens a write limited to what customers may do. Errors: `NotFound` for a wrong token.
    pub async fn write(&self) -> Result<Write> {
        match Write::through(&self.app, self.door(), &self.origin).await {
            Err(Error::Unauthorized) => self.wrong().await,
            write => write,
        }
    }

    pub fn app(&self) -> &App {
        &self.app
    }

    fn door(&self) -> Door {
        Door::Link(digest(self.token.as_bytes()))
    }

    async fn wrong<T>(&self) -> Result<T> {
        rate::limit(&self.app, &format!("wrong-link:{}", self.origin.counted()), WRONG, 600).await?;
        tokio::time::sleep(WRONG_COSTS).await;
        Err(Error::NotFound)
    }
}
