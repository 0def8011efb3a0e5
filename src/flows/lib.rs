//! Acts that cross areas: close-out, confirmation, delivery, imports.

pub mod closeout;
pub mod confirm;
pub mod delivery;
pub mod imports;
pub mod jobs;
pub mod registry;
pub mod routes;
