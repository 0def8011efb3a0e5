//! Home: the day, what is half done, what is owed, and what failed and wants a person.

pub mod actions;
pub mod data;
pub mod keep;
pub mod web;
