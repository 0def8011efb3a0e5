//! Reads mail that `compose` wrote, for the demo's outbox and for tests. Not a parser for mail from elsewhere.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The parts of a mail that its recipient sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    pub from: String,
    pub to: String,
    pub subject: String,
    pub date: String,
    pub text: String,
    pub html: String,
    /// The invitation (`text/calendar`).
    pub calendar: String,
    /// File names of the attachments.
    pub attachments: Vec<String>,
    /// Every URL linked in the HTML part, in order, without duplicates.
    pub links: Vec<String>,
}

/// Parses a mail: its headers, the parts of `multipart` and their transfer encodings.
pub fn parse(raw: &str) -> Mail {
    let raw = raw.replace("\r\n", "\n");
    let (head, body) = raw.split_once("\n\n").unwrap_or((&raw, ""));
    let head = unfold(head);
    let mut mail = Mail {
        from: words(header(&head, "From")),
        to: words(header(&head, "To")),
        subject: words(header(&head, "Subject")),
        date: header(&head, "Date").to_owned(),
        ..Mail::default()
    };
    part(&mut mail, &head, body);
    for piece in mail.html.split("href=\"").skip(1) {
        let link = piece.split('"').next().unwrap_or_default().replace("&amp;", "&").replace("&#38;", "&");
        if !mail.links.contains(&link) {
            mail.links.push(link);
        }
    }
    mail
}

fn part(mail: &mut Mail, head: &str, body: &str) {
    let kind = header(head, "Content-Type");
    if let Some(boundary) = parameter(kind, "boundary") {
        for piece in body.split(&format!("--{boundary}")).skip(1) {
            let piece = piece.strip_prefix('\n').unwrap_or(piece);
            if let Some((head, body)) = piece.split_once("\n\n").filter(|_| !piece.starts_with("--")) {
                part(mail, &unfold(head), body);
            }
        }
        return;
    }
    if header(head, "Content-Disposition").starts_with("attachment") {
        mail.attachments.extend(parameter(header(head, "Content-Disposition"), "filename"));
        return;
    }
    let content = decode(header(head, "Content-Transfer-Encoding"), body.trim_end_matches('\n'));
    match kind.split(';').next().unwrap_or_default().trim() {
        "text/html" => mail.html = content,
        "text/calendar" => mail.calendar = content,
        _ => mail.text = content,
    }
}

fn unfold(head: &str) -> String {
    head.replace("\n ", " ").replace("\n\t", " ")
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let mut lines = head.lines().filter_map(|l| l.split_once(':'));
    lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim())
}

fn parameter(value: &str, name: &str) -> Option<String> {
    let (_, rest) = value.split_once(&format!("{name}="))?;
    Some(match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
        None => rest.split([';', ' ']).next().unwrap_or_default().to_owned(),
    })
}

fn decode(encoding: &str, body: &str) -> String {
    match encoding.to_ascii_lowercase().as_str() {
        "quoted-printable" => quoted(&body.replace("=\n", ""), b'='),
        "base64" => bytes(&body.replace('\n', "")),
        _ => body.to_owned(),
    }
}

fn bytes(base64: &str) -> String {
    String::from_utf8_lossy(&STANDARD.decode(base64).unwrap_or_default()).into_owned()
}

/// Decodes hex pairs after `mark` as UTF-8: `=E2=80=93` → `–`.
fn quoted(text: &str, mark: u8) -> String {
    let (mut out, bytes) = (Vec::with_capacity(text.len()), text.as_bytes());
    let mut at = 0;
    while at < bytes.len() {
        let pair = text.get(at + 1..at + 3).filter(|_| bytes[at] == mark).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(pair.unwrap_or(bytes[at]));
        at += if pair.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Decodes the `=?utf-8?b?…?=` words of a header (RFC 2047); spaces between two of them are not part of the text.
fn words(header: &str) -> String {
    let mut out = String::new();
    let mut rest = header;
    while let Some((before, after)) = rest.split_once("=?") {
        let mut fields = after.splitn(3, '?');
        let (Some(_), Some(encoding), Some(tail)) = (fields.next(), fields.next(), fields.next()) else { break };
        let Some((word, next)) = tail.split_once("?=") else { break };
        if !before.trim().is_empty() || out.is_empty() {
            out.push_str(before);
        }
        out.push_str(&if encoding.eq_ignore_ascii_case("b") { bytes(word) } else { quoted(&word.replace('_', " "), b'=') });
        rest = next;
    }
    out.push_str(rest);
    out
}
