//! The ways on which a message reaches somebody. A message is words, not yet a mail: a channel decides how they go, and whom it can reach.
//! A new channel is a file here, with a variant of [`Channel`] and its arm in [`Channel::way`]; `MessageKind::channels` says which kinds may take it.

mod email;
mod phone;

use std::{future::Future, pin::Pin};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use customers::contacts::Summary;
use platform::{app::App, error::Result, mail::Attachment};

/// How a message reaches the customer; decided when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Channel {
    Email,
    /// A person calls or texts; Rounds sends nothing.
    Phone,
}

impl Channel {
    /// The label that people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "by email",
            Self::Phone => "by phone or text",
        }
    }

    pub fn way(self) -> &'static dyn Way {
        match self {
            Self::Email => &email::Email,
            Self::Phone => &phone::Phone,
        }
    }
}

/// What a channel does.
pub trait Way: Send + Sync {
    /// The address to reach the contact at; `None` if it can't be reached on this channel. `given` is the address chosen for this message.
    fn address(&self, given: Option<&str>, contact: Option<&Summary>) -> Option<String>;

    /// What the recipient gets to read, as plain text.
    fn text(&self, letter: &Letter) -> Result<String>;

    /// Sends it, outside any transaction.
    fn send<'a>(&'a self, app: &'a App, letter: &'a Letter) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
}

/// The words of a message.
#[derive(Debug, Clone, Default)]
pub struct Words {
    pub subject: String,
    /// The whole text; empty lines separate paragraphs.
    pub long: String,
    /// The text for where there is little room, such as a text message.
    pub short: String,
    /// Labelled values: "When", "Where", "Price".
    pub facts: Vec<(String, String)>,
    pub links: Vec<Link>,
    pub attachments: Vec<Attachment>,
    /// Small print: the business's address and phone, and why the message was sent.
    pub footer: Vec<String>,
    /// The URL of the one-click unsubscribe; marketing only.
    pub unsubscribe: Option<String>,
}

/// A link to a page where the recipient can do something.
#[derive(Debug, Clone)]
pub struct Link {
    pub label: String,
    pub url: String,
    /// Set for what most recipients will do.
    pub is_main: bool,
}

impl Words {
    /// Adds a labelled value; does nothing if it is empty.
    #[must_use]
    pub fn fact(mut self, label: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.facts.push((label.to_owned(), value));
        }
        self
    }

    #[must_use]
    pub fn link(mut self, label: &str, url: impl Into<String>, is_main: bool) -> Self {
        self.links.push(Link { label: label.to_owned(), url: url.into(), is_main });
        self
    }

    #[must_use]
    pub fn attach(mut self, attachment: Attachment) -> Self {
        self.attachments.push(attachment);
        self
    }
}

/// A message ready to go.
#[derive(Debug, Clone)]
pub struct Letter {
    pub channel: Channel,
    /// The business's name, and the address that answers go to.
    pub from: String,
    pub reply_to: Option<String>,
    /// The recipient's name and address on this channel.
    pub name: String,
    pub to: String,
    /// Stable through all attempts, so that a duplicate can be recognised.
    pub message_id: String,
    pub words: Words,
}

impl Letter {
    pub fn text(&self) -> Result<String> {
        self.channel.way().text(self)
    }
}

/// The outcome of sending.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The far side, such as a mail server, accepted it.
    Sent { to: String, subject: String, text: String },
    /// The far side deferred it or could not be reached: it is retried later.
    Later { error: String },
    /// It was refused permanently: there is no retry.
    Failed { error: String },
    /// It is unknown whether it was sent.
    InDoubt { error: String },
    /// Nothing can be sent: a person calls or texts, with this text.
    ByHand { subject: String, text: String },
    /// It was not sent, since it is no longer true or no longer wanted.
    Dropped { reason: String },
}

impl Outcome {
    /// The outcome of a message whose text could not be made; it is tried again.
    pub fn not_rendered(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a message could not be rendered");
        Self::Later { error: "It could not be put together.".into() }
    }
}
