//! API tokens: they let programs act with the rights of the member they belong to.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Written;
use crate::{business::check_name, identity};
use platform::{
    action::{Action, Cx, Meta, Subject},
    app::App,
    error::{Error, FieldErrors, Result},
    ids::{MemberId, OrgId, TokenId},
    role::{MemberState, Permission, Role},
    secrets::{digest, hmac_sha256},
    tenant::Write,
};

/// Creates an API token for the caller. The token is derived from its id and the server key and shown once, on the page or command line
/// that created it: no answer, queue or table contains it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CreateToken {
    #[serde(default)]
    pub id: Option<TokenId>,
    /// The purpose, as the list of tokens shows it.
    #[garde(custom(check_name))]
    pub name: String,
    /// The member it belongs to. Another member than the caller is accepted only from the command line.
    #[serde(default)]
    pub member_id: Option<MemberId>,
}

/// A created token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenMade {
    pub id: TokenId,
}

impl TokenMade {
    /// The token's text, to be shown once.
    pub fn reveal(&self, app: &App) -> String {
        reveal(app, self.id)
    }
}

fn reveal(app: &App, id: TokenId) -> String {
    format!("rounds_{}", URL_SAFE_NO_PAD.encode(hmac_sha256(&app.server_key, format!("api-token:{id}").as_bytes())))
}

/// Revokes a token at once: the caller's own, or another member's with the permission to manage the team.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RevokeToken {
    pub id: TokenId,
}

fn about(id: TokenId) -> Subject {
    Subject { kind: "api_token", id: id.0, contact: None }
}

impl Action for CreateToken {
    const NAME: &'static str = "token.create";
    const NEEDS: Permission = Permission::Any;
    type Output = TokenMade;

    async fn run(self, cx: &mut Cx<'_>) -> Result<TokenMade> {
        let member = match (cx.who.member, self.member_id) {
            (Some(me), None) => me,
            (Some(me), Some(other)) if me == other => me,
            (None, Some(other)) => other,
            _ => return Err(Error::Forbidden),
        };
        let id = self.id.unwrap_or_default();
        let hash = digest(reveal(cx.app, id).as_bytes()).to_vec();
        let name: String = self.name.trim().chars().take(80).collect();
        sqlx::query!("insert into api_tokens (id, member_id, name, token_hash) values ($1, $2, $3, $4)", id.0, member.0, name, hash)
            .execute(cx.db())
            .await?;
        cx.event("token.created", about(id), json!({ "member": member })).await?;
        Ok(TokenMade { id })
    }
}

impl Action for RevokeToken {
    const NAME: &'static str = "token.revoke";
    const NEEDS: Permission = Permission::Any;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let token = sqlx::query!(
            r#"select t.member_id as "member: MemberId", m.role as "role: Role" from api_tokens t join members m on m.org_id = t.org_id and m.id = t.member_id
                where t.id = $1 for update of t"#,
            self.id.0
        )
        .fetch_one(cx.db())
        .await?;
        if cx.who.member != Some(token.member) {
            let needs = if token.role == Role::Owner { Permission::OwnBusiness } else { Permission::ManageTeam };
            // `NotFound` hides that the token exists.
            cx.who.require(needs).map_err(|_| Error::NotFound)?;
        }
        let version = sqlx::query_scalar!(
            "update api_tokens set revoked_at = coalesce(revoked_at, app.now()) where id = $1 returning version",
            self.id.0
        )
        .fetch_one(cx.db())
        .await?;
        cx.event("token.revoked", about(self.id), json!({})).await?;
        Ok(Written { id: self.id.0, version })
    }
}

/// Sets the current token's time of last use. Not in the action registry: the middleware of the API routes runs it, once a day.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
pub struct TouchToken {}

impl Action for TouchToken {
    const NAME: &'static str = "token.touch";
    const NEEDS: Permission = Permission::Any;
    type Output = ();

    async fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        sqlx::query!("update api_tokens set last_used_at = app.now() where id = nullif(current_setting('app.token_id', true), '')::uuid")
            .execute(cx.db())
            .await?;
        Ok(())
    }
}

/// Creates a token for the user with the address `email` and returns its text (`rounds token`). `org` may be omitted if the user belongs
/// to one business; a field error lists them if there are several. `NotFound` for an unknown user or business.
pub async fn token_make(app: &App, email: &str, org: Option<OrgId>, name: &str) -> Result<String> {
    let user = identity::data::user_by_email(app, &identity::email(email)?).await?.ok_or(Error::NotFound)?;
    let mut theirs = identity::data::businesses(app, user).await?;
    theirs.retain(|b| b.state == MemberState::Active && org.is_none_or(|o| o == b.org));
    let business = match theirs.as_slice() {
        [] => return Err(Error::NotFound),
        [only] => only,
        several => {
            let names: Vec<String> = several.iter().map(|b| format!("{} ({})", b.org, b.name)).collect();
            return Err(FieldErrors::one("org", format!("Which business? This person belongs to several: {}.", names.join(", "))));
        }
    };
    let write = Write::of_org(app, business.org, "system").await?;
    let made = write.act(&Meta::default(), CreateToken { id: None, name: name.to_owned(), member_id: Some(business.member) }).await?;
    Ok(made.reveal(app))
}
