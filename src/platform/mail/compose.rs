//! Composes messages (RFC 5322, MIME). No text that a person typed can add a header.

use std::time::SystemTime;

use lettre::{
    Address, Message,
    message::{
        Attachment as Part, Mailbox as LettreMailbox, MultiPart, SinglePart,
        header::{ContentDisposition, ContentType, HeaderName, HeaderValue},
    },
};

use super::{Attachment, MailError, Mailbox, Outgoing};

/// Composes a message. Errors: `Permanent`, naming the part that cannot be written.
pub(super) fn message(outgoing: &Outgoing) -> Result<Message, MailError> {
    let mut builder = Message::builder()
        .from(mailbox(&outgoing.from)?)
        .to(mailbox(&outgoing.to)?)
        .subject(one_line(&outgoing.subject))
        .date(SystemTime::from(outgoing.date))
        .message_id(Some(message_id(&outgoing.message_id)?));
    if let Some(reply_to) = &outgoing.reply_to {
        builder = builder.reply_to(mailbox(reply_to)?);
    }
    if let Some(url) = &outgoing.list_unsubscribe {
        let plain = url.starts_with("http") && url.chars().all(|c| c.is_ascii_graphic() && !"<>,".contains(c));
        if !plain {
            return Err(unwritable("the unsubscribe address is not a plain URL"));
        }
        builder = builder
            .raw_header(raw("List-Unsubscribe", format!("<{url}>")))
            .raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
    let body = alternatives(outgoing);
    let attached: Vec<SinglePart> = outgoing.attachments.iter().map(attachment).collect();
    let built = if attached.is_empty() {
        builder.multipart(body)
    } else {
        let mixed = MultiPart::mixed().multipart(body);
        builder.multipart(attached.into_iter().fold(mixed, MultiPart::singlepart))
    };
    built.map_err(|e| unwritable(&e.to_string()))
}

/// Plain text first, then HTML, then an invitation, from the poorest to the richest (RFC 2046).
fn alternatives(outgoing: &Outgoing) -> MultiPart {
    let mut parts = MultiPart::alternative().singlepart(SinglePart::plain(outgoing.text.clone()));
    if let Some(html) = &outgoing.html {
        parts = parts.singlepart(SinglePart::html(html.clone()));
    }
    for attachment in &outgoing.attachments {
        if let Attachment::Calendar { method, ics } = attachment {
            let kind = format!("text/calendar; charset=utf-8; method={}", method.as_str());
            parts = parts.singlepart(SinglePart::builder().header(content_type(&kind)).body(ics.clone()));
        }
    }
    parts
}

fn attachment(attachment: &Attachment) -> SinglePart {
    match attachment {
        Attachment::Calendar { ics, .. } => {
            // `application/ics`, or some programs would show the invitation twice.
            Part::new("appointment.ics".to_owned()).body(ics.clone(), content_type("application/ics"))
        }
        Attachment::Pdf { file_name, bytes } => SinglePart::builder()
            .header(ContentDisposition::attachment(&file_name_of(file_name)))
            .header(content_type("application/pdf"))
            .body(bytes.clone()),
    }
}

fn content_type(text: &str) -> ContentType {
    ContentType::parse(text).expect("our own content types are well-formed")
}

fn raw(name: &'static str, value: String) -> HeaderValue {
    // The value is printable ASCII without spaces or our own constant: nothing to fold or encode.
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

fn mailbox(mailbox: &Mailbox) -> Result<LettreMailbox, MailError> {
    let address: Address = mailbox.address.trim().parse().map_err(|_| unwritable("the address is not a mail address"))?;
    let name = one_line(&mailbox.name);
    Ok(LettreMailbox::new((!name.is_empty()).then_some(name), address))
}

fn message_id(id: &str) -> Result<String, MailError> {
    let id = id.trim_start_matches('<').trim_end_matches('>');
    let plain = id.len() <= 200 && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+@".contains(c));
    if plain && id.split('@').filter(|part| !part.is_empty()).count() == 2 {
        Ok(format!("<{id}>"))
    } else {
        Err(unwritable("the message id is malformed"))
    }
}

fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn file_name_of(name: &str) -> String {
    let name: String = one_line(name).chars().filter(|c| !"\"\\/:*?<>|".contains(*c)).take(100).collect();
    if name.is_empty() { "document.pdf".to_owned() } else { name }
}

fn unwritable(why: &str) -> MailError {
    MailError::Permanent(format!("The message cannot be written: {why}."))
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone as _, Utc};

    use super::*;
    use crate::ics::Method;

    fn example() -> Outgoing {
        let mailbox = |name: &str, address: &str| Mailbox { name: name.into(), address: address.into() };
        Outgoing {
            from: mailbox("Clear View", "office@clear.example"),
            reply_to: Some(mailbox("", "sam@clear.example")),
            to: mailbox("Ann Önnen", "ann@example.com"),
            subject: "Invoice INV-0107 – thank you".into(),
            text: "Hello Ann".into(),
            html: Some("<p>Hello Ann</p>".into()),
            message_id: "0190@rounds.example".into(),
            date: Utc.with_ymd_and_hms(2026, 11, 21, 8, 0, 0).unwrap(),
            attachments: vec![],
            list_unsubscribe: None,
        }
    }

    fn written(outgoing: &Outgoing) -> String {
        String::from_utf8(message(outgoing).unwrap().formatted()).unwrap()
    }

    #[test]
    fn writes_both_texts_and_its_own_id_and_date() {
        let mail = written(&example());
        assert!(mail.is_ascii());
        for line in [
            "Message-ID: <0190@rounds.example>\r\n",
            "Date: Sat, 21 Nov 2026 08:00:00 +0000\r\n",
            "Reply-To: sam@clear.example\r\n",
            "Content-Type: multipart/alternative;",
        ] {
            assert!(mail.contains(line), "{line}\n{mail}");
        }
        assert!(mail.find("text/plain").unwrap() < mail.find("text/html").unwrap());
        assert!(!mail.contains("multipart/mixed"));
    }

    #[test]
    fn carries_invitation_pdf_and_unsubscribe() {
        let mut outgoing = example();
        outgoing.attachments = vec![
            Attachment::Calendar { method: Method::Request, ics: "BEGIN:VCALENDAR\r\n".into() },
            Attachment::Pdf { file_name: "INV-0107.pdf".into(), bytes: vec![0, 255, 10] },
        ];
        outgoing.list_unsubscribe = Some(format!("https://rounds.example/u/{}", "x".repeat(90)));
        let mail = written(&outgoing);
        for part in [
            "Content-Type: multipart/mixed;",
            "Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\n",
            "Content-Disposition: attachment; filename=\"appointment.ics\"",
            "Content-Disposition: attachment; filename=\"INV-0107.pdf\"",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            &format!("List-Unsubscribe: <{}>\r\n", outgoing.list_unsubscribe.clone().unwrap()),
        ] {
            assert!(mail.contains(part), "{part}\n{mail}");
        }
    }

    #[test]
    fn nothing_typed_becomes_a_header() {
        let mut outgoing = example();
        outgoing.subject = "Hi\r\nBcc: all@example.com\r\n\r\nbody".into();
        outgoing.to.name = "Ann\r\nX-Evil: 1\n\"<x@y>".into();
        outgoing.attachments = vec![Attachment::Pdf { file_name: "a\"\r\nX-Evil: 1.pdf".into(), bytes: vec![1] }];
        let mail = written(&outgoing);
        for header in ["Bcc:", "X-Evil"] {
            assert!(!mail.lines().any(|line| line.starts_with(header)), "{mail}");
        }
        let built = message(&outgoing).unwrap();
        assert_eq!(built.envelope().to().len(), 1);

        let spoil: [fn(&mut Outgoing); 4] = [
            |o| o.to.address = "ann@example.com\r\nRCPT TO:<x@y.z>".into(),
            |o| o.to.address = "nobody".into(),
            |o| o.message_id = "x>\r\nX-Evil: 1".into(),
            |o| o.list_unsubscribe = Some("https://x/\r\nX-Evil: 1".into()),
        ];
        for spoil in spoil {
            let mut outgoing = example();
            spoil(&mut outgoing);
            assert!(matches!(message(&outgoing), Err(MailError::Permanent(_))));
        }
    }
}
