//! Pages over records of several slices; they only read.

pub mod customer;
pub mod history;
pub mod invoice;
pub mod registry;
pub mod routes;
pub mod ticket;
pub mod today;
