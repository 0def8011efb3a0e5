//! Puts a message into words, by kind, from the record as it now is. The preview uses the same code.

use customers::contacts::{self, Summary};
use messages::{
    channels::{Channel, Letter, Words},
    outbox::{
        MessageKind,
        actions::Claimed,
        data::{self, Letterhead},
        templates::{self, Vars},
    },
};
use platform::{
    app::App,
    error::Result,
    ids::{LinkId, TicketId},
    links::{self, LinkKind},
    tenant::Read,
};
use ui::format;
use work::tickets;

/// The result of putting a message into words.
#[derive(Debug)]
pub enum Rendering {
    Ready(Box<Letter>),
    /// Not to be sent, since it is no longer true or wanted; with the reason.
    Drop(String),
    /// It cannot be sent as things are, and a person has to act; with the reason.
    Refuse(String),
}

/// The data that all kinds share while a message is put into words.
pub(super) struct Draft<'a> {
    pub app: &'a App,
    pub message: &'a Claimed,
    pub letterhead: Letterhead,
    pub contact: Option<Summary>,
    pub channel: Channel,
    /// The recipient's name and address.
    pub name: String,
    pub to: String,
    pub vars: Vars,
}

/// Puts a message into words, for the first channel that reaches the recipient; reads the database only.
pub async fn message(read: &mut Read, app: &App, message: &Claimed) -> Result<Rendering> {
    let letterhead = data::letterhead(read.db()).await?;
    let contact = match message.contact_id {
        Some(id) => Some(contacts::data::summary(read.db(), id).await?),
        None => None,
    };
    if message.kind.is_marketing() && contact.as_ref().is_some_and(|c| c.email_consent == Some(false)) {
        return Ok(Rendering::Drop("The customer does not want messages like this.".into()));
    }
    if message.kind.is_marketing() && contact.as_ref().is_some_and(|c| c.is_archived) {
        return Ok(Rendering::Drop("The customer is archived.".into()));
    }
    let given = message.to_address.as_deref();
    let reached = message.kind.channels().iter().find_map(|c| Some((*c, c.way().address(given, contact.as_ref())?)));
    let Some((channel, to)) = reached else {
        return Ok(Rendering::Refuse("There is no email address to send it to.".into()));
    };
    let name = contact.as_ref().map(|c| c.name.clone()).unwrap_or_default();
    let vars = common_vars(&letterhead, contact.as_ref());
    let draft = Draft { app, message, letterhead, contact, channel, name, to, vars };
    match message.kind {
        MessageKind::Confirmation | MessageKind::Moved | MessageKind::Cancellation => super::visit::render(read, draft).await,
        MessageKind::ReachOut => reach_out(read, draft).await,
        MessageKind::OwnerNotice => Ok(owner_notice(draft)),
        MessageKind::Invoice => super::bill::invoice(read, draft).await,
        MessageKind::Receipt => super::bill::receipt(read, draft).await,
    }
}

/// Returns the URL of the message's link; in a preview without a link, the URL without a token.
pub(super) fn link(app: &App, kind: LinkKind, id: Option<LinkId>) -> String {
    id.map_or_else(|| app.url(kind.prefix()), |id| links::url(app, kind, id))
}

/// Returns the variables that every kind has: customer and business.
pub fn common_vars(letterhead: &Letterhead, contact: Option<&Summary>) -> Vars {
    let name = contact.map(|c| c.name.clone()).unwrap_or_default();
    let first_name = contact.map(|c| c.first_name.clone()).filter(|n| !n.is_empty()).unwrap_or_else(|| name.clone());
    Vars::from([
        ("customer_name", name),
        ("first_name", first_name),
        ("business_name", letterhead.name.clone()),
        ("business_phone", letterhead.phone.clone().unwrap_or_default()),
    ])
}

impl Draft<'_> {
    /// Returns subject and text: the template with the custom message in it, or the custom text of a reach-out.
    pub async fn words(&mut self, read: &mut Read) -> Result<Words> {
        let template = templates::of(read.db(), self.message.kind).await?;
        let own = self.message.custom_body.clone();
        let mut body = template.body;
        match (&own, self.message.kind) {
            (Some(own), MessageKind::ReachOut) => body.clone_from(own),
            (Some(own), _) => {
                let added = templates::render(own, &self.vars);
                if !templates::has_variable(&body, "custom_message") {
                    body.push_str("\n\n{{custom_message}}");
                }
                self.vars.insert("custom_message", added);
            }
            (None, _) => {}
        }
        let subject = self.message.custom_subject.clone().unwrap_or(template.subject);
        let subject = one_line(&templates::render(&subject, &self.vars));
        Ok(Words { short: subject.clone(), subject, long: templates::render(&body, &self.vars), footer: self.footer(), ..Words::default() })
    }

    /// Returns the footer's lines: the business's name, then its address and phone.
    fn footer(&self) -> Vec<String> {
        let reach = [self.letterhead.address(), self.letterhead.phone.clone().unwrap_or_default()];
        let reach = reach.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" · ");
        [self.letterhead.name.clone(), reach].into_iter().filter(|l| !l.is_empty()).collect()
    }

    /// Returns the finished message; answers go to the business.
    pub fn ready(self, words: Words) -> Rendering {
        let reply_to = self.letterhead.reply_to.or(self.letterhead.email).filter(|a| !a.is_empty());
        let message_id = self.message.rfc_message_id.clone();
        let Self { channel, name, to, .. } = self;
        Rendering::Ready(Box::new(Letter { channel, from: self.letterhead.name, reply_to, name, to, message_id, words }))
    }
}

async fn reach_out(read: &mut Read, mut draft: Draft<'_>) -> Result<Rendering> {
    last_time(read, &mut draft).await?;
    let url = link(draft.app, LinkKind::Unsubscribe, draft.message.link);
    let body = match &draft.message.custom_body {
        Some(own) => own.clone(),
        None => templates::of(read.db(), MessageKind::ReachOut).await?.body,
    };
    // The default text of a mail is too long to be texted.
    let is_default = body.trim() == templates::default(MessageKind::ReachOut).body;
    let short = templates::render(if is_default { templates::REACH_OUT_TEXT } else { &body }, &draft.vars);
    let words = Words { short, unsubscribe: Some(url), ..draft.words(read).await? };
    Ok(draft.ready(words))
}

async fn last_time(read: &mut Read, draft: &mut Draft<'_>) -> Result<()> {
    let zone = read.who.zone;
    if let Some(contact) = &draft.contact
        && let Some(last) = tickets::data::last_time(read.db(), contact.id, None, &[]).await?
    {
        draft.vars.insert("last_visit", format::day_year(last.on, zone));
        draft.vars.insert("last_services", visit_lines(read, last.ticket_id).await?);
    }
    Ok(())
}

async fn visit_lines(read: &mut Read, ticket: TicketId) -> Result<String> {
    let lines = tickets::data::lines(read.db(), ticket).await?;
    Ok(lines.into_iter().map(|l| l.description).collect::<Vec<_>>().join(", "))
}

/// Renders a notice to an owner. It may quote a customer, so variables in it are not filled in.
fn owner_notice(draft: Draft<'_>) -> Rendering {
    let m = draft.message;
    let words = Words {
        subject: one_line(m.custom_subject.as_deref().unwrap_or("Rounds")),
        long: m.custom_body.clone().unwrap_or_default(),
        footer: vec!["You get this because you own this business on Rounds.".into()],
        ..Words::default()
    };
    let path = match m.subject_kind.as_str() {
        "ticket" => format!("/tickets/{}", m.subject_id),
        "invoice" => format!("/invoices/{}", m.subject_id),
        _ => "/".into(),
    };
    let words = words.link("Open in Rounds", draft.app.url(&path), true);
    draft.ready(words)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
