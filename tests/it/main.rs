//! One integration binary.

mod architecture;
mod closeout;
mod core;
mod crash;
mod identity;
mod isolation;
mod mail;
mod operate;
mod redaction;
mod support;
