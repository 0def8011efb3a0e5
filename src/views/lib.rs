//! Pages over records of several slices; they only read.

pub mod exports;
pub mod history;
pub mod jobs;
pub mod registry;
pub mod routes;
pub mod today;
