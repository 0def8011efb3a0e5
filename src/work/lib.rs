//! Catalogue and tickets.

pub mod catalogue;
pub mod registry;
pub mod routes;
pub mod tickets;
