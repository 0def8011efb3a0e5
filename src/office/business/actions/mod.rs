//! Every write to the business itself: settings, team, API tokens and the Stripe connection.

mod found;
mod settings;
mod stripe;
mod team;
mod tokens;

pub use found::{Entered, Founder, NewBusiness, accept, enter, found};
pub use settings::{SetHours, SetLogo, SkipStep, UpdateBusiness, Written};
pub use stripe::{CheckConnection, DisconnectStripe, ForgetReplacedKeys, RecordCheck, SetStripe};
pub use team::{InviteAgain, InviteMember, RecordInvitation, RemoveMember, UpdateMember};
pub use tokens::{CreateToken, RevokeToken, TokenMade, TouchToken, token_make};
