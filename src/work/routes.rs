//! The routes of this area; `app::routes` joins them all.

use platform::{
    role::Permission,
    route::{Access, Route, get, post},
};

use crate::{catalogue, tickets};

/// Every route of this area, and who may use it.
pub fn routes() -> Vec<Route> {
    use Access::Member;
    use Permission::{ManageSettings, ReadRecords, WriteRecords};
    vec![
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
        // Tickets and the calendar.
        get("/calendar", Member(ReadRecords), tickets::web::calendar),
        get("/calendar/sheet", Member(ReadRecords), tickets::web::sheet),
        get("/tickets", Member(ReadRecords), tickets::web::index),
        post("/tickets", Member(WriteRecords), tickets::web::create),
        get("/tickets/new", Member(WriteRecords), tickets::web::new),
        get("/tickets/{id}/edit", Member(WriteRecords), tickets::web::edit_form),
        post("/tickets/{id}/edit", Member(WriteRecords), tickets::web::edit),
        get("/tickets/{id}/move", Member(WriteRecords), tickets::web::reschedule_form),
        post("/tickets/{id}/move", Member(WriteRecords), tickets::web::reschedule),
        get("/tickets/{id}/assign", Member(WriteRecords), tickets::web::assign_form),
        post("/tickets/{id}/assign", Member(WriteRecords), tickets::web::assign),
        get("/tickets/{id}/cancel", Member(WriteRecords), tickets::web::cancel_form),
        post("/tickets/{id}/cancel", Member(WriteRecords), tickets::web::cancel),
        get("/tickets/{id}/clock/{clock_id}", Member(WriteRecords), tickets::web::correct_form),
        post("/tickets/{id}/clock/{clock_id}", Member(WriteRecords), tickets::web::correct),
        get("/tickets/{id}/lines/new", Member(WriteRecords), tickets::web::add_line_form),
        post("/tickets/{id}/lines/new", Member(WriteRecords), tickets::web::add_line),
        get("/tickets/{id}/lines/{line_id}", Member(WriteRecords), tickets::web::update_line_form),
        post("/tickets/{id}/lines/{line_id}", Member(WriteRecords), tickets::web::update_line),
        post("/tickets/{id}/lines/{line_id}/remove", Member(WriteRecords), tickets::web::remove_line),
    ]
}
