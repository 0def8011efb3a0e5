//! Settings pages of the team: members, roles and invitations.

use askama::Template;
use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::note_changes;
use crate::{
    business::{
        actions::{InviteAgain, InviteMember, RemoveMember, UpdateMember},
        data::{self, Member},
    },
    identity::web::Nothing,
};
use platform::{
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::MemberId,
    role::{MemberState, Permission, Role},
    tenant::{Read, Who, Write},
};

#[derive(Template)]
#[template(path = "business/team.html")]
struct Index {
    head: ui::Head,
    members: Vec<Member>,
    search: String,
    state: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    search: String,
    state: String,
}

/// `GET /settings/team`
pub async fn index(mut read: Read, Query(filter): Query<Filter>) -> Result<ui::Html> {
    let state = match filter.state.as_str() {
        "active" => Some(MemberState::Active),
        "invited" => Some(MemberState::Invited),
        "disabled" => Some(MemberState::Disabled),
        _ => None,
    };
    let members = data::members(read.db(), Some(&filter.search), state).await?;
    let head = ui::Head::of(&read, "settings").title("Team").back("/settings", "Settings");
    ui::page(&Index { head, members, search: filter.search, state: filter.state })
}

/// The pill for a member's state.
fn pill(member: &Member) -> ui::Pill {
    match member.state {
        MemberState::Active => ui::pill("Active", ui::Tone::Good),
        MemberState::Invited => ui::pill("Invited", ui::Tone::Wait),
        MemberState::Disabled => ui::pill("Disabled", ui::Tone::Idle),
    }
}

fn roles(who: &Who) -> Vec<ui::Choice> {
    let hint = |role| match role {
        Role::Owner => "Everything, ownership included",
        Role::Admin => "Everything but ownership",
        Role::Staff => "Customers, tickets, close-out, invoices, payments",
        Role::Agent => "Their own and assigned tickets and customers",
        Role::Viewer => "Looks, changes nothing",
    };
    let offered = Role::ALL.into_iter().filter(|r| *r != Role::Owner || who.can(Permission::OwnBusiness));
    offered.map(|r| ui::Choice::new(r.name(), r.word()).hint(hint(r))).collect()
}

fn role_of(name: &str) -> Result<Role> {
    Role::ALL.into_iter().find(|r| r.name() == name).ok_or_else(|| FieldErrors::one("role", "Choose a role."))
}

/// The member form as typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Form {
    name: String,
    email: String,
    phone: String,
    role: String,
    color: String,
    is_technician: Option<String>,
    may_send: Option<String>,
}

#[derive(Template)]
#[template(path = "business/invite.html")]
struct Invite {
    head: ui::Head,
    form: Form,
    roles: Vec<ui::Choice>,
    errors: FieldErrors,
}

fn invite_page(read: &Read, form: Form, errors: FieldErrors) -> Invite {
    Invite {
        head: ui::Head::of(read, "settings").title("Invite somebody").back("/settings/team", "Team"),
        form,
        roles: roles(&read.who),
        errors,
    }
}

/// `GET /settings/team/new`
pub async fn new(read: Read) -> Result<ui::Html> {
    ui::page(&invite_page(
        &read,
        Form { role: "staff".into(), is_technician: Some("on".into()), ..Form::default() },
        FieldErrors::default(),
    ))
}

/// `POST /settings/team`
pub async fn invite(write: Write, form: Posted<Form>) -> Result<Response> {
    let f = &form.value;
    let invited = match role_of(&f.role) {
        Ok(role) => {
            let invite = InviteMember {
                id: None,
                email: f.email.clone(),
                name: f.name.clone(),
                role,
                is_technician: Some(f.is_technician.is_some()),
            };
            write.act(&form.meta, invite).await
        }
        Err(e) => Err(e),
    };
    match invited {
        Ok(_) => Ok(ui::redirect("/settings/team", "The invitation is on its way.")),
        Err(Error::Invalid(errors)) => Ok(ui::invalid(&invite_page(&write.read().await?, form.value, errors))?.into_response()),
        Err(e) => Err(e),
    }
}

#[derive(Template)]
#[template(path = "business/member.html")]
struct Edit {
    head: ui::Head,
    member: Member,
    form: Form,
    version: i32,
    roles: Vec<ui::Choice>,
    colors: Vec<ui::Choice>,
    allowed: Vec<&'static str>,
    is_stale: bool,
    /// An error that belongs to no field, such as disabling the last owner.
    refused: Option<String>,
    errors: FieldErrors,
}

impl Edit {
    fn may(&self, action: &str) -> bool {
        self.allowed.contains(&action)
    }
}

async fn edit(mut read: Read, id: MemberId, form: Option<Form>, errors: FieldErrors) -> Result<Edit> {
    let member = data::member(read.db(), id).await?;
    let tick = |on: bool| on.then(|| "on".to_owned());
    let form = form.unwrap_or_else(|| Form {
        name: member.name.clone(),
        email: member.email.clone(),
        phone: member.phone.clone().unwrap_or_default(),
        role: member.role.name().into(),
        color: member.color.to_string(),
        is_technician: tick(member.is_technician),
        may_send: tick(member.may_send),
    });
    Ok(Edit {
        head: ui::Head::of(&read, "settings").title(&member.name).sub(&member.email).back("/settings/team", "Team"),
        version: member.version,
        form,
        roles: roles(&read.who),
        colors: (0..8).map(|n| ui::Choice::new(n, format!("Colour {}", n + 1))).collect(),
        allowed: data::allowed_actions(&read.who, &member),
        is_stale: false,
        refused: None,
        errors,
        member,
    })
}

/// `GET /settings/team/{id}`
pub async fn show(read: Read, Path(id): Path<MemberId>) -> Result<ui::Html> {
    ui::page(&edit(read, id, None, FieldErrors::default()).await?)
}

/// `POST /settings/team/{id}`
pub async fn update(write: Write, Path(id): Path<MemberId>, form: Posted<Form>) -> Result<Response> {
    let f = &form.value;
    let saved = match role_of(&f.role) {
        Ok(role) => {
            let update = UpdateMember {
                member_id: id,
                name: Some(f.name.clone()),
                phone: Some(f.phone.clone()),
                role: Some(role),
                is_technician: Some(f.is_technician.is_some()),
                color: f.color.parse().ok(),
                may_send: Some(f.may_send.is_some()),
                disabled: None,
            };
            write.act(&form.meta, update).await
        }
        Err(e) => Err(e),
    };
    match saved {
        Ok(_) => Ok(ui::redirect("/settings/team", "Saved.")),
        Err(Error::Invalid(errors)) => {
            let mut page = edit(write.read().await?, id, Some(form.value), errors).await?;
            page.version = form.meta.if_version.unwrap_or(page.version);
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(Error::Conflict { current: Some(_), .. }) => {
            let mut page = edit(write.read().await?, id, Some(form.value), FieldErrors::default()).await?;
            page.is_stale = true;
            let (f, m) = (page.form.clone(), page.member.clone());
            let fields = [
                ("name", f.name.as_str(), m.name),
                ("phone", f.phone.as_str(), m.phone.unwrap_or_default()),
                ("role", f.role.as_str(), m.role.name().into()),
            ];
            note_changes(&mut page.errors, &fields);
            Ok(ui::with_status(StatusCode::CONFLICT, &page)?.into_response())
        }
        Err(Error::Conflict { message, .. }) if form.meta.org.is_none_or(|o| o == write.who.org) => refused(&write, id, message).await,
        Err(e) => Err(e),
    }
}

async fn refused(write: &Write, id: MemberId, message: String) -> Result<Response> {
    let mut page = edit(write.read().await?, id, None, FieldErrors::default()).await?;
    page.refused = Some(message);
    Ok(ui::with_status(StatusCode::CONFLICT, &page)?.into_response())
}

/// `POST /settings/team/{id}/remove`
pub async fn remove(write: Write, Path(id): Path<MemberId>, form: Posted<Nothing>) -> Result<Response> {
    match write.act(&form.meta, RemoveMember { member_id: id }).await {
        Ok(_) => Ok(ui::redirect("/settings/team", "Removed. Their work stays on record.")),
        Err(Error::Conflict { message, .. }) if form.meta.org.is_none_or(|o| o == write.who.org) => refused(&write, id, message).await,
        Err(e) => Err(e),
    }
}

/// `POST /settings/team/{id}/enable`
pub async fn enable(write: Write, Path(id): Path<MemberId>, form: Posted<Nothing>) -> Result<Response> {
    let update = UpdateMember {
        member_id: id,
        name: None,
        phone: None,
        role: None,
        is_technician: None,
        color: None,
        may_send: None,
        disabled: Some(false),
    };
    write.act(&form.meta, update).await?;
    Ok(ui::redirect("/settings/team", "Back in the team."))
}

/// `POST /settings/team/{id}/invite`
pub async fn invite_again(write: Write, Path(id): Path<MemberId>, form: Posted<Nothing>) -> Result<Response> {
    write.act(&form.meta, InviteAgain { member_id: id }).await?;
    Ok(ui::redirect("/settings/team", "The invitation is on its way."))
}
