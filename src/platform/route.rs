//! One line of the route table: method, path, who may use it, handler. The router's paths can't be listed at run time, so the table is our own;
//! `tests/it/isolation/` walks it.

use axum::{
    Extension, Router,
    handler::Handler,
    http::Method,
    routing::{MethodRouter, on},
};

use tower_http::limit::RequestBodyLimitLayer;

use crate::{app::App, role::Permission, tenant::Needs};

/// The largest body of a request from somebody who is not signed in, in bytes. A page of theirs posts a few words.
const MAX_STRANGERS_BODY: usize = 64 * 1024;

/// The largest body of a member's request, in bytes.
const MAX_MEMBERS_BODY: usize = 1024 * 1024;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; shows nothing of a business.
    Public,
    /// A signed-in person, with or without a business.
    SignedIn,
    /// A member whose role allows it.
    Member(Permission),
    /// A customer who holds a public link's token.
    Link,
}

/// One line of the table.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    /// The largest body accepted, in bytes; a longer one is refused before it is read.
    pub max_body: usize,
    handler: MethodRouter<App>,
}

impl Route {
    /// Accepts bodies up to `max_body` bytes: for files.
    #[must_use]
    pub fn accepts(self, max_body: usize) -> Self {
        Self { max_body, ..self }
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?}", self.method, self.path, self.access)
    }
}

fn route<H, T>(method: Method, path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, App>,
    T: 'static,
{
    let filter = method.clone().try_into().expect("the table names ordinary methods");
    let mut handler = on(filter, handler);
    if let Access::Member(permission) = access {
        handler = handler.layer(Extension(Needs(permission)));
    }
    let max_body = match access {
        Access::Public | Access::Link => MAX_STRANGERS_BODY,
        Access::SignedIn | Access::Member(_) => MAX_MEMBERS_BODY,
    };
    Route { method, path, access, max_body, handler }
}

/// A GET route.
pub fn get<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    route(Method::GET, path, access, handler)
}

/// A POST route.
pub fn post<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    route(Method::POST, path, access, handler)
}

/// The router of the routes alone, without the layers of `app::http`.
pub fn router(table: Vec<Route>) -> Router<App> {
    table
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.handler.layer(RequestBodyLimitLayer::new(route.max_body))))
}
