//! What documents with lines share, invoices and payments.

pub mod invoices;
pub mod jobs;
pub mod lines;
pub mod paper;
pub mod payments;
pub mod registry;
pub mod routes;
