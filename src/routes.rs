//! Every URL and who may use it: the product's table of contents. axum's router can't list its paths at run time, so this table is our
//! own, and `tests/it/isolation.rs` checks each of its routes.

use axum::{
    Extension, Router,
    handler::Handler,
    http::Method,
    routing::{MethodRouter, on},
};

use crate::platform::{app::App, assets, observe, role::Permission, tenant::Needs};
// One line a slice, so that slices come and go without touching each other's lines.
use crate::api;
use crate::business;
use crate::catalogue;
use crate::closeout;
use crate::confirm;
use crate::contacts;
use crate::delivery;
use crate::demo;
use crate::exports;
use crate::history;
use crate::identity;
use crate::imports;
use crate::invoices;
use crate::live;
use crate::payments;
use crate::tickets;
use crate::today;
use crate::ui;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; shows no data of a business.
    Public,
    /// A signed-in person, with or without a business.
    SignedIn,
    /// A member whose role allows it.
    Member(Permission),
    /// A customer with a public link's token.
    Link,
}

/// One entry of the table.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    handler: MethodRouter<App>,
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
    Route { method, path, access, handler }
}

fn get<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    route(Method::GET, path, access, handler)
}

fn post<H: Handler<T, App>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    route(Method::POST, path, access, handler)
}

/// Returns every route of the product.
pub fn table() -> Vec<Route> {
    use Access::{Link, Member, Public, SignedIn};
    use Permission::{Any, DraftMoney, HandleMoney, ManageSettings, ManageTeam, ReadMoney, ReadRecords, Send, WriteRecords};
    vec![
        // Files and icons; health for the operator.
        get("/assets/{name}", Access::Public, assets::hashed),
        get("/favicon.svg", Access::Public, assets::favicon),
        get("/apple-touch-icon.png", Access::Public, assets::touch_icon),
        get("/manifest.webmanifest", Access::Public, assets::manifest),
        // Offline: the service worker, and the page it shows in place of pages it has not kept.
        get("/sw.js", Access::Public, assets::worker),
        get("/offline", Access::Public, ui::offline),
        get("/healthz", Access::Public, observe::healthz),
        get("/readyz", Access::Public, observe::readyz),
        get("/metrics", Access::Public, observe::metrics),
        // Signing in and choosing a business.
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
        post("/settings/logo", Member(ManageSettings), business::web::settings::save_logo),
        get("/settings/hours", Member(ManageSettings), business::web::settings::hours),
        post("/settings/hours", Member(ManageSettings), business::web::settings::save_hours),
        post("/settings/checklist", Member(ManageSettings), business::web::settings::skip),
        get("/settings/stripe", Member(ManageSettings), business::web::stripe::show),
        post("/settings/stripe", Member(ManageSettings), business::web::stripe::save),
        post("/settings/stripe/check", Member(ManageSettings), business::web::stripe::check),
        post("/settings/stripe/disconnect", Member(ManageSettings), business::web::stripe::disconnect),
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
        // The demo's own sign-in; not found in other processes.
        post("/demo/sign-in", Public, demo::web::sign_in),
        // The member's own sessions.
        get("/settings/sessions", Member(Any), identity::web::sessions),
        post("/settings/sessions/revoke-others", Member(Any), identity::web::revoke_others),
        post("/settings/sessions/{id}/revoke", Member(Any), identity::web::revoke),
        // Customers.
        get("/contacts", Member(ReadRecords), contacts::web::index),
        get("/contacts/suggest", Member(ReadRecords), contacts::web::suggest),
        get("/contacts/new", Member(WriteRecords), contacts::web::new),
        post("/contacts/new", Member(WriteRecords), contacts::web::create),
        get("/contacts/{id}", Member(ReadRecords), contacts::web::show),
        get("/contacts/{id}/timeline", Member(ReadRecords), contacts::web::timeline),
        get("/contacts/{id}/edit", Member(WriteRecords), contacts::web::edit),
        post("/contacts/{id}/edit", Member(WriteRecords), contacts::web::update),
        post("/contacts/{id}/archive", Member(WriteRecords), contacts::web::archive),
        post("/contacts/{id}/restore", Member(WriteRecords), contacts::web::restore),
        post("/contacts/{id}/notes", Member(WriteRecords), contacts::web::note),
        post("/contacts/{id}/attributes", Member(WriteRecords), contacts::web::attribute_set),
        get("/contacts/{id}/addresses/new", Member(WriteRecords), contacts::web::address_new),
        post("/contacts/{id}/addresses/new", Member(WriteRecords), contacts::web::address_create),
        get("/addresses/{id}/edit", Member(WriteRecords), contacts::web::address_edit),
        post("/addresses/{id}/edit", Member(WriteRecords), contacts::web::address_update),
        post("/addresses/{id}/archive", Member(WriteRecords), contacts::web::address_archive),
        post("/attributes/{id}/confirm", Member(WriteRecords), contacts::web::attribute_confirm),
        post("/attributes/{id}/remove", Member(WriteRecords), contacts::web::attribute_remove),
        post("/duplicates/{id}/dismiss", Member(WriteRecords), contacts::web::dismiss),
        // Catalogue and taxes.
        get("/catalogue", Member(ReadRecords), catalogue::web::index),
        get("/catalogue/new", Member(ManageSettings), catalogue::web::new),
        post("/catalogue/new", Member(ManageSettings), catalogue::web::create),
        get("/catalogue/{id}/edit", Member(ManageSettings), catalogue::web::edit),
        post("/catalogue/{id}/edit", Member(ManageSettings), catalogue::web::update),
        post("/catalogue/{id}/archive", Member(ManageSettings), catalogue::web::archive),
        post("/catalogue/{id}/restore", Member(ManageSettings), catalogue::web::restore),
        get("/settings/taxes", Member(ManageSettings), catalogue::web::taxes),
        post("/settings/taxes", Member(ManageSettings), catalogue::web::tax_create),
        get("/settings/taxes/{id}", Member(ManageSettings), catalogue::web::tax_edit),
        post("/settings/taxes/{id}", Member(ManageSettings), catalogue::web::tax_update),
        post("/settings/taxes/{id}/archive", Member(ManageSettings), catalogue::web::tax_archive),
        // Home.
        get("/", Member(ReadRecords), today::web::home),
        get("/more", Member(Any), ui::more),
        get("/live", Member(ReadRecords), live::web::stream),
        get("/notices", Member(ReadRecords), today::web::notices),
        get("/keep", Member(ReadRecords), today::keep::pages),
        post("/notices/{id}/resolve", Member(WriteRecords), today::web::resolve),
        post("/jobs/{job}/again", Member(ManageSettings), today::web::run_again),
        // Tickets and the calendar.
        get("/calendar", Member(ReadRecords), tickets::web::calendar),
        get("/calendar/sheet", Member(ReadRecords), tickets::web::sheet),
        get("/tickets", Member(ReadRecords), tickets::web::index),
        post("/tickets", Member(WriteRecords), tickets::web::create),
        get("/tickets/new", Member(WriteRecords), tickets::web::new),
        get("/tickets/{id}", Member(ReadRecords), tickets::web::show),
        get("/tickets/{id}/edit", Member(WriteRecords), tickets::web::edit_form),
        post("/tickets/{id}/edit", Member(WriteRecords), tickets::web::edit),
        get("/tickets/{id}/move", Member(WriteRecords), tickets::web::reschedule_form),
        post("/tickets/{id}/move", Member(WriteRecords), tickets::web::reschedule),
        get("/tickets/{id}/assign", Member(WriteRecords), tickets::web::assign_form),
        post("/tickets/{id}/assign", Member(WriteRecords), tickets::web::assign),
        get("/tickets/{id}/cancel", Member(WriteRecords), tickets::web::cancel_form),
        post("/tickets/{id}/cancel", Member(WriteRecords), tickets::web::cancel),
        get("/tickets/{id}/answer", Member(WriteRecords), tickets::web::answer_form),
        post("/tickets/{id}/answer", Member(WriteRecords), tickets::web::answer),
        post("/tickets/{id}/clock-in", Member(WriteRecords), tickets::web::clock_in),
        post("/tickets/{id}/clock-out", Member(WriteRecords), tickets::web::clock_out),
        post("/tickets/{id}/clock-undo", Member(WriteRecords), tickets::web::undo_clock_in),
        get("/tickets/{id}/clock/{clock_id}", Member(WriteRecords), tickets::web::correct_form),
        post("/tickets/{id}/clock/{clock_id}", Member(WriteRecords), tickets::web::correct),
        get("/tickets/{id}/lines/new", Member(WriteRecords), tickets::web::add_line_form),
        post("/tickets/{id}/lines/new", Member(WriteRecords), tickets::web::add_line),
        get("/tickets/{id}/lines/{line_id}", Member(WriteRecords), tickets::web::update_line_form),
        post("/tickets/{id}/lines/{line_id}", Member(WriteRecords), tickets::web::update_line),
        post("/tickets/{id}/lines/{line_id}/remove", Member(WriteRecords), tickets::web::remove_line),
        // History and export.
        get("/history", Member(ManageSettings), history::web::index),
        get("/history/{table}/{id}", Member(ReadRecords), history::web::record),
        get("/settings/export", Member(ManageSettings), exports::web::index),
        post("/settings/export", Member(ManageSettings), exports::web::create),
        get("/settings/export/{id}", Member(ManageSettings), exports::web::download),
        // Close-out.
        get("/tickets/{id}/closeout", Member(WriteRecords), closeout::web::resume),
        post("/tickets/{id}/closeout", Member(WriteRecords), closeout::web::start),
        post("/tickets/{id}/closeout/abandon", Member(WriteRecords), closeout::web::abandon),
        get("/tickets/{id}/closeout/money", Member(WriteRecords), closeout::money::show),
        post("/tickets/{id}/closeout/money", Member(WriteRecords), closeout::money::settle),
        get("/tickets/{id}/closeout/{step}", Member(WriteRecords), closeout::web::show),
        post("/tickets/{id}/closeout/{step}", Member(WriteRecords), closeout::web::save),
        // Asking for confirmation, and the customer's answer.
        get("/tickets/{id}/confirmation", Member(ReadRecords), confirm::web::desk::show),
        get("/tickets/{id}/confirmation/print", Member(Send), confirm::web::desk::print),
        post("/tickets/{id}/confirmation/ask", Member(Send), confirm::web::desk::ask),
        post("/tickets/{id}/confirmation/record", Member(WriteRecords), confirm::web::desk::record),
        post("/tickets/{id}/confirmation/renew", Member(Send), confirm::web::desk::renew),
        get("/c/{token}", Link, confirm::web::public::show),
        post("/c/{token}", Link, confirm::web::public::answer),
        // Messages.
        get("/messages", Member(ReadRecords), delivery::web::desk::index),
        post("/messages", Member(Send), delivery::web::plan::create),
        get("/messages/new", Member(Send), delivery::web::plan::new),
        get("/messages/{id}", Member(ReadRecords), delivery::web::desk::show),
        post("/messages/{id}", Member(Send), delivery::web::desk::update),
        post("/messages/{id}/cancel", Member(Send), delivery::web::desk::cancel),
        post("/messages/{id}/send", Member(Send), delivery::web::desk::send_now),
        post("/messages/{id}/done", Member(Send), delivery::web::desk::told),
        post("/messages/{id}/retry", Member(Send), delivery::web::desk::retry),
        post("/messages/{id}/sent", Member(Send), delivery::web::desk::mark_sent),
        get("/settings/messages", Member(ManageSettings), delivery::web::words::index),
        get("/settings/messages/{kind}", Member(ManageSettings), delivery::web::words::edit),
        post("/settings/messages/{kind}", Member(ManageSettings), delivery::web::words::save),
        post("/settings/messages/{kind}/reset", Member(ManageSettings), delivery::web::words::reset),
        get("/u/{token}", Link, delivery::web::unsubscribe::show),
        post("/u/{token}", Link, delivery::web::unsubscribe::unsubscribe),
        get("/demo/mail", Member(Any), delivery::web::outbox::index),
        get("/demo/mail/{name}", Member(Any), delivery::web::outbox::show),
        // Invoices and payments.
        get("/invoices", Member(ReadMoney), invoices::web::index),
        get("/invoices/new", Member(DraftMoney), invoices::web::new),
        post("/invoices/new", Member(DraftMoney), invoices::web::create),
        get("/invoices/{id}", Member(ReadMoney), payments::web::desk::show),
        get("/invoices/{id}/edit", Member(DraftMoney), invoices::web::edit),
        post("/invoices/{id}/edit", Member(DraftMoney), invoices::web::update),
        get("/invoices/{id}/send", Member(Send), invoices::web::send_form),
        post("/invoices/{id}/send", Member(Send), invoices::web::send),
        post("/invoices/{id}/issue", Member(Send), invoices::web::issue),
        post("/invoices/{id}/link", Member(Send), invoices::web::renew_link),
        get("/invoices/{id}/collect", Member(ReadMoney), payments::web::desk::collect),
        get("/invoices/{id}/pdf", Member(ReadMoney), invoices::web::pdf),
        get("/invoices/{id}/print", Member(ReadMoney), invoices::web::print),
        get("/invoices/{id}/void", Member(HandleMoney), invoices::web::void_form),
        post("/invoices/{id}/void", Member(HandleMoney), invoices::web::void),
        get("/invoices/{id}/payments/new", Member(HandleMoney), payments::web::record::form),
        post("/invoices/{id}/payments/new", Member(HandleMoney), payments::web::record::record),
        post("/tickets/{id}/invoice", Member(DraftMoney), invoices::web::from_ticket),
        get("/payments", Member(ReadMoney), payments::web::list::index),
        get("/payments/{id}", Member(ReadMoney), payments::web::record::show),
        post("/payments/{id}/refund", Member(HandleMoney), payments::web::record::refund),
        get("/settings/webhooks", Member(ManageSettings), payments::web::events::index),
        post("/settings/webhooks/{id}/reprocess", Member(ManageSettings), payments::web::events::reprocess),
        get("/i/{token}", Link, payments::web::public::show),
        post("/i/{token}", Link, payments::web::public::pay),
        get("/i/{token}/pdf", Link, payments::web::public::pdf),
        // Stripe's webhooks: authenticated by signature.
        post("/api/webhooks/stripe", Public, payments::web::webhook::of_instance),
        post("/api/webhooks/stripe/{id}", Public, payments::web::webhook::of_connection),
        // A simulation of Stripe; not found unless this process is the demo.
        post("/demo/stripe/v1/customers", Public, payments::simulated::create_customer),
        post("/demo/stripe/v1/checkout/sessions", Public, payments::simulated::create_session),
        get("/demo/stripe/v1/checkout/sessions/{session}", Public, payments::simulated::retrieve_session),
        post("/demo/stripe/v1/checkout/sessions/{session}/expire", Public, payments::simulated::expire_session),
        post("/demo/stripe/v1/refunds", Public, payments::simulated::create_refund),
        get("/demo/stripe/pay/{session}", Public, payments::simulated::page),
        post("/demo/stripe/pay/{session}", Public, payments::simulated::answer),
        // Imports.
        get("/imports", Member(ManageSettings), imports::web::index),
        post("/imports", Member(ManageSettings), imports::web::upload),
        get("/imports/{id}", Member(ManageSettings), imports::web::show),
        get("/imports/{id}/refused.csv", Member(ManageSettings), imports::web::refused),
        post("/imports/{id}/columns", Member(ManageSettings), imports::web::map),
        post("/imports/{id}/run", Member(ManageSettings), imports::web::run),
        post("/imports/{id}/undo", Member(ManageSettings), imports::web::undo),
        // The API for programs.
        post("/api/actions", Member(Any), api::act),
        get("/api/data", Member(ReadRecords), api::data),
        get("/api/capabilities", Member(Any), api::capabilities),
    ]
}

/// The router of the table alone; `http::router` puts the layers around it.
pub fn router() -> Router<App> {
    table().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler))
}
