//! Pages of payments: collecting, recording, refunding, the list, the providers' events, and the customer's page.

pub mod collect;
pub mod events;
pub mod list;
pub mod public;
pub mod record;
