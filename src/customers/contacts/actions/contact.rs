//! `contact.create` and `contact.update`.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{AddressInput, about, active, duplicates, index, line};
use crate::contacts::{
    Contact, Parts, Relation, data, display_name,
    likeness::Person,
    personal::{self, EmailInput, NewEmail, NewPhone, PhoneInput},
};
use platform::{
    action::{Action, Cx},
    error::{FieldErrors, Result},
    ids::{ConsentId, ContactId, MemberId},
    role::Permission,
};

/// Adds a contact. A name, a company, a phone or an email is enough.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
#[serde(default)]
pub struct CreateContact {
    pub id: Option<ContactId>,
    pub relation: Relation,
    pub is_organisation: bool,
    pub first_name: String,
    pub last_name: String,
    pub nickname: String,
    pub company: String,
    pub emails: Vec<EmailInput>,
    pub phones: Vec<PhoneInput>,
    /// The first place of service.
    pub address: Option<AddressInput>,
    pub tags: Vec<String>,
    /// `morning` or `afternoon`; empty for none.
    pub preferred_time: String,
    pub preferred_member_id: Option<MemberId>,
    /// `email`, `phone`, `sms` or `letter`; empty for none.
    pub preferred_channel: String,
    /// Consent to marketing mail; null if the customer was not asked.
    pub email_consent: Option<bool>,
    pub sms_consent: Option<bool>,
    /// How the customer agreed, in the user's words. Required if `sms_consent` becomes true.
    pub consent_wording: String,
    pub birthday: String,
    pub customer_since: Option<NaiveDate>,
    /// Whether to refuse (409, `lookalikes`) if a contact with the same phone or email, or the same name and street, exists.
    /// Otherwise the contact is created and likely duplicates are proposed.
    pub refuse_lookalikes: bool,
}

/// Changes the given fields and leaves the others. A list replaces the whole list, an empty text clears the field.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct UpdateContact {
    pub contact_id: ContactId,
    #[serde(default, flatten)]
    pub change: ContactChange,
}

/// The parts of a contact that can be changed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ContactChange {
    pub relation: Option<Relation>,
    pub is_organisation: Option<bool>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub nickname: Option<String>,
    pub company: Option<String>,
    pub emails: Option<Vec<EmailInput>>,
    pub phones: Option<Vec<PhoneInput>>,
    pub tags: Option<Vec<String>>,
    pub preferred_time: Option<String>,
    /// An empty text clears it.
    pub preferred_member_id: Option<String>,
    pub preferred_channel: Option<String>,
    pub email_consent: Option<bool>,
    pub sms_consent: Option<bool>,
    pub consent_wording: String,
    pub birthday: Option<String>,
    pub customer_since: Option<NaiveDate>,
}

/// The contact's id, display name and new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactOutput {
    pub id: ContactId,
    pub name: String,
    pub version: i32,
}

impl Action for CreateContact {
    const NAME: &'static str = "contact.create";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = ContactOutput;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let id = self.id.unwrap_or_default();
        let (contact, emails, phones, address) = self.checked(cx, id)?;
        if self.refuse_lookalikes {
            let person = Person {
                first_name: contact.first_name.clone(),
                last_name: contact.last_name.clone(),
                company: contact.company.clone(),
                emails: emails.iter().map(|e| e.match_key.clone()).collect(),
                phones: phones.iter().map(|p| p.match_key.clone()).collect(),
                street: address.as_ref().map_or(String::new(), |a| a.street.clone()),
            };
            duplicates::refuse_lookalikes(cx, &person).await?;
        }
        insert(cx, &contact).await?;
        personal::replace_emails(cx.db(), id, &emails).await?;
        personal::replace_phones(cx.db(), id, &phones).await?;
        if let Some(mut address) = address {
            address.is_primary = true;
            personal::insert_address(cx.db(), &address).await?;
        }
        record_consents(cx, id, (None, None), (contact.email_consent, contact.sms_consent), &self.consent_wording).await?;
        duplicates::propose(cx, id).await?;
        index(cx, id).await?;
        cx.event("contact.created", about(id), json!({ "name": contact.name })).await?;
        Ok(ContactOutput { id, name: contact.name, version: 1 })
    }
}

impl CreateContact {
    #[allow(clippy::type_complexity)]
    fn checked(&self, cx: &Cx<'_>, id: ContactId) -> Result<(Contact, Vec<NewEmail>, Vec<NewPhone>, Option<crate::contacts::Address>)> {
        let mut errors = FieldErrors::default();
        let emails = personal::check_emails(&self.emails, &mut errors);
        let phones = personal::check_phones(&self.phones, &cx.who.country, &mut errors);
        let address = self.address.as_ref().filter(|a| !a.is_empty()).map(|a| a.checked(&mut errors, id, "address."));
        let mut contact = Contact {
            id,
            relation: self.relation,
            is_organisation: self.is_organisation,
            name: String::new(),
            first_name: line(&mut errors, "first_name", &self.first_name, 80),
            last_name: line(&mut errors, "last_name", &self.last_name, 80),
            nickname: line(&mut errors, "nickname", &self.nickname, 80),
            company: line(&mut errors, "company", &self.company, 120),
            tags: tags(&mut errors, &self.tags),
            preferred_time: one_of(&mut errors, "preferred_time", &self.preferred_time, &["morning", "afternoon"]),
            preferred_member_id: self.preferred_member_id,
            preferred_channel: one_of(&mut errors, "preferred_channel", &self.preferred_channel, &["email", "phone", "sms", "letter"]),
            email_consent: self.email_consent,
            sms_consent: self.sms_consent,
            birthday: Some(line(&mut errors, "birthday", &self.birthday, 40)).filter(|b| !b.is_empty()),
            customer_since: self.customer_since,
            source: if cx.who.source == "page" { "manual".into() } else { cx.who.source.clone() },
            archived_at: None,
            created_at: cx.now(),
            version: 1,
        };
        name(&mut errors, &mut contact, first(&phones, |p| &p.typed), first(&emails, |e| &e.address));
        texts_agreed(&mut errors, None, self.sms_consent, &self.consent_wording);
        errors.into_result()?;
        Ok((contact, emails, phones, address))
    }
}

impl Action for UpdateContact {
    const NAME: &'static str = "contact.update";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = ContactOutput;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("contacts", self.contact_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let id = self.contact_id;
        active(cx, id).await?;
        let mut contact = data::contact(cx.db(), id).await?;
        let before = (contact.email_consent, contact.sms_consent);
        let mut errors = FieldErrors::default();
        let change = self.change;
        let emails = change.emails.as_ref().map(|e| personal::check_emails(e, &mut errors));
        let phones = change.phones.as_ref().map(|p| personal::check_phones(p, &cx.who.country, &mut errors));
        change.apply(&mut contact, &mut errors);
        let (kept_email, kept_phone) = personal::first_reach(cx.db(), id).await?;
        let email = emails.as_ref().map_or(kept_email.unwrap_or_default(), |e| first(e, |e| &e.address).to_owned());
        let phone = phones.as_ref().map_or(kept_phone.unwrap_or_default(), |p| first(p, |p| &p.typed).to_owned());
        name(&mut errors, &mut contact, &phone, &email);
        texts_agreed(&mut errors, before.1, contact.sms_consent, &change.consent_wording);
        errors.into_result()?;
        let version = save(cx, &contact).await?;
        if let Some(emails) = &emails {
            personal::replace_emails(cx.db(), id, emails).await?;
        }
        if let Some(phones) = &phones {
            personal::replace_phones(cx.db(), id, phones).await?;
        }
        record_consents(cx, id, before, (contact.email_consent, contact.sms_consent), &change.consent_wording).await?;
        duplicates::propose(cx, id).await?;
        index(cx, id).await?;
        cx.event("contact.updated", about(id), json!({ "name": contact.name })).await?;
        Ok(ContactOutput { id, name: contact.name, version })
    }
}

impl ContactChange {
    fn apply(&self, contact: &mut Contact, errors: &mut FieldErrors) {
        contact.relation = self.relation.unwrap_or(contact.relation);
        contact.is_organisation = self.is_organisation.unwrap_or(contact.is_organisation);
        let mut text = |field: &str, typed: &Option<String>, max, to: &mut String| {
            if let Some(typed) = typed {
                *to = line(errors, field, typed, max);
            }
        };
        text("first_name", &self.first_name, 80, &mut contact.first_name);
        text("last_name", &self.last_name, 80, &mut contact.last_name);
        text("nickname", &self.nickname, 80, &mut contact.nickname);
        text("company", &self.company, 120, &mut contact.company);
        if let Some(typed) = &self.tags {
            contact.tags = tags(errors, typed);
        }
        if let Some(typed) = &self.preferred_time {
            contact.preferred_time = one_of(errors, "preferred_time", typed, &["morning", "afternoon"]);
        }
        if let Some(typed) = &self.preferred_channel {
            contact.preferred_channel = one_of(errors, "preferred_channel", typed, &["email", "phone", "sms", "letter"]);
        }
        if let Some(typed) = &self.preferred_member_id {
            contact.preferred_member_id = match typed.trim() {
                "" => None,
                id => id.parse().map_err(|_| errors.add("preferred_member_id", "Choose one of the technicians.")).ok(),
            };
        }
        if let Some(typed) = &self.birthday {
            contact.birthday = Some(line(errors, "birthday", typed, 40)).filter(|b| !b.is_empty());
        }
        contact.email_consent = self.email_consent.or(contact.email_consent);
        contact.sms_consent = self.sms_consent.or(contact.sms_consent);
        contact.customer_since = self.customer_since.or(contact.customer_since);
    }
}

fn first<'a, T>(items: &'a [T], get: impl Fn(&'a T) -> &'a String) -> &'a str {
    items.first().map_or("", |i| get(i).as_str())
}

/// Derives the display name; adds an error if there is nothing to derive it from.
fn name(errors: &mut FieldErrors, contact: &mut Contact, phone: &str, email: &str) {
    let parts = Parts {
        is_organisation: contact.is_organisation,
        first_name: &contact.first_name,
        last_name: &contact.last_name,
        nickname: &contact.nickname,
        company: &contact.company,
        phone,
        email,
    };
    let name = display_name(&parts);
    if name.is_empty() && errors.is_empty() {
        errors.add("first_name", "Give a name, a company, a phone number or an email: one of them is enough.");
    }
    contact.name = name;
}

fn tags(errors: &mut FieldErrors, typed: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for tag in typed {
        let tag = line(errors, "tags", tag, 40);
        if !tag.is_empty() && !out.iter().any(|t| t.eq_ignore_ascii_case(&tag)) {
            out.push(tag);
        }
    }
    if out.len() > 30 {
        errors.add("tags", "At most 30 tags fit here.");
    }
    out
}

fn one_of(errors: &mut FieldErrors, field: &str, typed: &str, known: &[&str]) -> Option<String> {
    match typed.trim() {
        "" => None,
        value if known.contains(&value) => Some(value.to_owned()),
        _ => {
            errors.add(field, format!("Choose one of: {}.", known.join(", ")));
            None
        }
    }
}

async fn insert(cx: &mut Cx<'_>, c: &Contact) -> Result<()> {
    sqlx::query!(
        r#"
        insert into contacts (id, relation, is_organisation, name, first_name, last_name, nickname, company, tags, preferred_time, preferred_member_id,
                              preferred_channel, email_consent, sms_consent, birthday, customer_since, source)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        "#,
        c.id.0,
        c.relation as Relation,
        c.is_organisation,
        c.name,
        c.first_name,
        c.last_name,
        c.nickname,
        c.company,
        &c.tags,
        c.preferred_time,
        c.preferred_member_id.map(|m| m.0),
        c.preferred_channel,
        c.email_consent,
        c.sms_consent,
        c.birthday,
        c.customer_since,
        c.source
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

async fn save(cx: &mut Cx<'_>, c: &Contact) -> Result<i32> {
    Ok(sqlx::query_scalar!(
        r#"
        update contacts set relation = $2, is_organisation = $3, name = $4, first_name = $5, last_name = $6, nickname = $7, company = $8, tags = $9,
               preferred_time = $10, preferred_member_id = $11, preferred_channel = $12, email_consent = $13, sms_consent = $14, birthday = $15,
               customer_since = $16
         where id = $1 returning version
        "#,
        c.id.0,
        c.relation as Relation,
        c.is_organisation,
        c.name,
        c.first_name,
        c.last_name,
        c.nickname,
        c.company,
        &c.tags,
        c.preferred_time,
        c.preferred_member_id.map(|m| m.0),
        c.preferred_channel,
        c.email_consent,
        c.sms_consent,
        c.birthday,
        c.customer_since
    )
    .fetch_one(cx.db())
    .await?)
}

type Consents = (Option<bool>, Option<bool>);

/// Adds an error if consent to texts is newly given without a wording: SMS consent must carry one.
fn texts_agreed(errors: &mut FieldErrors, before: Option<bool>, after: Option<bool>, wording: &str) {
    if after == Some(true) && before != after && wording.trim().is_empty() {
        errors.add("consent_wording", "Say how they agreed to texts: “asked on the phone”.");
    }
}

/// Records each changed consent with its source and wording.
async fn record_consents(cx: &mut Cx<'_>, contact: ContactId, before: Consents, after: Consents, wording: &str) -> Result<()> {
    for (channel, was, is) in [("email", before.0, after.0), ("sms", before.1, after.1)] {
        let Some(given) = is.filter(|_| was != is) else { continue };
        let source = cx.who.actor();
        sqlx::query!(
            "insert into consents (id, contact_id, channel, given, source, wording) values ($1, $2, $3, $4, $5, $6)",
            ConsentId::new().0,
            contact.0,
            channel,
            given,
            source,
            wording.trim()
        )
        .execute(cx.db())
        .await?;
    }
    Ok(())
}
