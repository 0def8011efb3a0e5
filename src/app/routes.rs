//! EVERY url and who may use it: the areas' route tables joined. `rounds routes` prints the whole.

use axum::Router;
use platform::{
    app::App,
    assets, observe,
    role::Permission,
    route::{self, Access, Route, get, post},
};

use crate::demo;

/// The whole table.
pub fn table() -> Vec<Route> {
    [
        own(),
        office::routes::routes(),
        customers::routes::routes(),
        work::routes::routes(),
        money::routes::routes(),
        flows::routes::routes(),
        views::routes::routes(),
        doors::routes::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Files, health, the demo's way in: what belongs to no area.
fn own() -> Vec<Route> {
    use Access::Public;
    vec![
        get("/assets/{name}", Public, assets::hashed),
        get("/favicon.svg", Public, assets::favicon),
        get("/apple-touch-icon.png", Public, assets::touch_icon),
        get("/manifest.webmanifest", Public, assets::manifest),
        // Without a link: the service worker, and the page it shows for what was not kept.
        get("/sw.js", Public, assets::worker),
        get("/offline", Public, ui::offline),
        get("/healthz", Public, observe::healthz),
        get("/readyz", Public, observe::readyz),
        get("/metrics", Public, observe::metrics),
        get("/more", Access::Member(Permission::Any), ui::more),
        // The demo's own way in; elsewhere it is not there.
        post("/demo/sign-in", Public, demo::web::sign_in),
    ]
}

/// The router of the table alone; `http::router` puts the layers around it.
pub fn router() -> Router<App> {
    route::router(table())
}

/// The table as text, a line a route: method, path, who may use it.
pub fn printed() -> String {
    let mut lines: Vec<String> = table()
        .iter()
        .map(|r| {
            let access = match r.access {
                Access::Public => "anybody".to_owned(),
                Access::SignedIn => "signed in".to_owned(),
                Access::Link => "holder of the link".to_owned(),
                Access::Member(permission) => format!("member: {permission:?}"),
            };
            format!("{:<5} {:<50} {access}", r.method.as_str(), r.path)
        })
        .collect();
    lines.sort_by(|a, b| a[6..].cmp(&b[6..]));
    lines.join("\n")
}
