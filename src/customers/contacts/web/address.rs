//! Adding, changing and archiving a place of service.

use axum::{extract::Path, response::Response};

use crate::contacts::{
    Address,
    actions::{AddressInput, ArchiveAddress, CreateAddress, UpdateAddress},
    data,
};
use platform::{
    error::Result,
    ids::{AddressId, ContactId},
    localtime,
    tenant::{Read, Write},
};
use ui::Form;

#[derive(askama::Template)]
#[template(path = "contacts/address.html")]
struct Page {
    head: ui::Head,
    contact: ContactId,
    id: Option<AddressId>,
    form: Form,
    zones: Vec<ui::Choice>,
}

async fn page(r: &mut Read, contact: ContactId, id: Option<AddressId>, mut form: Form) -> Result<Page> {
    let who = r.who.clone();
    data::visible(r.db(), &who, contact).await?;
    let name = data::contact(r.db(), contact).await?.name;
    let title = if id.is_some() { "Change address" } else { "New address" };
    let mut zones = vec![ui::Choice::new("", "The business's own")];
    // The common zones and the one that is set: the full list would be larger than the page.
    zones.extend(localtime::common_zones().map(|(id, label)| ui::Choice::new(id, label)));
    let set = form.get("time_zone");
    if !zones.iter().any(|z| z.value == set) {
        zones.push(ui::Choice::new(set, set));
    }
    form.spell("Time zone", &zones);
    let head = ui::Head::of(r, "customers").title(title).sub(name.clone()).back(format!("/contacts/{contact}"), name);
    Ok(Page { head, contact, id, form, zones })
}

/// The page that changes an address; `refused` is the form that was refused.
async fn edit_page(r: &mut Read, id: AddressId, refused: Option<Form>) -> Result<Page> {
    let address = data::address(r.db(), id).await?;
    page(r, address.contact_id, Some(id), Form::editing(filled(&address), refused, &LABELS)).await
}

/// The fields compared with what others saved meanwhile.
const LABELS: [(&str, &str); 10] = [
    ("street", "Street"),
    ("unit", "Unit"),
    ("city", "Town"),
    ("region", "State or region"),
    ("postal_code", "Postal code"),
    ("access_notes", "Access"),
    ("label", "Name of this place"),
    ("neighbourhood", "Neighbourhood"),
    ("country", "Country"),
    ("time_zone", "Time zone"),
];

fn filled(a: &Address) -> Form {
    Form::default()
        .version(a.version)
        .with("label", &a.label)
        .with("street", &a.street)
        .with("unit", &a.unit)
        .with("city", &a.city)
        .with("region", &a.region)
        .with("postal_code", &a.postal_code)
        .with("country", &a.country)
        .with("access_notes", &a.access_notes)
        .with("neighbourhood", &a.neighbourhood)
        .with("time_zone", &a.time_zone)
        .tick("is_primary", a.is_primary)
}

fn input(form: &Form) -> AddressInput {
    AddressInput {
        label: form.owned("label"),
        street: form.owned("street"),
        unit: form.owned("unit"),
        city: form.owned("city"),
        region: form.owned("region"),
        postal_code: form.owned("postal_code"),
        country: form.owned("country"),
        access_notes: form.owned("access_notes"),
        time_zone: form.owned("time_zone"),
        neighbourhood: form.owned("neighbourhood"),
        is_primary: form.is_on("is_primary"),
    }
}

/// `GET /contacts/{id}/addresses/new`.
pub async fn address_new(mut r: Read, Path(contact): Path<ContactId>) -> Result<ui::Html> {
    ui::page(&page(&mut r, contact, None, Form::default()).await?)
}

/// `POST /contacts/{id}/addresses/new`.
pub async fn address_create(w: Write, Path(contact): Path<ContactId>, form: Form) -> Result<Response> {
    let action = CreateAddress { id: None, contact_id: contact, address: input(&form) };
    let done = |_| ui::redirect(&format!("/contacts/{contact}"), "Address added");
    form.run(&w, Some(action), done, async |r, form| page(r, contact, None, form).await).await
}

/// `GET /addresses/{id}/edit`.
pub async fn address_edit(mut r: Read, Path(id): Path<AddressId>) -> Result<ui::Html> {
    ui::page(&edit_page(&mut r, id, None).await?)
}

/// `POST /addresses/{id}/edit`.
pub async fn address_update(w: Write, Path(id): Path<AddressId>, mut form: Form) -> Result<Response> {
    let action = UpdateAddress { address_id: id, address: input(&form) };
    match form.act(&w, Some(action)).await? {
        Some(_) => to_contact(&w, id, "Address saved").await,
        None => form.again(&w, async |r, form| edit_page(r, id, Some(form)).await).await,
    }
}

/// `POST /addresses/{id}/archive`.
pub async fn address_archive(w: Write, Path(id): Path<AddressId>, form: Form) -> Result<Response> {
    w.act(&form.meta, ArchiveAddress { address_id: id }).await?;
    to_contact(&w, id, "Address archived; its visits keep it").await
}

async fn to_contact(w: &Write, id: AddressId, words: &str) -> Result<Response> {
    let contact = data::address(w.read().await?.db(), id).await?.contact_id;
    Ok(ui::redirect(&format!("/contacts/{contact}"), words))
}
