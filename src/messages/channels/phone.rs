//! By phone: Rounds sends nothing; a person calls or texts the short text.

use std::{future::Future, pin::Pin};

use super::{Letter, Outcome, Way};
use customers::contacts::Summary;
use platform::{app::App, error::Result};

pub struct Phone;

impl Way for Phone {
    /// A person finds a way even without a number: the page that shows the text shows what is known of the customer.
    fn address(&self, _: Option<&str>, contact: Option<&Summary>) -> Option<String> {
        Some(contact.and_then(|c| c.phone.clone()).unwrap_or_default())
    }

    fn text(&self, letter: &Letter) -> Result<String> {
        Ok(letter.words.short.clone())
    }

    fn send<'a>(&'a self, _: &'a App, letter: &'a Letter) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(async { Outcome::ByHand { subject: letter.words.subject.clone(), text: letter.words.short.clone() } })
    }
}
