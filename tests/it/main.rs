//! One integration binary.
mod operate;
