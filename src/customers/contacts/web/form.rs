//! Adding and changing a customer.

use axum::{
    extract::{Path, Query},
    response::Response,
};
use serde_json::Value;

use crate::contacts::{
    Relation,
    actions::{AddressInput, ContactChange, ContactOutput, CreateContact, Lookalike, Lookalikes, UpdateContact},
    data,
    personal::{EmailInput, PhoneInput},
};
use platform::{
    error::Result,
    ids::{ContactId, MemberId},
    localtime::parse_date,
    tenant::{Read, Write},
};
use ui::{Form, Row};

#[derive(askama::Template)]
#[template(path = "contacts/form.html")]
struct Page {
    head: ui::Head,
    /// `None` for a new customer.
    id: Option<ContactId>,
    form: Form,
    /// Existing contacts that look like the one being added.
    lookalikes: Vec<Lookalike>,
    technicians: Vec<ui::Choice>,
}

impl Page {
    /// Returns address and label fields for each email row.
    fn email_rows(&self) -> Vec<(ui::Field, ui::Field)> {
        let rows = Self::rows("emails", self.form.rows("emails").len().max(1) + usize::from(self.id.is_some()));
        let field = |(row, is_first): (Row, bool)| {
            let title = if is_first { "Email" } else { "Another email" };
            (self.form.email(row.at("address"), title).auto("off"), self.label_field(&row, "home, work…"))
        };
        rows.map(field).collect()
    }

    fn phone_rows(&self) -> Vec<(ui::Field, ui::Field)> {
        let rows = Self::rows("phones", self.form.rows("phones").len().max(1) + 1);
        let field = |(row, is_first): (Row, bool)| {
            let title = if is_first { "Phone" } else { "Another phone" };
            (self.form.tel(row.at("number"), title).auto("off"), self.label_field(&row, "mobile, office, Tom…"))
        };
        rows.map(field).collect()
    }

    fn rows(list: &'static str, count: usize) -> impl Iterator<Item = (Row, bool)> {
        (0..count).map(move |i| (Row::of(list, i), i == 0))
    }

    fn label_field(&self, row: &Row, examples: &str) -> ui::Field {
        self.form.text(row.at("label"), "Which").attr("placeholder", examples).auto("off").optional()
    }
}

async fn page(r: &mut Read, id: Option<ContactId>, mut form: Form) -> Result<Page> {
    let mut technicians = vec![ui::Choice::new("", "Anyone")];
    technicians.extend(data::technicians(r.db()).await?.into_iter().map(|(id, name)| ui::Choice::new(id, name)));
    form.spell("Technician", &technicians);
    let lookalikes = form.case::<Lookalikes>().map(|case| case.lookalikes.clone()).unwrap_or_default();
    if !lookalikes.is_empty() {
        // The page names them itself.
        form.notice.clear();
    }
    let head = match id {
        None => ui::Head::of(r, "customers").title("New customer").back("/contacts", "Customers"),
        Some(id) => ui::Head::of(r, "customers").title("Change customer").back(format!("/contacts/{id}"), "Customer"),
    };
    Ok(Page { head, id, form, lookalikes, technicians })
}

/// `GET /contacts/new`; the query may prefill fields.
pub async fn new(mut r: Read, Query(form): Query<Form>) -> Result<ui::Html> {
    ui::page(&page(&mut r, None, form).await?)
}

/// `POST /contacts/new`; 409 shows existing contacts that look the same and keeps the typed fields.
pub async fn create(w: Write, mut form: Form) -> Result<Response> {
    let action = creation(&mut form);
    let done = |made: ContactOutput| ui::redirect(&format!("/contacts/{}", made.id), "Customer added");
    form.run(&w, Some(action), done, async |r, form| page(r, None, form).await).await
}

/// The page that changes a customer; `refused` is the form that was refused.
async fn edit_page(r: &mut Read, id: ContactId, refused: Option<Form>) -> Result<Page> {
    let who = r.who.clone();
    data::visible(r.db(), &who, id).await?;
    let saved = filled(&data::current(r.db(), id).await?);
    page(r, Some(id), Form::editing(saved, refused, &LABELS)).await
}

/// `GET /contacts/{id}/edit`.
pub async fn edit(mut r: Read, Path(id): Path<ContactId>) -> Result<ui::Html> {
    ui::page(&edit_page(&mut r, id, None).await?)
}

/// `POST /contacts/{id}/edit`; 409 shows the values that somebody else saved beside the typed ones.
pub async fn update(w: Write, Path(id): Path<ContactId>, mut form: Form) -> Result<Response> {
    let action = UpdateContact { contact_id: id, change: change(&mut form) };
    let done = |_| ui::redirect(&format!("/contacts/{id}"), "Saved");
    form.run(&w, Some(action), done, async |r, form| edit_page(r, id, Some(form)).await).await
}

/// The fields compared with what others saved meanwhile.
const LABELS: [(&str, &str); 11] = [
    ("first_name", "First name"),
    ("last_name", "Last name"),
    ("nickname", "Called"),
    ("company", "Company"),
    ("preferred_time", "Prefers"),
    ("preferred_member_id", "Technician"),
    ("preferred_channel", "Best reached by"),
    ("birthday", "Birthday"),
    ("tags", "Tags"),
    ("emails[].address", "Email"),
    ("phones[].number", "Phone"),
];

/// Returns the form's fields filled from the saved record.
fn filled(current: &Value) -> Form {
    let mut form = Form::default();
    form.meta.if_version = current["version"].as_i64().and_then(|v| i32::try_from(v).ok());
    for name in [
        "first_name",
        "last_name",
        "nickname",
        "company",
        "preferred_time",
        "preferred_member_id",
        "preferred_channel",
        "birthday",
        "relation",
        "customer_since",
    ] {
        form.set(name, current[name].as_str());
    }
    form.set("is_organisation", if current["is_organisation"] == true { "yes" } else { "no" });
    for name in ["email_consent", "sms_consent"] {
        form.set(name, current[name].as_bool().map_or("", |given| if given { "yes" } else { "no" }));
    }
    let list = |name: &str| current[name].as_array().cloned().unwrap_or_default();
    form.set("tags", list("tags").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
    for (lists, part, column) in [("emails", "address", "address"), ("phones", "number", "typed")] {
        for (i, saved) in list(lists).iter().enumerate() {
            let row = Row::of(lists, i);
            form.set(row.at("label"), saved["label"].as_str());
            form.set(row.at(part), saved[column].as_str());
        }
    }
    form
}

fn relation(form: &Form) -> Relation {
    Relation::ALL.into_iter().find(|r| r.name() == form.get("relation")).unwrap_or_default()
}

fn tags(form: &Form) -> Vec<String> {
    form.get("tags").split([',', ';', '\n']).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect()
}

fn emails(form: &mut Form) -> Vec<EmailInput> {
    form.renumber("emails", |_, _| true);
    form.rows("emails")
        .iter()
        .map(|row| EmailInput { label: form.owned(&row.at("label")), address: form.owned(&row.at("address")) })
        .collect()
}

fn phones(form: &mut Form) -> Vec<PhoneInput> {
    form.renumber("phones", |_, _| true);
    form.rows("phones")
        .iter()
        .map(|row| PhoneInput { label: form.owned(&row.at("label")), number: form.owned(&row.at("number")) })
        .collect()
}

fn creation(form: &mut Form) -> CreateContact {
    let customer_since = form.read("customer_since", parse_date);
    let preferred_member_id = form.read("preferred_member_id", |id| id.parse::<MemberId>().map_err(|_| "Choose one of the technicians."));
    let (emails, phones) = (emails(form), phones(form));
    let part = |name: &str| form.owned(&format!("address.{name}"));
    CreateContact {
        id: None,
        relation: relation(form),
        is_organisation: form.is_on("is_organisation"),
        first_name: form.owned("first_name"),
        last_name: form.owned("last_name"),
        nickname: form.owned("nickname"),
        company: form.owned("company"),
        emails,
        phones,
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
    }
}

fn change(form: &mut Form) -> ContactChange {
    let customer_since = form.read("customer_since", parse_date);
    let (emails, phones) = (emails(form), phones(form));
    let text = |name: &str| Some(form.owned(name));
    ContactChange {
        relation: Some(relation(form)),
        is_organisation: Some(form.is_on("is_organisation")),
        first_name: text("first_name"),
        last_name: text("last_name"),
        nickname: text("nickname"),
        company: text("company"),
        emails: Some(emails),
        phones: Some(phones),
        tags: Some(tags(form)),
        preferred_time: text("preferred_time"),
        preferred_member_id: text("preferred_member_id"),
        preferred_channel: text("preferred_channel"),
        email_consent: form.yes_no("email_consent"),
        sms_consent: form.yes_no("sms_consent"),
        consent_wording: form.owned("consent_wording"),
        birthday: text("birthday"),
        customer_since,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::{conflict::Conflict, error::Error};

    #[test]
    fn what_was_typed_is_read_in_order_and_shown_beside_what_others_saved() {
        let mut yours =
            Form::default().with("phones[0].number", "256 688 7695").with("phones[2].number", "688-0000").with("last_name", "Lee");
        assert_eq!(phones(&mut yours).iter().map(|p| p.number.as_str()).collect::<Vec<_>>(), ["256 688 7695", "688-0000"]);
        let stale = Conflict::Stale { table: "contacts", id: ContactId::default().0, version: 2 };
        assert!(yours.settle::<()>(Err(Error::Conflict(stale))).unwrap().is_none());
        let form = Form::editing(Form::default().with("last_name", "Li"), Some(yours), &LABELS);
        assert_eq!(form.stale.iter().map(|row| row.label).collect::<Vec<_>>(), ["Last name", "Phone"]);
    }
}
