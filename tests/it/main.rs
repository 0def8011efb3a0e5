//! One integration binary.

mod architecture;
mod core;
mod operate;
mod support;
