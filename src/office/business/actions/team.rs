//! Writes of the team. An admin can't change owners; a business always has an active owner.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::Written;
use crate::{
    business::{check_name, jobs::SendInvitation},
    identity,
};
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, FieldErrors, Result},
    ids::MemberId,
    role::{MemberState, Permission, Role},
    tenant::Who,
    text,
};

/// Invites a person by mail. They become an active member when they accept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct InviteMember {
    #[serde(default)]
    pub id: Option<MemberId>,
    pub email: String,
    #[garde(custom(check_name))]
    pub name: String,
    pub role: Role,
    /// Whether the member can be booked. Default: true for staff and agents.
    #[serde(default)]
    pub is_technician: Option<bool>,
}

/// Changes a member. A field that is left out stays as it is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct UpdateMember {
    pub member_id: MemberId,
    #[garde(inner(custom(check_name)))]
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub phone: Option<String>,
    #[serde(default)]
    pub role: Option<Role>,
    #[serde(default)]
    pub is_technician: Option<bool>,
    /// Index of the calendar colour, 0 to 7.
    #[garde(inner(range(min = 0, max = 7)))]
    #[serde(default)]
    pub color: Option<i32>,
    /// Whether an agent may send to customers.
    #[serde(default)]
    pub may_send: Option<bool>,
    /// True disables the member at once; false enables them again.
    #[serde(default)]
    pub disabled: Option<bool>,
}

/// Disables a member. Their work stays on record under their name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RemoveMember {
    pub member_id: MemberId,
}

/// Resends the invitation of a member who has not accepted yet.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct InviteAgain {
    pub member_id: MemberId,
}

/// `Forbidden` if one of `roles` (present and future role of the member) is owner and `who` is not an owner.
fn may_touch(who: &Who, roles: [Option<Role>; 2]) -> Result<()> {
    let is_about_owner = roles.contains(&Some(Role::Owner));
    if is_about_owner && !who.can(Permission::OwnBusiness) { Err(Error::Forbidden) } else { Ok(()) }
}

struct Current {
    role: Role,
    state: MemberState,
    joined: bool,
}

/// Locks and reads the member.
async fn current(cx: &mut Cx<'_>, id: MemberId) -> Result<Current> {
    Ok(sqlx::query_as!(
        Current,
        r#"select role as "role: Role", state as "state: MemberState", joined_at is not null as "joined!" from members where id = $1 for update"#,
        id.0
    )
    .fetch_one(cx.db())
    .await?)
}

/// Locks the active owners in id order. A conflict if `losing` is the last one.
async fn keep_an_owner(cx: &mut Cx<'_>, losing: MemberId) -> Result<()> {
    let owners = sqlx::query_scalar!("select id from members where role = 'owner' and state = 'active' order by id for update")
        .fetch_all(cx.db())
        .await?;
    if owners.iter().any(|id| *id != losing.0) {
        return Ok(());
    }
    Err(Error::conflict("A business needs an owner. Make somebody else an owner first."))
}

fn about(id: MemberId) -> Subject {
    Subject { kind: "member", id: id.0, contact: None }
}

impl Action for InviteMember {
    const NAME: &'static str = "member.invite";
    const NEEDS: Permission = Permission::ManageTeam;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        may_touch(cx.who, [Some(self.role), None])?;
        let email = identity::email(&self.email)?;
        let id = self.id.unwrap_or_default();
        let app = cx.app;
        let user = identity::actions::user_of(cx.db(), app, &email).await?;
        let version = sqlx::query_scalar!(
            "insert into members (id, user_id, role, state, name, email, is_technician, invited_at, invitation_due_at, color)
             values ($1, $2, $3, 'invited', $4, $5, $6, app.now(), app.now(), (select count(*)::int % 8 from members)) returning version",
            id.0,
            user.0,
            self.role as Role,
            text::collapse(&self.name),
            email,
            self.is_technician.unwrap_or(matches!(self.role, Role::Staff | Role::Agent))
        )
        .fetch_one(cx.db())
        .await?;
        invite(cx, id).await?;
        cx.event("member.invited", about(id), json!({ "role": self.role })).await?;
        Ok(Written { id: id.0, version })
    }
}

async fn invite(cx: &mut Cx<'_>, id: MemberId) -> Result<()> {
    cx.enqueue(SendInvitation { member: id }).await
}

impl Action for InviteAgain {
    const NAME: &'static str = "member.invite_again";
    const NEEDS: Permission = Permission::ManageTeam;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let now = current(cx, self.member_id).await?;
        may_touch(cx.who, [Some(now.role), None])?;
        if now.state != MemberState::Invited {
            return Err(Error::conflict("This person is not waiting for an invitation."));
        }
        let version = sqlx::query_scalar!(
            "update members set invited_at = app.now(), invitation_due_at = app.now() where id = $1 returning version",
            self.member_id.0
        )
        .fetch_one(cx.db())
        .await?;
        invite(cx, self.member_id).await?;
        Ok(Written { id: self.member_id.0, version })
    }
}

/// Records that the invitation's mail has gone out. Only its job runs this action.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RecordInvitation {
    pub member_id: MemberId,
}

impl Action for RecordInvitation {
    const NAME: &'static str = "member.record_invitation";
    const NEEDS: Permission = Permission::ManageTeam;
    type Output = ();

    async fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        sqlx::query!("update members set invitation_due_at = null where id = $1", self.member_id.0).execute(cx.db()).await?;
        Ok(())
    }
}

impl Action for UpdateMember {
    const NAME: &'static str = "member.update";
    const NEEDS: Permission = Permission::ManageTeam;
    type Output = Written;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("members", self.member_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let now = current(cx, self.member_id).await?;
        may_touch(cx.who, [Some(now.role), self.role])?;
        let role = self.role.unwrap_or(now.role);
        let state = match self.disabled {
            None => now.state,
            Some(true) => MemberState::Disabled,
            Some(false) if now.state != MemberState::Disabled => now.state,
            // A member who never accepted goes back to invited, not to active.
            Some(false) => {
                if now.joined {
                    MemberState::Active
                } else {
                    MemberState::Invited
                }
            }
        };
        let was_owner = now.role == Role::Owner && now.state == MemberState::Active;
        if was_owner && (role != Role::Owner || state != MemberState::Active) {
            keep_an_owner(cx, self.member_id).await?;
        }
        if self.phone.as_ref().is_some_and(|p| p.chars().count() > 40) {
            return Err(FieldErrors::one("phone", "At most 40 characters."));
        }
        let version = sqlx::query_scalar!(
            "update members set name = coalesce($2, name), phone = case when $3::text is null then phone else nullif(trim($3), '') end,
                    role = $4, state = $5, is_technician = coalesce($6, is_technician), color = coalesce($7, color), may_send = coalesce($8, may_send)
              where id = $1 returning version",
            self.member_id.0,
            self.name.as_deref().map(text::collapse),
            self.phone,
            role as Role,
            state as MemberState,
            self.is_technician,
            self.color,
            self.may_send
        )
        .fetch_one(cx.db())
        .await?;
        cx.event("member.updated", about(self.member_id), json!({ "role": role, "state": state })).await?;
        Ok(Written { id: self.member_id.0, version })
    }
}

impl Action for RemoveMember {
    const NAME: &'static str = "member.remove";
    const NEEDS: Permission = Permission::ManageTeam;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let update = UpdateMember {
            member_id: self.member_id,
            name: None,
            phone: None,
            role: None,
            is_technician: None,
            color: None,
            may_send: None,
            disabled: Some(true),
        };
        update.run(cx).await
    }
}
