//! Jobs: sends invitations by mail.

use serde::{Deserialize, Serialize};

use super::{actions::RecordInvitation, data};
use platform::{
    action::Meta,
    app::App,
    error::{Error, Result},
    ids::{MemberId, OrgId},
    jobs::{Job, Waiting},
    mail::{MailError, Mailbox, Outgoing},
    role::MemberState,
    tenant::{Read, Write},
};
use ui::email::Email;

/// Mails an invitation. The mail grants no access: the invited person signs in with their own address.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendInvitation {
    pub member: MemberId,
}

impl Job for SendInvitation {
    const NAME: &'static str = "send_invitation";
    type Of = OrgId;
    const WAITING: Option<Waiting<Self>> = Some(("waiting_invitations", |id| Self { member: MemberId(id) }));

    fn key(&self) -> String {
        self.member.to_string()
    }

    async fn run(self, app: &App, org: OrgId) -> Result<()> {
        invite(app, org, self.member).await
    }
}

async fn invite(app: &App, org: OrgId, id: MemberId) -> Result<()> {
    let mut read = Read::of_org(app, org).await?;
    let (business, member) = (read.who.org_name.clone(), data::member(read.db(), id).await?);
    drop(read);
    if member.state != MemberState::Invited {
        return Ok(());
    }
    let mail = Email {
        subject: format!("{business} invites you to Rounds"),
        from: business.clone(),
        body: format!(
            "Hello {},\n\n{business} has added you to its team as {}. Sign in with this address, {}, and accept.\n\nIf you do not know {business}, do nothing.",
            member.name,
            member.role.word().to_lowercase(),
            member.email
        ),
        ..Email::default()
    }
    .button("Sign in and accept", app.url("/sign-in?next=%2Fbusinesses"), true);
    let outgoing = Outgoing {
        from: Mailbox { name: business, address: app.mail_from.address.clone() },
        reply_to: None,
        to: Mailbox { name: member.name, address: member.email },
        text: mail.text()?,
        html: Some(mail.html()?),
        subject: mail.subject,
        message_id: format!("invitation-{id}-{}@{}", member.version, app.host()),
        date: app.clock.now(),
        attachments: Vec::new(),
        list_unsubscribe: None,
    };
    match app.mailer.send(&outgoing).await {
        Ok(_) => Write::of_org(app, org, "job").await?.act(&Meta::default(), RecordInvitation { member_id: id }).await,
        // A permanent refusal also fails the job, so that the owner sees it. Its text may contain the address: it is not logged.
        Err(MailError::Permanent(_)) => Err(Error::Provider("The mail server refuses this invitation.".into())),
        Err(MailError::Temporary(_) | MailError::InDoubt(_)) => Err(Error::Provider("The mail server did not take the invitation.".into())),
    }
}
