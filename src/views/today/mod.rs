//! The home page: the day's visits, unfinished close-outs, unpaid invoices, and failures that a person must deal with.

pub mod data;
pub mod keep;
pub mod web;
