//! One integration binary.

mod architecture;
mod core;
mod mail;
mod operate;
mod support;
