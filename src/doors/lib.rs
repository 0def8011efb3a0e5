//! Doors for programs: the API, live updates, replayed writes.

pub mod api;
pub mod live;
pub mod replay;
pub mod routes;
