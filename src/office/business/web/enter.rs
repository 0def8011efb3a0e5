//! Pages that enter a business: sign-in by link or code, the list of one's businesses, and a new business.

use askama::Template;
use axum::{
    extract::{FromRequestParts as _, Path, State},
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::zone_name;
use crate::{
    business::actions::{self, Founder, NewBusiness},
    identity::{
        self, BROWSER_COOKIE,
        actions::Proof,
        data::Business,
        web::{Nothing, after, dead_link, send, signed_in, wrong_code},
    },
};
use platform::{
    app::App,
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::OrgId,
    money::Currency,
    rate,
    role::MemberState,
    tenant::{self, SignedIn, origin},
};

fn user_agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// Limits attempts with links and codes to 30 per network in 15 minutes.
async fn slowed(app: &App, parts: &Parts) -> Result<()> {
    rate::limit(app, &format!("sign-in:try:{}", origin(parts, app).counted()), 30, 900).await
}

/// `POST /sign-in/{token}`: signs in by link.
pub async fn by_link(State(app): State<App>, Path(token): Path<String>, parts: Parts) -> Result<Response> {
    slowed(&app, &parts).await?;
    match come_in(&app, Proof::Link(&token), &parts).await? {
        Some(response) => Ok(response),
        None => Ok(dead_link()?.into_response()),
    }
}

#[derive(Debug, Deserialize)]
pub struct CodeForm {
    #[serde(default)]
    code: String,
}

/// `POST /sign-in/code`: signs in by the six-digit code, in the browser that requested it.
pub async fn by_code(State(app): State<App>, parts: Parts, form: Posted<CodeForm>) -> Result<Response> {
    slowed(&app, &parts).await?;
    let browser = tenant::cookie(&parts.headers, BROWSER_COOKIE).unwrap_or_default();
    match come_in(&app, Proof::Code { code: &form.value.code, browser: &browser }, &parts).await? {
        Some(response) => Ok(response),
        None => wrong_code(&app, &parts.headers).await,
    }
}

async fn come_in(app: &App, proof: Proof<'_>, parts: &Parts) -> Result<Option<Response>> {
    let Some(entered) = actions::enter(app, proof, &origin(parts, app), user_agent(&parts.headers)).await? else { return Ok(None) };
    // The sign-in is committed: where it leads may not turn it into a failure.
    let to = after(app, entered.session, entered.next.as_deref()).await.unwrap_or_else(|_| "/".to_owned());
    let words = if entered.founded.is_some() { "Your business is ready." } else { "" };
    Ok(Some(signed_in(app, &entered.token, &to, words)))
}

#[derive(Template)]
#[template(path = "business/index.html")]
struct Index {
    businesses: Vec<Business>,
    current: Option<OrgId>,
    email: String,
    may_found: bool,
}

/// `GET /businesses`: the user's businesses and invitations.
pub async fn index(State(app): State<App>, who: SignedIn) -> Result<ui::Html> {
    let businesses = identity::data::businesses(&app, who.user).await?;
    let current = identity::data::current(&app, who.session).await?;
    let email = identity::data::email_of(&app, who.user).await?;
    let may_found = identity::data::may_found(&app, Some(who.user)).await?;
    ui::page(&Index { businesses, current, email, may_found })
}

/// `POST /businesses/{id}/enter`: switches to the business, accepting an open invitation.
pub async fn switch(State(app): State<App>, who: SignedIn, Path(id): Path<OrgId>, parts: Parts, _: Posted<Nothing>) -> Result<Response> {
    actions::accept(&app, Founder { user: who.user, session: who.session }, id, &origin(&parts, &app)).await?;
    Ok(ui::redirect("/", ""))
}

/// The fields of the sign-up form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NewForm {
    id: String,
    name: String,
    person: String,
    email: String,
    time_zone: String,
    currency: String,
}

#[derive(Template)]
#[template(path = "business/new.html")]
struct NewPage {
    form: NewForm,
    /// Nobody is signed in, so the form asks for an address, which must be proven first.
    asks_email: bool,
    currencies: Vec<ui::Choice>,
    errors: FieldErrors,
}

fn new_page(form: NewForm, asks_email: bool, errors: FieldErrors) -> NewPage {
    let currencies = Currency::all().map(|c| ui::Choice::new(c.code(), format!("{} · {}", c.code(), c.name()))).collect();
    NewPage { form, asks_email, currencies, errors }
}

/// `GET /businesses/new`
pub async fn new(State(app): State<App>, mut parts: Parts) -> Result<Response> {
    let who = SignedIn::from_request_parts(&mut parts, &app).await.ok();
    if !identity::data::may_found(&app, who.as_ref().map(|w| w.user)).await? {
        return Err(Error::Forbidden);
    }
    let form = NewForm { id: OrgId::new().to_string(), time_zone: "America/New_York".into(), currency: "USD".into(), ..NewForm::default() };
    Ok(ui::page(&new_page(form, who.is_none(), FieldErrors::default()))?.into_response())
}

/// `POST /businesses`: creates the business for a signed-in user. Anybody else gets a sign-in mail first; using it creates the business.
pub async fn create(State(app): State<App>, mut parts: Parts, form: Posted<NewForm>) -> Result<Response> {
    let who = SignedIn::from_request_parts(&mut parts, &app).await.ok();
    match create_or_ask(&app, &parts, who.as_ref(), &form.value).await {
        Err(Error::Invalid(errors)) => Ok(ui::invalid(&new_page(form.value, who.is_none(), errors))?.into_response()),
        done => done,
    }
}

async fn create_or_ask(app: &App, parts: &Parts, who: Option<&SignedIn>, form: &NewForm) -> Result<Response> {
    if !identity::data::may_found(app, who.map(|w| w.user)).await? {
        return Err(Error::Forbidden);
    }
    let new = NewBusiness {
        id: form.id.parse().unwrap_or_default(),
        name: form.name.clone(),
        time_zone: zone_name(&form.time_zone),
        currency: form.currency.clone(),
        person: form.person.clone(),
    };
    let mut errors = match new.check() {
        Err(Error::Invalid(errors)) => errors,
        other => other.map(|()| FieldErrors::default())?,
    };
    if let (None, Err(Error::Invalid(e))) = (who, identity::email(&form.email)) {
        errors.0.extend(e.0);
    }
    errors.into_result()?;
    match who {
        Some(who) => {
            actions::found(app, Founder { user: who.user, session: who.session }, &new, &origin(parts, app)).await?;
            Ok(ui::redirect("/", "Your business is ready."))
        }
        None => send(app, parts, &form.email, "/", Some(serde_json::to_value(&new)?)).await,
    }
}
