//! What wants a person: notices, which every slice adds through `office::notices`, and jobs that have used up their attempts.

pub mod actions;
pub mod data;
