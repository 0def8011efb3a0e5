//! Pages about the business: coming in, its settings, its team, its connections.

pub mod enter;
