//! One integration binary.

mod architecture;
mod core;
mod isolation;
mod mail;
mod operate;
mod support;
