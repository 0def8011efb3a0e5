//! The sign-in mail.
