//! `address.create`, `address.update`, `address.archive`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Written, active, free, index, line};
use crate::contacts::{Address, personal};
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, FieldErrors, Result},
    ids::{AddressId, ContactId},
    localtime,
    role::Permission,
};

/// The parts of an address, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AddressInput {
    pub label: String,
    pub street: String,
    pub unit: String,
    pub city: String,
    pub region: String,
    pub postal_code: String,
    pub country: String,
    pub access_notes: String,
    /// IANA name; empty for the business's time zone.
    pub time_zone: String,
    pub neighbourhood: String,
    pub is_primary: bool,
}

impl AddressInput {
    /// Whether street, unit, city, postal code and access notes are all blank.
    pub fn is_empty(&self) -> bool {
        [&self.street, &self.unit, &self.city, &self.postal_code, &self.access_notes].iter().all(|p| p.trim().is_empty())
    }

    /// Builds a new address of `contact`. Adds errors under the field's name after `prefix`.
    pub(super) fn checked(&self, errors: &mut FieldErrors, contact: ContactId, prefix: &str) -> Address {
        let mut part = |field: &str, typed: &str, max| line(errors, &format!("{prefix}{field}"), typed, max);
        let mut address = Address {
            id: AddressId::new(),
            contact_id: contact,
            label: part("label", &self.label, 60),
            street: part("street", &self.street, 200),
            unit: part("unit", &self.unit, 60),
            city: part("city", &self.city, 100),
            region: part("region", &self.region, 60),
            postal_code: part("postal_code", &self.postal_code, 20),
            country: part("country", &self.country, 60),
            access_notes: String::new(),
            time_zone: None,
            neighbourhood: part("neighbourhood", &self.neighbourhood, 100),
            is_primary: self.is_primary,
            archived_at: None,
            version: 1,
        };
        address.access_notes = free(errors, &format!("{prefix}access_notes"), &self.access_notes, 2000);
        if address.street.is_empty() && address.city.is_empty() && address.postal_code.is_empty() {
            errors.add(&format!("{prefix}street"), "Give at least a street, a town or a postal code.");
        }
        match self.time_zone.trim() {
            "" => {}
            zone => match localtime::parse_zone(zone) {
                Ok(z) => address.time_zone = Some(z.name().to_owned()),
                Err(e) => errors.add(&format!("{prefix}time_zone"), e),
            },
        }
        address
    }
}

/// Adds a place of service to a contact.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct CreateAddress {
    #[serde(default)]
    pub id: Option<AddressId>,
    pub contact_id: ContactId,
    #[serde(flatten)]
    pub address: AddressInput,
}

/// Replaces all parts of an address. A primary address stays primary.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct UpdateAddress {
    pub address_id: AddressId,
    #[serde(flatten)]
    pub address: AddressInput,
}

/// Archives an address; its tickets keep it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ArchiveAddress {
    pub address_id: AddressId,
}

fn about(a: &Address) -> Subject {
    Subject { kind: "address", id: a.id.0, contact: Some(a.contact_id) }
}

/// Clears `is_primary` on the contact's other addresses: only one is primary.
async fn demote_others(cx: &mut Cx<'_>, a: &Address) -> Result<()> {
    sqlx::query!("update addresses set is_primary = false where contact_id = $1 and id <> $2 and is_primary", a.contact_id.0, a.id.0)
        .execute(cx.db())
        .await?;
    Ok(())
}

impl Action for CreateAddress {
    const NAME: &'static str = "address.create";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        active(cx, self.contact_id).await?;
        let mut errors = FieldErrors::default();
        let mut address = self.address.checked(&mut errors, self.contact_id, "");
        errors.into_result()?;
        address.id = self.id.unwrap_or(address.id);
        address.is_primary |= personal::addresses(cx.db(), self.contact_id, false).await?.is_empty();
        if address.is_primary {
            demote_others(cx, &address).await?;
        }
        personal::insert_address(cx.db(), &address).await?;
        index(cx, self.contact_id).await?;
        cx.event("address.created", about(&address), json!({ "address": address.one_line() })).await?;
        Ok(Written { id: address.id.0, version: 1 })
    }
}

impl Action for UpdateAddress {
    const NAME: &'static str = "address.update";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = Written;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("addresses", self.address_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let old = personal::address(cx.db(), self.address_id).await?;
        active(cx, old.contact_id).await?;
        if old.archived_at.is_some() {
            return Err(Error::conflict("This address is no longer in use. Add it anew."));
        }
        let mut errors = FieldErrors::default();
        let mut address = self.address.checked(&mut errors, old.contact_id, "");
        errors.into_result()?;
        address.id = old.id;
        address.archived_at = old.archived_at;
        address.is_primary |= old.is_primary;
        if address.is_primary {
            demote_others(cx, &address).await?;
        }
        personal::update_address(cx.db(), &address).await?;
        index(cx, address.contact_id).await?;
        cx.event("address.updated", about(&address), json!({ "address": address.one_line() })).await?;
        Ok(Written { id: address.id.0, version: old.version + 1 })
    }
}

impl Action for ArchiveAddress {
    const NAME: &'static str = "address.archive";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = Written;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("addresses", self.address_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let mut address = personal::address(cx.db(), self.address_id).await?;
        active(cx, address.contact_id).await?;
        if address.archived_at.is_some() {
            return Ok(Written { id: address.id.0, version: address.version });
        }
        address.archived_at = Some(cx.now());
        let was_primary = std::mem::take(&mut address.is_primary);
        personal::update_address(cx.db(), &address).await?;
        // The next address becomes the primary one.
        if was_primary && let Some(mut next) = personal::addresses(cx.db(), address.contact_id, false).await?.into_iter().next() {
            next.is_primary = true;
            personal::update_address(cx.db(), &next).await?;
        }
        index(cx, address.contact_id).await?;
        cx.event("address.archived", about(&address), json!({ "address": address.one_line() })).await?;
        Ok(Written { id: address.id.0, version: address.version + 1 })
    }
}
