//! Settings pages of the team: members, roles and invitations.

use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use serde::Deserialize;

use crate::business::{
    actions::{InviteAgain, InviteMember, RemoveMember, UpdateMember},
    data::{self, Member},
};
use platform::{
    error::Result,
    ids::MemberId,
    role::{MemberState, Permission, Role},
    tenant::{Read, Who, Write},
};
use ui::Form;

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

fn role_of(form: &mut Form) -> Option<Role> {
    form.must("role", |name| Role::ALL.into_iter().find(|r| r.name() == name).ok_or("Choose a role."))
}

#[derive(Template)]
#[template(path = "business/invite.html")]
struct Invite {
    head: ui::Head,
    form: Form,
    roles: Vec<ui::Choice>,
}

fn invite_page(read: &Read, form: Form) -> Invite {
    let head = ui::Head::of(read, "settings").title("Invite somebody").back("/settings/team", "Team");
    Invite { head, form, roles: roles(&read.who) }
}

/// `GET /settings/team/new`
pub async fn new(read: Read) -> Result<ui::Html> {
    ui::page(&invite_page(&read, Form::default().with("role", "staff").tick("is_technician", true)))
}

/// `POST /settings/team`
pub async fn invite(write: Write, mut form: Form) -> Result<Response> {
    let action = role_of(&mut form).map(|role| InviteMember {
        id: None,
        email: form.owned("email"),
        name: form.owned("name"),
        role,
        is_technician: Some(form.is_on("is_technician")),
    });
    let done = |_| ui::redirect("/settings/team", "The invitation is on its way.");
    form.run(&write, action, done, async |r, form| Ok(invite_page(r, form))).await
}

#[derive(Template)]
#[template(path = "business/member.html")]
struct Edit {
    head: ui::Head,
    member: Member,
    form: Form,
    roles: Vec<ui::Choice>,
    colors: Vec<ui::Choice>,
    allowed: Vec<&'static str>,
}

impl Edit {
    fn may(&self, action: &str) -> bool {
        self.allowed.contains(&action)
    }
}

fn filled(m: &Member) -> Form {
    Form::default()
        .version(m.version)
        .with("name", &m.name)
        .with("phone", &m.phone)
        .with("role", m.role.name())
        .with("color", m.color)
        .tick("is_technician", m.is_technician)
        .tick("may_send", m.may_send)
}

/// The fields compared with what others saved meanwhile.
const LABELS: [(&str, &str); 6] = [
    ("name", "Name"),
    ("phone", "Phone"),
    ("role", "Role"),
    ("is_technician", "Goes to customers"),
    ("may_send", "May send to customers"),
    ("color", "In the calendar"),
];

/// The member's page; `refused` is the form of it that was refused.
async fn edit(read: &mut Read, id: MemberId, refused: Option<Form>) -> Result<Edit> {
    let member = data::member(read.db(), id).await?;
    let mut form = Form::editing(filled(&member), refused, &LABELS);
    let roles = roles(&read.who);
    let colors: Vec<_> = (0..8).map(|n| ui::Choice::new(n, format!("Colour {}", n + 1))).collect();
    form.spell("Role", &roles);
    form.spell("In the calendar", &colors);
    for label in ["Goes to customers", "May send to customers"] {
        form.spell(label, &[ui::Choice::new("on", "yes"), ui::Choice::new("", "no")]);
    }
    Ok(Edit {
        head: ui::Head::of(read, "settings").title(&member.name).sub(&member.email).back("/settings/team", "Team"),
        form,
        roles,
        colors,
        allowed: data::allowed_actions(&read.who, &member),
        member,
    })
}

/// `GET /settings/team/{id}`
pub async fn show(mut read: Read, Path(id): Path<MemberId>) -> Result<ui::Html> {
    ui::page(&edit(&mut read, id, None).await?)
}

/// `POST /settings/team/{id}`
pub async fn update(write: Write, Path(id): Path<MemberId>, mut form: Form) -> Result<Response> {
    let action = role_of(&mut form).map(|role| UpdateMember {
        member_id: id,
        name: Some(form.owned("name")),
        phone: Some(form.owned("phone")),
        role: Some(role),
        is_technician: Some(form.is_on("is_technician")),
        color: form.parsed("color"),
        may_send: Some(form.is_on("may_send")),
        disabled: None,
    });
    let done = |_| ui::redirect("/settings/team", "Saved.");
    form.run(&write, action, done, async |r, form| edit(r, id, Some(form)).await).await
}

/// `POST /settings/team/{id}/remove`
pub async fn remove(write: Write, Path(id): Path<MemberId>, form: Form) -> Result<Response> {
    let page = async |r: &mut Read, removal: Form| {
        // This form has no fields of its own: the member's stay as saved.
        let mut page = edit(r, id, None).await?;
        page.form.notice = removal.notice;
        Ok(page)
    };
    let done = |_| ui::redirect("/settings/team", "Removed. Their work stays on record.");
    form.run(&write, Some(RemoveMember { member_id: id }), done, page).await
}

/// `POST /settings/team/{id}/enable`
pub async fn enable(write: Write, Path(id): Path<MemberId>, form: Form) -> Result<Response> {
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
pub async fn invite_again(write: Write, Path(id): Path<MemberId>, form: Form) -> Result<Response> {
    write.act(&form.meta, InviteAgain { member_id: id }).await?;
    Ok(ui::redirect("/settings/team", "The invitation is on its way."))
}
