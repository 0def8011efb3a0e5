//! Running a form's action and answering: where to go when it is done, or the same page with what was refused.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::Form;
use platform::{
    action::Action,
    conflict::Conflict,
    error::{Error, Result},
    tenant::{Read, Write},
};

impl Form {
    /// Runs the action and answers: `done` says what follows. Refused input gives the page again with 422, a conflict with 409, a provider's
    /// refusal with 502; `page` builds it from a fresh read, and must check again that the member may see what it shows. Any other error is
    /// returned. `action` may be `None` if reading the fields has left errors; with errors it is not run.
    pub async fn run<A: Action, P: Template>(
        mut self,
        w: &Write,
        action: Option<A>,
        done: impl FnOnce(A::Output) -> Response,
        page: impl AsyncFnOnce(&mut Read, Self) -> Result<P>,
    ) -> Result<Response> {
        match self.act(w, action).await? {
            Some(output) => Ok(done(output)),
            None => self.again(w, page).await,
        }
    }

    /// Runs the action. Returns `None` if it is refused, which is then noted in the form.
    pub async fn act<A: Action>(&mut self, w: &Write, action: Option<A>) -> Result<Option<A::Output>> {
        let result = match action {
            Some(action) if self.errors.is_empty() => w.act(&self.meta, action).await,
            _ => Err(Error::Invalid(std::mem::take(&mut self.errors))),
        };
        self.settle(result)
    }

    /// Returns the output. If the action was refused for a reason that the form can show, notes it and returns `None`.
    pub fn settle<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        let error = match result {
            Ok(output) => return Ok(Some(output)),
            // The page of another business or person could not be shown.
            Err(e @ Error::Conflict(Conflict::OtherBusiness(_) | Conflict::OtherMember)) => return Err(e),
            Err(e) => e,
        };
        self.status = error.status();
        match error {
            Error::Invalid(errors) => {
                self.errors = errors;
                return Ok(None);
            }
            Error::Conflict(conflict) => {
                self.notice = conflict.message();
                if let Conflict::Stale { version, .. } = conflict {
                    self.meta.if_version = Some(version);
                }
                self.conflict = Some(conflict);
            }
            Error::Provider(message) => self.notice = message,
            other => return Err(other),
        }
        // What is decided after this is sent anew.
        self.meta.key = None;
        Ok(None)
    }

    /// Answers a refused form with the page that `page` builds.
    pub async fn again<P: Template>(self, w: &Write, page: impl AsyncFnOnce(&mut Read, Self) -> Result<P>) -> Result<Response> {
        let status = self.status;
        let page = page(&mut w.read().await?, self).await?;
        Ok(crate::with_status(status, &page)?.into_response())
    }

    /// The status of the page that shows the form.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}
