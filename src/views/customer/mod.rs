//! The page of one customer, and what happened with them.

pub mod query;
mod timeline;
pub mod web;
