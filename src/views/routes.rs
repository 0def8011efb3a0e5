//! The routes of this area; `app::routes` joins them all.

use platform::{
    role::Permission,
    route::{Access, Route, get, post},
};

use crate::{customer, history, invoice, ticket, today};

/// Every route of this area, and who may use it.
pub fn routes() -> Vec<Route> {
    use Access::Member;
    use Permission::{ManageSettings, ReadMoney, ReadRecords, WriteRecords};
    vec![
        // The customer.
        get("/contacts/{id}", Member(ReadRecords), customer::web::show),
        get("/contacts/{id}/timeline", Member(ReadRecords), customer::web::timeline),
        post("/contacts/{id}/archive", Member(WriteRecords), customer::web::archive),
        post("/contacts/{id}/restore", Member(WriteRecords), customer::web::restore),
        post("/contacts/{id}/notes", Member(WriteRecords), customer::web::note),
        post("/contacts/{id}/attributes", Member(WriteRecords), customer::web::attribute_set),
        post("/attributes/{id}/confirm", Member(WriteRecords), customer::web::attribute_confirm),
        post("/attributes/{id}/remove", Member(WriteRecords), customer::web::attribute_remove),
        post("/duplicates/{id}/dismiss", Member(WriteRecords), customer::web::dismiss),
        // The ticket.
        get("/tickets/{id}", Member(ReadRecords), ticket::web::show),
        post("/tickets/{id}/clock-in", Member(WriteRecords), ticket::web::clock_in),
        post("/tickets/{id}/clock-out", Member(WriteRecords), ticket::web::clock_out),
        post("/tickets/{id}/clock-undo", Member(WriteRecords), ticket::web::undo_clock_in),
        // The invoice.
        get("/invoices/{id}", Member(ReadMoney), invoice::web::show),
        // Home.
        get("/", Member(ReadRecords), today::web::home),
        get("/notices", Member(ReadRecords), today::web::notices),
        get("/keep", Member(ReadRecords), today::keep::pages),
        post("/notices/{id}/resolve", Member(WriteRecords), today::web::resolve),
        post("/jobs/{job}/again", Member(ManageSettings), today::web::run_again),
        // What was changed.
        get("/history", Member(ManageSettings), history::web::index),
        get("/history/{table}/{id}", Member(ReadRecords), history::web::record),
    ]
}
