//! Acts that cross areas: close-out, confirmation, delivery, what wants a person, exports, imports.

pub mod attention;
pub mod closeout;
pub mod confirm;
pub mod delivery;
pub mod exports;
pub mod imports;
pub mod jobs;
pub mod registry;
pub mod routes;
