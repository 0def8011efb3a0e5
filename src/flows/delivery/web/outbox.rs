//! `/demo/mail`: the mails that the demo wrote to the mail folder instead of sending them. Exists in the demo only.

use std::path::PathBuf;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::header,
    response::{Html, IntoResponse, Response},
};

use platform::{
    app::App,
    error::{Error, Result},
    mail::{
        Mailer,
        read::{Mail, parse},
    },
    tenant::Read,
};

/// The most mails shown, newest first.
const SHOWN: usize = 100;
/// The policy of a mail's own document: its styles and pictures, no script, no form.
const CAGE: &str =
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:";

#[derive(Template)]
#[template(path = "messages/outbox.html")]
struct Index {
    head: ui::Head,
    mails: Vec<(String, Mail)>,
}

#[derive(Template)]
#[template(path = "messages/outbox_mail.html")]
struct Show {
    head: ui::Head,
    name: String,
    mail: Mail,
}

fn folder(app: &App) -> Result<PathBuf> {
    match &app.mailer {
        Mailer::Folder(folder) if app.is_demo => Ok(folder.clone()),
        _ => Err(Error::NotFound),
    }
}

/// `GET /demo/mail`
pub async fn index(State(app): State<App>, read: Read) -> Result<Response> {
    let mut entries = tokio::fs::read_dir(folder(&app)?).await.map_err(Error::internal)?;
    let mut files = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(Error::internal)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".eml") {
            files.push((entry.metadata().await.and_then(|m| m.modified()).map_err(Error::internal)?, name));
        }
    }
    files.sort_by(|a, b| b.cmp(a));
    files.truncate(SHOWN);
    let mut mails = Vec::new();
    for (_, name) in files {
        if let Some(mail) = mail(&app, &name).await? {
            mails.push((name, mail));
        }
    }
    let head = ui::Head::of(&read, "messages").title("Mail of the demo").sub("Written here instead of being sent");
    Ok(ui::page(&Index { head, mails })?.into_response())
}

/// `GET /demo/mail/{name}`
pub async fn show(State(app): State<App>, read: Read, Path(name): Path<String>) -> Result<Response> {
    let mail = mail(&app, &name).await?.ok_or(Error::NotFound)?;
    let head =
        ui::Head::of(&read, "messages").title(mail.subject.clone()).sub(format!("To {}", mail.to)).back("/demo/mail", "Mail of the demo");
    Ok(ui::page(&Show { head, name, mail })?.into_response())
}

/// `GET /demo/mail/{name}/html`: the mail as its recipient's program draws it, in a document that can do nothing but be looked at.
pub async fn html(State(app): State<App>, _read: Read, Path(name): Path<String>) -> Result<Response> {
    let mail = mail(&app, &name).await?.filter(|m| !m.html.is_empty()).ok_or(Error::NotFound)?;
    Ok(([(header::CONTENT_SECURITY_POLICY, CAGE)], Html(mail.html)).into_response())
}

async fn mail(app: &App, name: &str) -> Result<Option<Mail>> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_@.".contains(c)) && !name.starts_with('.') && name.ends_with(".eml");
    if !plain {
        return Ok(None);
    }
    match tokio::fs::read(folder(app)?.join(name)).await {
        Ok(bytes) => Ok(Some(parse(&String::from_utf8_lossy(&bytes)))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::internal(e)),
    }
}
