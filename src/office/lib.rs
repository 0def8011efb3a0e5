//! What a business has before its first customer: identity, business, team, its accounts at providers.

pub mod business;
pub mod connections;
pub mod files;
pub mod identity;
pub mod jobs;
pub mod notices;
pub mod registry;
pub mod routes;
