//! Pages of the confirmation: the customer's (`public`) and the business's (`desk`).

pub mod desk;
pub mod public;
