//! Every write to the business itself: settings, team and API tokens.

mod found;
mod settings;
mod team;
mod tokens;

pub use found::{Entered, Founder, NewBusiness, accept, enter, found};
pub use settings::{SetHours, SetLogo, SkipStep, UpdateBusiness, Written};
pub use team::{InviteAgain, InviteMember, RecordInvitation, RemoveMember, UpdateMember};
pub use tokens::{CreateToken, RevokeToken, TokenMade, TouchToken, token_make};
