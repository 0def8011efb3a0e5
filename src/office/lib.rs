//! What a business has before its first customer: identity, business, team.

pub mod business;
pub mod files;
pub mod identity;
pub mod jobs;
pub mod notices;
pub mod registry;
pub mod routes;
