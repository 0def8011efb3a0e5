//! Invoices: what is owed, as printed and as paid.

pub mod calc;
pub mod pdf;
