//! Contacts: the people and organisations that the business deals with.

pub mod extract;
