//! Invoices and payments.

pub mod invoices;
pub mod jobs;
pub mod payments;
pub mod registry;
pub mod routes;
