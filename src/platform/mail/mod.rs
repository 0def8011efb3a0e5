//! Outgoing mail: sends one message to one person and reports the outcome.
//!
//! lettre implements the SMTP commands, but the session is driven here: lettre's transport cannot distinguish "never handed over",
//! after which a retry is safe, from "handed over, reply lost", after which a person must decide.

mod compose;
pub mod read;

use std::{
    fmt,
    net::IpAddr,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use lettre::{
    Message,
    transport::smtp::{
        Error as SmtpError,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailParameter},
        response::Response,
    },
};
use tokio::time::timeout;

use super::secrets::Secret;

/// A mailbox: display name (may be empty) and address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub name: String,
    pub address: String,
}

impl Mailbox {
    /// Reads `Rounds <rounds@example.com>` or a bare address.
    pub fn parse(text: &str) -> Self {
        match text.trim().strip_suffix('>').and_then(|t| t.rsplit_once('<')) {
            Some((name, address)) => Self { name: name.trim().trim_matches('"').to_owned(), address: address.trim().to_owned() },
            None => Self { name: String::new(), address: text.trim().to_owned() },
        }
    }
}

/// An attached file.
#[derive(Clone, Debug)]
pub enum Attachment {
    /// An invitation: shown by mail programs beside the text, and attached for the others.
    Calendar {
        method: super::ics::Method,
        ics: String,
    },
    Pdf {
        file_name: String,
        bytes: Vec<u8>,
    },
}

/// One message to one person.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub from: Mailbox,
    pub reply_to: Option<Mailbox>,
    pub to: Mailbox,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
    /// `<record id>@<host>`, the same in every attempt, so that a duplicate can be recognised.
    pub message_id: String,
    /// The `Date` header.
    pub date: DateTime<Utc>,
    pub attachments: Vec<Attachment>,
    /// URL of the one-click unsubscribe (RFC 8058); sets both headers. Only for messages that need consent.
    pub list_unsubscribe: Option<String>,
}

/// The mail server has accepted the message for delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The server's reply, such as `2.0.0 queued as 7`.
    pub reply: String,
}

/// Why a message was not accepted. The text may quote the recipient's address, so it must not be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailError {
    /// Refused for good (5xx), or the message can't be composed: do not retry it as it is.
    Permanent(String),
    /// Not accepted, but a retry may succeed (4xx, no connection, sign-in refused).
    Temporary(String),
    /// Handed over, but the reply was lost, so it may have been sent. A person decides.
    InDoubt(String),
}

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permanent(words) | Self::Temporary(words) | Self::InDoubt(words) => f.write_str(words),
        }
    }
}

impl std::error::Error for MailError {}

/// The transport of outgoing mail.
#[derive(Clone, Debug)]
pub enum Mailer {
    Smtp(Smtp),
    /// Written as `<message id>.eml`, for development and tests.
    Folder(PathBuf),
    /// Kept in the outbox only, which the demo shows.
    None,
}

/// A mail server and its connection settings.
#[derive(Clone, Debug)]
pub struct Smtp {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<(String, Secret)>,
    hello: ClientId,
    timeout: Duration,
    /// Certificate authorities trusted beside the public ones.
    authorities: Vec<Certificate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    Off,
    Upgrade,
    Wrapped,
}

impl Mailer {
    /// Sends one message. Call it with no database transaction open, as it waits for the network.
    pub async fn send(&self, outgoing: &Outgoing) -> Result<Accepted, MailError> {
        let message = compose::message(outgoing)?;
        match self {
            Self::Smtp(smtp) => smtp.send(&message).await,
            Self::Folder(folder) => {
                let name: String =
                    outgoing.message_id.chars().map(|c| if c.is_ascii_alphanumeric() || "-_@.".contains(c) { c } else { '_' }).collect();
                let path = folder.join(format!("{}.eml", name.trim_start_matches('.')));
                let written = tokio::fs::write(path, message.formatted()).await;
                written
                    .map(|()| Accepted { reply: "written to the mail folder".to_owned() })
                    .map_err(|e| MailError::Temporary(format!("The mail folder cannot be written: {e}")))
            }
            Self::None => Ok(Accepted { reply: "kept in the outbox".to_owned() }),
        }
    }
}

impl Smtp {
    /// Reads `smtp://user:password@host:587`, `smtps://…:465`. Passwords are percent-encoded.
    ///
    /// `smtp` requires STARTTLS, except to the local machine or with `?tls=none`. `hello` is our name in EHLO.
    /// `timeout` limits each step; the reply to the message's body may take twice as long.
    pub fn from_url(url: &str, hello: &str, timeout: Duration) -> Result<Self, String> {
        let parsed = reqwest::Url::parse(url).map_err(|_| "mail.smtp_url is not a URL".to_owned())?;
        let host = parsed.host_str().ok_or("mail.smtp_url names no host")?.trim_matches(['[', ']']).to_owned();
        let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let wish = parsed.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value.into_owned());
        let (tls, port) = match (parsed.scheme(), wish.as_deref()) {
            ("smtps", None) => (Tls::Wrapped, 465),
            ("smtp", None) if loopback => (Tls::Off, 25),
            ("smtp", Some("none")) => (Tls::Off, 25),
            ("smtp", None | Some("required")) => (Tls::Upgrade, 587),
            _ => return Err("mail.smtp_url must begin with smtp:// or smtps://; tls is none or required".to_owned()),
        };
        let credentials = parsed.password().map(|password| (percent_decoded(parsed.username()), Secret::new(percent_decoded(password))));
        Ok(Self {
            port: parsed.port().unwrap_or(port),
            host,
            tls,
            credentials,
            hello: ClientId::Domain(hello.to_owned()),
            timeout,
            authorities: Vec::new(),
        })
    }

    /// Also trusts the certificate authorities in `pem`, for a mail server whose certificate comes from a private authority.
    pub fn trusting(mut self, pem: &[u8]) -> Result<Self, String> {
        if !pem.windows(11).any(|w| w == b"-----BEGIN ") {
            return Err("mail.ca_file holds no certificate in PEM form".to_owned());
        }
        self.authorities.push(Certificate::from_pem(pem).map_err(|e| format!("mail.ca_file: {e}"))?);
        Ok(self)
    }

    /// Returns TLS parameters that require a certificate valid for the host's name.
    fn verified(&self) -> Result<TlsParameters, MailError> {
        let mut builder = TlsParameters::builder(self.host.clone());
        for authority in &self.authorities {
            builder = builder.add_root_certificate(authority.clone());
        }
        builder.build().map_err(before_data)
    }

    async fn send(&self, message: &Message) -> Result<Accepted, MailError> {
        let mut connection = self.connected().await?;
        let bytes = message.formatted();
        let result = match self.envelope(&mut connection, message).await {
            Ok(()) => self.hand_over(&mut connection, &bytes).await,
            Err(failed) => Err(failed),
        };
        // The outcome is known; a server that is slow to close the session must not change it.
        let _ = timeout(Duration::from_secs(2), connection.abort()).await;
        result
    }

    /// Connects, encrypts and signs in. No failure here concerns the message itself, so all are temporary.
    async fn connected(&self) -> Result<AsyncSmtpConnection, MailError> {
        let wrapped = if self.tls == Tls::Wrapped { Some(self.verified()?) } else { None };
        let address = (self.host.as_str(), self.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(address, Some(self.timeout), &self.hello, wrapped, None);
        let mut connection = self.step(connecting).await.map_err(temporary)?;
        if self.tls == Tls::Upgrade {
            self.step(connection.starttls(self.verified()?, &self.hello)).await.map_err(temporary)?;
        }
        if let Some((user, password)) = &self.credentials {
            let credentials = Credentials::new(user.clone(), password.expose().clone());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            self.step(connection.auth(&mechanisms, &credentials)).await.map_err(temporary)?;
        }
        Ok(connection)
    }

    async fn envelope(&self, connection: &mut AsyncSmtpConnection, message: &Message) -> Result<(), MailError> {
        let envelope = message.envelope();
        let mut parameters = Vec::new();
        let mut addresses = envelope.from().into_iter().chain(envelope.to());
        if addresses.any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(MailError::Permanent("The mail server does not take addresses with such letters.".to_owned()));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        self.step(connection.command(Mail::new(envelope.from().cloned(), parameters))).await?;
        for to in envelope.to() {
            self.step(connection.command(Rcpt::new(to.clone(), Vec::new()))).await?;
        }
        self.step(connection.command(Data)).await?;
        Ok(())
    }

    /// Sends the body. Once all of it has been written, a failure without a reply is `InDoubt`.
    async fn hand_over(&self, connection: &mut AsyncSmtpConnection, bytes: &[u8]) -> Result<Accepted, MailError> {
        let body_sent = AtomicBool::new(false);
        // The iterator is advanced past the body only after it was written; only the final dot remains.
        let parts = std::iter::once(bytes).chain(std::iter::from_fn(|| {
            body_sent.store(true, Ordering::Relaxed);
            None
        }));
        let answer = timeout(self.timeout * 2, connection.message_iter(parts)).await;
        let lost = |words: String| {
            if body_sent.load(Ordering::Relaxed) { MailError::InDoubt(words) } else { MailError::Temporary(words) }
        };
        match answer {
            Ok(Ok(response)) => Ok(Accepted { reply: words(&response) }),
            Ok(Err(cause)) if cause.status().is_some() => Err(before_data(cause)),
            Ok(Err(_)) => Err(lost("The connection was lost before the mail server answered.".to_owned())),
            Err(_) => Err(lost("The mail server did not answer in time.".to_owned())),
        }
    }

    async fn step<T>(&self, doing: impl Future<Output = Result<T, SmtpError>>) -> Result<T, MailError> {
        match timeout(self.timeout, doing).await {
            Ok(result) => result.map_err(before_data),
            Err(_) => Err(MailError::Temporary("The mail server did not answer in time.".to_owned())),
        }
    }
}

/// Classifies a failure before the handover, or a definite reply.
fn before_data(cause: SmtpError) -> MailError {
    if cause.is_permanent() {
        MailError::Permanent(format!("The mail server refused: {cause}"))
    } else if cause.is_transient() {
        MailError::Temporary(format!("The mail server asks to try later: {cause}"))
    } else {
        MailError::Temporary(format!("The mail server could not be reached: {cause}"))
    }
}

fn temporary(failed: MailError) -> MailError {
    match failed {
        MailError::Permanent(words) => MailError::Temporary(words),
        other => other,
    }
}

fn words(response: &Response) -> String {
    response.message().collect::<Vec<_>>().join(" ")
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        if let Some(byte) = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_server_from_its_url() {
        let read = |url| Smtp::from_url(url, "rounds.example", Duration::from_secs(5));
        let smtp = read("smtp://user%40x:p%23ss@mail.example").unwrap();
        assert_eq!((smtp.tls, smtp.port), (Tls::Upgrade, 587));
        let (user, password) = smtp.credentials.clone().unwrap();
        assert_eq!((user.as_str(), password.expose().as_str()), ("user@x", "p#ss"));
        assert!(!format!("{smtp:?}").contains("p#ss"));
        assert_eq!(read("smtps://mail.example").unwrap().tls, Tls::Wrapped);
        assert_eq!(read("smtp://127.0.0.1:2525").unwrap().tls, Tls::Off);
        assert_eq!(read("smtp://[::1]:2525").unwrap().host, "::1");
        assert_eq!(read("smtp://mail.example?tls=none").unwrap().tls, Tls::Off);
        for bad in ["http://mail.example", "mail.example", "smtp://mail.example?tls=maybe"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
