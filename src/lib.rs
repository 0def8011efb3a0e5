//! Rounds runs a small service business. Each slice is a module; `routes` is the table of contents.

pub mod api;
pub mod business;
pub mod catalogue;
pub mod closeout;
pub mod confirm;
pub mod contacts;
pub mod delivery;
pub mod demo;
pub mod emails;
pub mod exports;
pub mod history;
pub mod http;
pub mod identity;
pub mod imports;
pub mod invoices;
pub mod jobs;
pub mod live;
pub mod messages;
pub mod payments;
pub mod platform;
pub mod registry;
pub mod replay;
pub mod routes;
pub mod tickets;
pub mod today;
pub mod ui;
