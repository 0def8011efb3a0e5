//! The data types of `/api/data`: each is registered, like an action, with its filters and includes, and paged by cursor.

use std::{collections::BTreeMap, future::Future, pin::Pin};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::{
    error::{Error, FieldErrors, Result},
    role::{Capability, Permission},
    tenant::Read,
};

pub const DEFAULT_LIMIT: i64 = 20;
pub const MAX_LIMIT: i64 = 100;

/// The parameters of a query. `limit` is within 1..=100.
#[derive(Debug, Clone, Default)]
pub struct Params {
    pub id: Option<Uuid>,
    pub search: Option<String>,
    pub limit: i64,
    pub cursor: Option<String>,
    pub filters: BTreeMap<String, String>,
    pub include: Vec<String>,
}

impl Params {
    pub fn includes(&self, what: &str) -> bool {
        self.include.iter().any(|i| i == what)
    }

    pub fn filter(&self, name: &str) -> Option<&str> {
        self.filters.get(name).map(String::as_str)
    }

    /// Returns the filter `name` as an id, or `None` if it is not given. Errors: `Invalid` if it is not an id.
    pub fn id_filter<T: From<Uuid>>(&self, name: &str) -> Result<Option<T>> {
        match self.filter(name) {
            None => Ok(None),
            Some(v) => v.parse::<Uuid>().map(|u| Some(u.into())).map_err(|_| FieldErrors::one(name, "This is not an id.")),
        }
    }

    /// Returns the sort key that the previous page ended at. Errors: `Invalid` if the cursor can't be decoded.
    pub fn after<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        self.cursor.as_deref().map(decode_cursor).transpose()
    }
}

/// One page of records, or the single record of a given id. `cursor` leads to the next page; `None` on the last.
#[derive(Debug, Default)]
pub struct Listing {
    pub data: Vec<Value>,
    pub cursor: Option<String>,
}

impl Listing {
    /// Builds a page from up to `limit + 1` rows: the extra row shows that there is a next page, after the `key` of the last row kept.
    pub fn page<T: Serialize, K: Serialize>(mut rows: Vec<T>, limit: i64, key: impl Fn(&T) -> K) -> Result<Self> {
        let cursor = next_cursor(&mut rows, limit, key)?;
        let data = rows.into_iter().map(|r| serde_json::to_value(r).map_err(Error::from)).collect::<Result<_>>()?;
        Ok(Self { data, cursor })
    }

    /// Builds one page of a fully loaded list, with the id as cursor. `params.id` selects a single row.
    pub fn whole<T: Serialize>(mut rows: Vec<T>, params: &Params, id: impl Fn(&T) -> Uuid) -> Result<Self> {
        if let Some(wanted) = params.id {
            rows.retain(|r| id(r) == wanted);
        }
        if let Some(after) = params.after::<Uuid>()? {
            let seen = rows.iter().position(|r| id(r) == after).map_or(rows.len(), |at| at + 1);
            rows.drain(..seen);
        }
        rows.truncate(usize::try_from(params.limit + 1).unwrap_or(usize::MAX));
        Self::page(rows, params.limit, id)
    }
}

/// Removes the extra row beyond `limit` and returns the cursor after the last one kept; `None` if there was no extra row.
pub fn next_cursor<T, K: Serialize>(rows: &mut Vec<T>, limit: i64, key: impl Fn(&T) -> K) -> Result<Option<String>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if rows.len() <= limit {
        return Ok(None);
    }
    rows.truncate(limit);
    rows.last().map(|r| encode_cursor(&key(r))).transpose()
}

/// Encodes the sort key of the last row of a page as a cursor: opaque to clients, stable under inserts.
pub fn encode_cursor<K: Serialize>(key: &K) -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(key)?))
}

pub fn decode_cursor<T: DeserializeOwned>(cursor: &str) -> Result<T> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| FieldErrors::one("cursor", "This page marker is not one of ours. Start from the first page."))
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Listing>> + Send + 'a>>;

/// A data type in the registry.
pub struct Entry {
    /// The plural noun: "contacts".
    pub name: &'static str,
    pub needs: Permission,
    pub capability: Option<Capability>,
    /// Names of the accepted query parameters beside id, search, limit, cursor, include, fields.
    pub filters: &'static [&'static str],
    pub includes: &'static [&'static str],
    pub run: for<'a> fn(&'a mut Read, &'a Params) -> Running<'a>,
}
