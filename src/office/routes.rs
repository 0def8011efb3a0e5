//! The routes of this area; `app::routes` joins them all.

use platform::{
    role::Permission,
    route::{Access, Route, get, post},
};

use crate::{business, identity};

/// Every route of this area, and who may use it.
pub fn routes() -> Vec<Route> {
    use Access::{Member, Public, SignedIn};
    use Permission::{Any, ManageSettings, ManageTeam};
    vec![
        // Coming in.
        get("/sign-in", Public, identity::web::form),
        post("/sign-in", Public, identity::web::ask),
        get("/sign-in/code", Public, identity::web::code_form),
        post("/sign-in/code", Public, business::web::enter::by_code),
        get("/sign-in/{token}", Public, identity::web::link),
        post("/sign-in/{token}", Public, business::web::enter::by_link),
        post("/sign-out", SignedIn, identity::web::sign_out),
        get("/businesses", SignedIn, business::web::enter::index),
        post("/businesses", Public, business::web::enter::create),
        get("/businesses/new", Public, business::web::enter::new),
        post("/businesses/{id}/enter", SignedIn, business::web::enter::switch),
        // Settings.
        get("/settings", Member(Any), business::web::settings::index),
        get("/settings/business", Member(ManageSettings), business::web::settings::business),
        post("/settings/business", Member(ManageSettings), business::web::settings::save_business),
        get("/settings/logo", Member(Any), business::web::settings::logo),
        post("/settings/logo", Member(ManageSettings), business::web::settings::save_logo).accepts(business::web::settings::MAX_LOGO_FORM),
        get("/settings/hours", Member(ManageSettings), business::web::settings::hours),
        post("/settings/hours", Member(ManageSettings), business::web::settings::save_hours),
        post("/settings/checklist", Member(ManageSettings), business::web::settings::skip),
        get("/settings/team", Member(ManageTeam), business::web::team::index),
        post("/settings/team", Member(ManageTeam), business::web::team::invite),
        get("/settings/team/new", Member(ManageTeam), business::web::team::new),
        get("/settings/team/{id}", Member(ManageTeam), business::web::team::show),
        post("/settings/team/{id}", Member(ManageTeam), business::web::team::update),
        post("/settings/team/{id}/remove", Member(ManageTeam), business::web::team::remove),
        post("/settings/team/{id}/enable", Member(ManageTeam), business::web::team::enable),
        post("/settings/team/{id}/invite", Member(ManageTeam), business::web::team::invite_again),
        get("/settings/tokens", Member(Any), business::web::tokens::index),
        post("/settings/tokens", Member(Any), business::web::tokens::create),
        post("/settings/tokens/{id}/revoke", Member(Any), business::web::tokens::revoke),
        // One's own sessions.
        get("/settings/sessions", Member(Any), identity::web::sessions),
        post("/settings/sessions/revoke-others", Member(Any), identity::web::revoke_others),
        post("/settings/sessions/{id}/revoke", Member(Any), identity::web::revoke),
    ]
}
