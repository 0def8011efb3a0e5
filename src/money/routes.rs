//! The routes of this area; `app::routes` joins them all.

use platform::{
    role::Permission,
    route::{Access, Route, get, post},
};

use crate::{invoices, payments};

/// Every route of this area, and who may use it.
pub fn routes() -> Vec<Route> {
    use Access::{Link, Member};
    use Permission::{DraftMoney, HandleMoney, ManageSettings, ReadMoney, Send};
    let mut routes = vec![
        // Invoices and payments.
        get("/invoices", Member(ReadMoney), invoices::web::index),
        get("/invoices/new", Member(DraftMoney), invoices::web::new),
        post("/invoices/new", Member(DraftMoney), invoices::web::create),
        get("/invoices/{id}/edit", Member(DraftMoney), invoices::web::edit),
        post("/invoices/{id}/edit", Member(DraftMoney), invoices::web::update),
        get("/invoices/{id}/send", Member(Send), invoices::web::send_form),
        post("/invoices/{id}/send", Member(Send), invoices::web::send),
        post("/invoices/{id}/issue", Member(Send), invoices::web::issue),
        post("/invoices/{id}/link", Member(Send), invoices::web::renew_link),
        get("/invoices/{id}/collect", Member(ReadMoney), payments::web::collect::collect),
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
    ];
    routes.extend(payments::providers::routes());
    routes
}
