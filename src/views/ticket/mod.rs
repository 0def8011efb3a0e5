//! The page of one ticket, with its customer and its invoice.

mod data;
pub mod web;
