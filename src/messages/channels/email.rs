//! By mail: the long text with facts and links, as HTML and as text, with the attachments.

use std::{future::Future, pin::Pin};

use super::{Letter, Outcome, Way};
use customers::contacts::Summary;
use platform::{
    app::App,
    error::Result,
    mail::{MailError, Mailbox, Outgoing},
};

pub struct Email;

impl Way for Email {
    fn address(&self, given: Option<&str>, contact: Option<&Summary>) -> Option<String> {
        given.map(str::to_owned).or_else(|| contact?.email.clone())
    }

    fn text(&self, letter: &Letter) -> Result<String> {
        mail(letter).text()
    }

    fn send<'a>(&'a self, app: &'a App, letter: &'a Letter) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(async move {
            let mail = mail(letter);
            let (text, html) = match (mail.text(), mail.html()) {
                (Ok(text), Ok(html)) => (text, html),
                (Err(error), _) | (_, Err(error)) => return Outcome::not_rendered(&error),
            };
            let subject = mail.subject;
            let outgoing = Outgoing {
                // The sender is the instance's own address: another would fail SPF and DMARC.
                from: Mailbox { name: letter.from.clone(), address: app.mail_from.address.clone() },
                reply_to: letter.reply_to.clone().map(|address| Mailbox { name: letter.from.clone(), address }),
                to: Mailbox { name: letter.name.clone(), address: letter.to.clone() },
                subject: subject.clone(),
                text: text.clone(),
                html: Some(html),
                message_id: letter.message_id.clone(),
                date: app.clock.now(),
                attachments: letter.words.attachments.clone(),
                list_unsubscribe: letter.words.unsubscribe.clone(),
            };
            match app.mailer.send(&outgoing).await {
                Ok(_) => Outcome::Sent { to: letter.to.clone(), subject, text },
                Err(MailError::Temporary(error)) => Outcome::Later { error },
                Err(MailError::Permanent(error)) => Outcome::Failed { error },
                Err(MailError::InDoubt(error)) => Outcome::InDoubt { error },
            }
        })
    }
}

fn mail(letter: &Letter) -> ui::email::Email {
    let words = &letter.words;
    let mail = ui::email::Email {
        subject: words.subject.clone(),
        from: letter.from.clone(),
        body: words.long.clone(),
        footer: words.footer.clone(),
        unsubscribe: words.unsubscribe.clone(),
        ..ui::email::Email::default()
    };
    let mail = words.facts.iter().fold(mail, |mail, (label, value)| mail.fact(label, value.as_str()));
    words.links.iter().fold(mail, |mail, link| mail.button(&link.label, link.url.as_str(), link.is_main))
}
