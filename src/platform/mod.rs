//! What every slice stands on; knows no slice.
pub mod ics;
pub mod localtime;
pub mod money;
pub mod qr;
pub mod secrets;
pub mod stripe;
