//! Adding, changing and archiving a place of service.

use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::Fields;
use crate::contacts::{
    Address,
    actions::{AddressInput, ArchiveAddress, CreateAddress, UpdateAddress},
    data,
};
use platform::{
    error::{Error, FieldErrors, Result},
    form::Posted,
    ids::{AddressId, ContactId},
    localtime,
    tenant::{Read, Write},
};

#[derive(askama::Template)]
#[template(path = "contacts/address.html")]
struct Form {
    head: ui::Head,
    contact: ContactId,
    id: Option<AddressId>,
    form: Fields,
    errors: FieldErrors,
    key: Option<String>,
    version: Option<i32>,
    /// The saved address, if somebody else changed it while this form was open.
    theirs: Option<String>,
    zones: Vec<ui::Choice>,
}

impl Form {
    async fn new(r: &mut Read, contact: ContactId, id: Option<AddressId>, form: Fields) -> Result<Self> {
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
        Ok(Self {
            head: ui::Head::of(r, "customers").title(title).sub(name.clone()).back(format!("/contacts/{contact}"), name),
            contact,
            id,
            form,
            errors: FieldErrors::default(),
            key: None,
            version: None,
            theirs: None,
            zones,
        })
    }

    fn meta(&self) -> ui::Meta {
        let meta = ui::meta(&self.head).version(self.version);
        match &self.key {
            Some(key) => meta.key(key),
            None => meta,
        }
    }
}

fn filled(a: &Address) -> Fields {
    let mut form = Fields::default();
    for (name, value) in [
        ("label", &a.label),
        ("street", &a.street),
        ("unit", &a.unit),
        ("city", &a.city),
        ("region", &a.region),
        ("postal_code", &a.postal_code),
        ("country", &a.country),
        ("access_notes", &a.access_notes),
        ("neighbourhood", &a.neighbourhood),
    ] {
        form.set(name, value.as_str());
    }
    form.set("time_zone", a.time_zone.clone().unwrap_or_default());
    form.set("is_primary", if a.is_primary { "on" } else { "" });
    form
}

fn input(form: &Fields) -> AddressInput {
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
    ui::page(&Form::new(&mut r, contact, None, Fields::default()).await?)
}

/// `POST /contacts/{id}/addresses/new`.
pub async fn address_create(w: Write, Path(contact): Path<ContactId>, form: Posted<Fields>) -> Result<Response> {
    let action = CreateAddress { id: None, contact_id: contact, address: input(&form.value) };
    match w.act(&form.meta, action).await {
        Ok(_) => Ok(ui::redirect(&format!("/contacts/{contact}"), "Address added")),
        Err(Error::Invalid(errors)) => {
            let mut page = Form::new(&mut w.read().await?, contact, None, form.value).await?;
            (page.errors, page.key) = (errors, form.meta.key);
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(e) => Err(e),
    }
}

/// `GET /addresses/{id}/edit`.
pub async fn address_edit(mut r: Read, Path(id): Path<AddressId>) -> Result<ui::Html> {
    let address = data::address(r.db(), id).await?;
    let mut page = Form::new(&mut r, address.contact_id, Some(id), filled(&address)).await?;
    page.version = Some(address.version);
    ui::page(&page)
}

/// `POST /addresses/{id}/edit`.
pub async fn address_update(w: Write, Path(id): Path<AddressId>, form: Posted<Fields>) -> Result<Response> {
    let result = w.act(&form.meta, UpdateAddress { address_id: id, address: input(&form.value) }).await;
    let mut r = w.read().await?;
    let address = data::address(r.db(), id).await?;
    match result {
        Ok(_) => Ok(ui::redirect(&format!("/contacts/{}", address.contact_id), "Address saved")),
        Err(Error::Invalid(errors)) => {
            let mut page = Form::new(&mut r, address.contact_id, Some(id), form.value).await?;
            (page.errors, page.key, page.version) = (errors, form.meta.key, form.meta.if_version);
            Ok(ui::invalid(&page)?.into_response())
        }
        Err(Error::Conflict { current: Some(_), .. }) => {
            let mut page = Form::new(&mut r, address.contact_id, Some(id), form.value).await?;
            page.theirs = Some(format!("{}\n{}", address.one_line(), address.access_notes).trim().to_owned());
            page.version = Some(address.version);
            Ok(ui::with_status(StatusCode::CONFLICT, &page)?.into_response())
        }
        Err(e) => Err(e),
    }
}

/// `POST /addresses/{id}/archive`.
pub async fn address_archive(w: Write, Path(id): Path<AddressId>, form: Posted<Fields>) -> Result<Response> {
    w.act(&form.meta, ArchiveAddress { address_id: id }).await?;
    let contact = data::address(w.read().await?.db(), id).await?.contact_id;
    Ok(ui::redirect(&format!("/contacts/{contact}"), "Address archived; its visits keep it"))
}
