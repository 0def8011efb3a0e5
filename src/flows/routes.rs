//! The routes of this area; `app::routes` joins them all.

use platform::{
    role::Permission,
    route::{Access, Route, get, post},
};

use crate::{closeout, confirm, delivery, imports};

/// Every route of this area, and who may use it.
pub fn routes() -> Vec<Route> {
    use Access::{Link, Member};
    use Permission::{Any, ManageSettings, ReadRecords, Send, WriteRecords};
    vec![
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
        // Imports.
        get("/imports", Member(ManageSettings), imports::web::index),
        post("/imports", Member(ManageSettings), imports::web::upload).accepts(imports::web::MAX_UPLOAD),
        get("/imports/{id}", Member(ManageSettings), imports::web::show),
        get("/imports/{id}/refused.csv", Member(ManageSettings), imports::web::refused),
        post("/imports/{id}/columns", Member(ManageSettings), imports::web::map),
        post("/imports/{id}/run", Member(ManageSettings), imports::web::run),
        post("/imports/{id}/undo", Member(ManageSettings), imports::web::undo),
    ]
}
