//! Every write to the tables of users, sessions and sign-ins.

mod ask;
mod redeem;
mod session;

pub use ask::{Ask, Asked, ask, sign_in_link};
pub use redeem::{NewSession, Proof, Redeemed, redeem, user_of};
pub use session::{RevokeOtherSessions, RevokeSession, Revoked, end_all_of, extend, sign_out, switch};
