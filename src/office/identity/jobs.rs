//! The job that sends the sign-in mail.

use serde::{Deserialize, Serialize};

use super::{code, data, link_token};
use platform::{
    app::App,
    error::{Error, Result},
    ids::SignInId,
    jobs::Job,
    mail::{MailError, Mailbox, Outgoing},
};
use ui::email::Email;

/// Sends link and code of one sign-in request, if its address has a user or signs up. Both are derived here, so the queue holds neither.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendSignIn {
    pub sign_in: SignInId,
}

impl Job for SendSignIn {
    const NAME: &'static str = "send_sign_in";
    type Of = ();

    fn key(&self) -> String {
        self.sign_in.to_string()
    }

    async fn run(self, app: &App, (): ()) -> Result<()> {
        send(app, self.sign_in).await
    }
}

async fn send(app: &App, id: SignInId) -> Result<()> {
    // Sends nothing for a used, expired or unknown request.
    let Some(mail) = data::mail(app, id).await?.filter(|m| m.is_welcome) else { return Ok(()) };
    let words = sign_in(&app.url(&format!("/sign-in/{}", link_token(app, id))), &code(app, id));
    let outgoing = Outgoing {
        from: app.mail_from.clone(),
        reply_to: None,
        to: Mailbox { name: String::new(), address: mail.email },
        text: words.text()?,
        html: Some(words.html()?),
        subject: words.subject,
        message_id: format!("sign-in-{id}@{}", app.host()),
        date: app.clock.now(),
        attachments: Vec::new(),
        list_unsubscribe: None,
    };
    match app.mailer.send(&outgoing).await {
        Ok(_) => Ok(()),
        // A retry would not help. The person gets no mail and can request another one.
        Err(MailError::Permanent(_)) => {
            tracing::warn!(sign_in = %id, "a sign-in mail was refused");
            Ok(())
        }
        // A retry is safe: a second mail has the same code. The server's message may contain the address, so it is kept out of job logs.
        Err(MailError::Temporary(_) | MailError::InDoubt(_)) => {
            Err(Error::Provider("The mail server did not take the sign-in mail.".into()))
        }
    }
}

/// The sign-in mail: a link good once for a quarter of an hour, and a code for the browser that asked.
fn sign_in(link: &str, code: &str) -> Email {
    let subject = include_str!("../../../templates/emails/sign_in/subject.txt").trim();
    let body = include_str!("../../../templates/emails/sign_in/body.txt").trim();
    Email { subject: subject.into(), from: "Rounds".into(), body: body.into(), ..Email::default() }
        .fact("Code", code)
        .button("Sign in", link, true)
}
