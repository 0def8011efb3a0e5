//! Adding and changing a customer.

use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::Fields;
use crate::contacts::{
    Relation,
    actions::{AddressInput, ContactChange, CreateContact, Lookalike, UpdateContact},
    data,
    personal::{EmailInput, PhoneInput},
};
use platform::{
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::{ContactId, MemberId},
    tenant::{Read, Write},
};

/// A field that somebody else changed while this form was open.
pub struct Differs {
    label: &'static str,
    theirs: String,
    yours: String,
}

#[derive(askama::Template)]
#[template(path = "contacts/form.html")]
struct Form {
    head: ui::Head,
    /// `None` for a new customer.
    id: Option<ContactId>,
    form: Fields,
    errors: FieldErrors,
    key: Option<String>,
    version: Option<i32>,
    stale: Vec<Differs>,
    /// Existing contacts that look like the one being added.
    lookalikes: Vec<Lookalike>,
    technicians: Vec<ui::Choice>,
    /// The number of email rows shown.
    emails: usize,
    phones: usize,
}

impl Form {
    async fn new(r: &mut Read, id: Option<ContactId>, form: Fields) -> Result<Self> {
        let mut technicians = vec![ui::Choice::new("", "Anyone")];
        technicians.extend(data::technicians(r.db()).await?.into_iter().map(|(id, name)| ui::Choice::new(id, name)));
        let head = match id {
            None => ui::Head::of(r, "customers").title("New customer").back("/contacts", "Customers"),
            Some(id) => ui::Head::of(r, "customers").title("Change customer").back(format!("/contacts/{id}"), "Customer"),
        };
        Ok(Self {
            head,
            id,
            emails: form.len("emails", "address").max(1) + usize::from(id.is_some()),
            phones: form.len("phones", "number").max(1) + 1,
            form,
            errors: FieldErrors::default(),
            key: None,
            version: None,
            stale: Vec::new(),
            lookalikes: Vec::new(),
            technicians,
        })
    }

    /// Returns address and label fields for each email row.
    fn email_rows(&self) -> Vec<(ui::Field, ui::Field)> {
        (0..self.emails)
            .map(|i| {
                let (address, label) = (format!("emails[{i}].address"), format!("emails[{i}].label"));
                let title = if i == 0 { "Email" } else { "Another email" };
                let field = ui::email(&address, title).value(self.form.get(&address)).errors(&self.errors).auto("off");
                (field, self.label_field(&label, "home, work…"))
            })
            .collect()
    }

    fn phone_rows(&self) -> Vec<(ui::Field, ui::Field)> {
        (0..self.phones)
            .map(|i| {
                let (number, label) = (format!("phones[{i}].number"), format!("phones[{i}].label"));
                let title = if i == 0 { "Phone" } else { "Another phone" };
                let field = ui::tel(&number, title).value(self.form.get(&number)).errors(&self.errors).auto("off");
                (field, self.label_field(&label, "mobile, office, Tom…"))
            })
            .collect()
    }

    fn label_field(&self, name: &str, examples: &str) -> ui::Field {
        ui::text(name, "Which").value(self.form.get(name)).attr("placeholder", examples).auto("off").optional()
    }

    fn meta(&self) -> ui::Meta {
        let meta = ui::meta(&self.head).version(self.version);
        match &self.key {
            Some(key) => meta.key(key),
            None => meta,
        }
    }
}

/// `GET /contacts/new`; the query may prefill fields.
pub async fn new(mut r: Read, Query(form): Query<Fields>) -> Result<ui::Html> {
    ui::page(&Form::new(&mut r, None, form).await?)
}

/// `POST /contacts/new`; 409 shows existing contacts that look the same and keeps the typed fields.
pub async fn create(w: Write, form: Posted<Fields>) -> Result<Response> {
    let (fields, meta) = (form.value, form.meta);
    let result = match creation(&fields) {
        Ok(action) => w.act(&meta, action).await,
        Err(e) => Err(e),
    };
    match result {
        Ok(made) => Ok(ui::redirect(&format!("/contacts/{}", made.id), "Customer added")),
        Err(Error::Invalid(errors)) => {
            let mut page = Form::new(&mut w.read().await?, None, fields).await?;
            (page.errors, page.key) = (errors, meta.key);
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(Error::Conflict { current: Some(current), .. }) => {
            let mut page = Form::new(&mut w.read().await?, None, fields).await?;
            page.lookalikes = serde_json::from_value(current["lookalikes"].clone()).unwrap_or_default();
            Ok(ui::with_status(StatusCode::CONFLICT, &page)?.into_response())
        }
        Err(e) => Err(e),
    }
}

/// `GET /contacts/{id}/edit`.
pub async fn edit(mut r: Read, Path(id): Path<ContactId>) -> Result<ui::Html> {
    let who = r.who.clone();
    data::visible(r.db(), &who, id).await?;
    let current = data::current(r.db(), id).await?;
    let mut page = Form::new(&mut r, Some(id), filled(&current)).await?;
    page.version = version_of(&current);
    ui::page(&page)
}

/// `POST /contacts/{id}/edit`; 409 shows the values that somebody else saved beside the typed ones.
pub async fn update(w: Write, Path(id): Path<ContactId>, form: Posted<Fields>) -> Result<Response> {
    let (fields, meta) = (form.value, form.meta);
    let result = match change(&fields) {
        Ok(change) => w.act(&meta, UpdateContact { contact_id: id, change }).await,
        Err(e) => Err(e),
    };
    match result {
        Ok(_) => Ok(ui::redirect(&format!("/contacts/{id}"), "Saved")),
        Err(Error::Invalid(errors)) => {
            let mut r = w.read().await?;
            data::visible(r.db(), &w.who, id).await?;
            data::contact(r.db(), id).await?;
            let mut page = Form::new(&mut r, Some(id), fields).await?;
            (page.errors, page.key, page.version) = (errors, meta.key, meta.if_version);
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(Error::Conflict { current: Some(_), .. }) => {
            let mut r = w.read().await?;
            let current = data::current(r.db(), id).await?;
            let stale = differences(&filled(&current), &fields);
            let mut page = Form::new(&mut r, Some(id), fields).await?;
            (page.stale, page.version) = (stale, version_of(&current));
            Ok(ui::with_status(StatusCode::CONFLICT, &page)?.into_response())
        }
        Err(e) => Err(e),
    }
}

fn version_of(current: &Value) -> Option<i32> {
    current["version"].as_i64().and_then(|v| i32::try_from(v).ok())
}

const TEXTS: [(&str, &str); 8] = [
    ("first_name", "First name"),
    ("last_name", "Last name"),
    ("nickname", "Called"),
    ("company", "Company"),
    ("preferred_time", "Prefers"),
    ("preferred_member_id", "Technician"),
    ("preferred_channel", "Best reached by"),
    ("birthday", "Birthday"),
];

/// Returns the form's fields filled from the saved record.
fn filled(current: &Value) -> Fields {
    let mut form = Fields::default();
    for (name, _) in TEXTS.iter().chain(&[("relation", ""), ("customer_since", "")]) {
        form.set(*name, current[*name].as_str().unwrap_or_default());
    }
    form.set("is_organisation", if current["is_organisation"] == true { "yes" } else { "no" });
    for name in ["email_consent", "sms_consent"] {
        form.set(name, current[name].as_bool().map_or("", |given| if given { "yes" } else { "no" }));
    }
    let list = |name: &str| current[name].as_array().cloned().unwrap_or_default();
    form.set("tags", list("tags").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
    for (lists, part, column) in [("emails", "address", "address"), ("phones", "number", "typed")] {
        for (i, row) in list(lists).iter().enumerate() {
            form.set(format!("{lists}[{i}].label"), row["label"].as_str().unwrap_or_default());
            form.set(format!("{lists}[{i}].{part}"), row[column].as_str().unwrap_or_default());
        }
    }
    form
}

/// Returns the fields whose saved and typed values differ.
fn differences(theirs: &Fields, yours: &Fields) -> Vec<Differs> {
    let joined = |f: &Fields, list: &str, part: &str| {
        f.list(list, part).into_iter().map(|(_, v)| v).filter(|v| !v.trim().is_empty()).collect::<Vec<_>>().join(", ")
    };
    let mut rows: Vec<Differs> = TEXTS
        .iter()
        .chain(&[("tags", "Tags")])
        .map(|(n, label)| Differs { label, theirs: theirs.owned(n), yours: yours.owned(n) })
        .collect();
    for (list, part, label) in [("emails", "address", "Email"), ("phones", "number", "Phone")] {
        rows.push(Differs { label, theirs: joined(theirs, list, part), yours: joined(yours, list, part) });
    }
    rows.retain(|d| d.theirs.trim() != d.yours.trim());
    rows
}

fn relation(form: &Fields) -> Relation {
    Relation::ALL.into_iter().find(|r| r.name() == form.get("relation")).unwrap_or_default()
}

fn tags(form: &Fields) -> Vec<String> {
    form.get("tags").split([',', ';', '\n']).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect()
}

fn emails(form: &Fields) -> Vec<EmailInput> {
    form.list("emails", "address").into_iter().map(|(label, address)| EmailInput { label, address }).collect()
}

fn phones(form: &Fields) -> Vec<PhoneInput> {
    form.list("phones", "number").into_iter().map(|(label, number)| PhoneInput { label, number }).collect()
}

fn creation(form: &Fields) -> Result<CreateContact> {
    let mut errors = FieldErrors::default();
    let customer_since = form.date("customer_since", &mut errors);
    let preferred_member_id = match form.get("preferred_member_id") {
        "" => None,
        id => id.parse::<MemberId>().map_err(|_| errors.add("preferred_member_id", "Choose one of the technicians.")).ok(),
    };
    errors.into_result()?;
    let part = |name: &str| form.owned(&format!("address.{name}"));
    Ok(CreateContact {
        id: None,
        relation: relation(form),
        is_organisation: form.is_on("is_organisation"),
        first_name: form.owned("first_name"),
        last_name: form.owned("last_name"),
        nickname: form.owned("nickname"),
        company: form.owned("company"),
        emails: emails(form),
        phones: phones(form),
        address: Some(AddressInput {
            street: part("street"),
            unit: part("unit"),
            city: part("city"),
            region: part("region"),
            postal_code: part("postal_code"),
            access_notes: part("access_notes"),
            ..AddressInput::default()
        }),
        tags: tags(form),
        preferred_time: form.owned("preferred_time"),
        preferred_member_id,
        preferred_channel: form.owned("preferred_channel"),
        email_consent: form.yes_no("email_consent"),
        sms_consent: form.yes_no("sms_consent"),
        consent_wording: form.owned("consent_wording"),
        birthday: form.owned("birthday"),
        customer_since,
        refuse_lookalikes: !form.is_on("anyway"),
    })
}

fn change(form: &Fields) -> Result<ContactChange> {
    let mut errors = FieldErrors::default();
    let customer_since = form.date("customer_since", &mut errors);
    errors.into_result()?;
    let text = |name: &str| Some(form.owned(name));
    Ok(ContactChange {
        relation: Some(relation(form)),
        is_organisation: Some(form.is_on("is_organisation")),
        first_name: text("first_name"),
        last_name: text("last_name"),
        nickname: text("nickname"),
        company: text("company"),
        emails: Some(emails(form)),
        phones: Some(phones(form)),
        tags: Some(tags(form)),
        preferred_time: text("preferred_time"),
        preferred_member_id: text("preferred_member_id"),
        preferred_channel: text("preferred_channel"),
        email_consent: form.yes_no("email_consent"),
        sms_consent: form.yes_no("sms_consent"),
        consent_wording: form.owned("consent_wording"),
        birthday: text("birthday"),
        customer_since,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_read_in_order_and_shown_beside_what_others_saved() {
        let mut yours = Fields::default();
        yours.set("phones[0].number", "256 688 7695");
        yours.set("phones[2].number", "688-0000");
        yours.set("last_name", "Lee");
        assert_eq!(phones(&yours).len(), 3);
        let mut theirs = Fields::default();
        theirs.set("last_name", "Li");
        let rows = differences(&theirs, &yours);
        assert_eq!(rows.iter().map(|d| d.label).collect::<Vec<_>>(), ["Last name", "Phone"]);
    }
}
