//! The routes of this area; `app::routes` joins them all.

use platform::{
    role::Permission,
    route::{Access, Route, get, post},
};

use crate::contacts;

/// Every route of this area, and who may use it.
pub fn routes() -> Vec<Route> {
    use Access::Member;
    use Permission::{ReadRecords, WriteRecords};
    vec![
        // Customers.
        get("/contacts", Member(ReadRecords), contacts::web::index),
        get("/contacts/suggest", Member(ReadRecords), contacts::web::suggest),
        get("/contacts/new", Member(WriteRecords), contacts::web::new),
        post("/contacts/new", Member(WriteRecords), contacts::web::create),
        get("/contacts/{id}/edit", Member(WriteRecords), contacts::web::edit),
        post("/contacts/{id}/edit", Member(WriteRecords), contacts::web::update),
        get("/contacts/{id}/addresses/new", Member(WriteRecords), contacts::web::address_new),
        post("/contacts/{id}/addresses/new", Member(WriteRecords), contacts::web::address_create),
        get("/addresses/{id}/edit", Member(WriteRecords), contacts::web::address_edit),
        post("/addresses/{id}/edit", Member(WriteRecords), contacts::web::address_update),
        post("/addresses/{id}/archive", Member(WriteRecords), contacts::web::address_archive),
    ]
}
