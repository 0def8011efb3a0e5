//! The page of one invoice, with its payments, its mails and the customer's link.

pub mod web;
