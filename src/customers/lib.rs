//! Contacts, their addresses, notes and attributes.

pub mod contacts;
pub mod jobs;
pub mod registry;
pub mod routes;
