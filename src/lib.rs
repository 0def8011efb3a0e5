//! Rounds runs a small service business. One module a slice; `routes` is the table of contents.

pub mod invoices;
pub mod platform;
