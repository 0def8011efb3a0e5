//! One integration binary.

mod architecture;
mod business;
mod catalogue;
mod closeout;
mod closeout_meanwhile;
mod confirm;
mod contacts;
mod core;
mod crash;
mod demo;
mod functions;
mod identity;
mod imports;
mod invoices;
mod isolation;
mod live;
mod mail;
mod messages;
mod offline;
mod operate;
mod payments;
mod redaction;
mod support;
mod tickets;
mod today;
mod webhooks;
