//! `import.map`: sets the meaning of the file's columns.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{Previewed, about, kind, lock, previewed};
use crate::imports::{
    ImportState,
    csv::{self, Sheet},
    data,
    reading::{self, Reading},
    recognise::{Kind, Mapping},
};
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::ImportId,
    role::Permission,
};

/// Corrects the mapping of a file's columns before it runs, or the file's kind.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct MapImport {
    pub import_id: ImportId,
    /// The file's kind, such as `square_customers`. If it differs from the present one, columns are guessed anew from the headers.
    #[serde(default)]
    pub kind: Option<String>,
    /// The columns to read; all others are kept with the rows.
    #[serde(default)]
    pub columns: Vec<ColumnChoice>,
    /// The encoding to read the file with, such as `windows-1252`; for a file that is not marked as Unicode.
    #[serde(default)]
    pub encoding: Option<String>,
}

/// One column of the file and the field it holds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ColumnChoice {
    /// Position in the file, from 0.
    pub column: usize,
    /// The field, by Square's name, such as `Phone Number`.
    pub field: String,
}

impl Action for MapImport {
    const NAME: &'static str = "import.map";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = Previewed;

    fn versioned(&self) -> Option<(&'static str, Uuid)> {
        Some(("imports", self.import_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let id = self.import_id;
        if lock(cx, id).await? != ImportState::Previewed {
            return Err(Error::conflict("This import has run; bring the file again to read its columns in another way."));
        }
        let import = data::import(cx.db(), id).await?;
        let before = import.kind()?;
        let now = self.kind.as_deref().filter(|k| !k.is_empty()).map(kind).transpose()?.unwrap_or(before);
        let text = data::text(cx.db(), import.file_id).await?;
        let mut choices = import.choices;
        if let Some(encoding) = self.encoding.filter(|e| !e.is_empty()) {
            if !csv::ENCODINGS.iter().any(|(name, _)| *name == encoding) {
                return Err(FieldErrors::one("encoding", "We don't know this encoding."));
            }
            choices.chosen_encoding = Some(encoding);
        }
        let options = reading::options(cx.who, &choices);
        let columns = if now == before { Some(self.columns) } else { None };
        let read = move || {
            let sheet = Sheet::of(choices.decoded(text)).map_err(|e| FieldErrors::one("file", e.to_string()))?;
            choices.mapping = Some(columns.map_or_else(|| Ok(Mapping::guess(now, &sheet)), |columns| chosen(now, &sheet, &columns))?);
            Ok::<_, Error>((Reading::of(sheet, now, options, &choices), choices))
        };
        let (reading, choices) = spawn_blocking(read).await.map_err(Error::internal)??;
        sqlx::query!("update imports set kind = $2, options = $3 where id = $1", id.0, now.key(), serde_json::to_value(&choices)?)
            .execute(cx.db())
            .await?;
        cx.event("import.mapped", about(id), json!({ "kind": now.key(), "columns": choices.mapping.map(|m| m.columns) })).await?;
        previewed(cx, id, &reading).await
    }
}

/// Builds the mapping from the choices. Returns an error if a column or field is unknown or a field is used twice.
fn chosen(kind: Kind, sheet: &Sheet, columns: &[ColumnChoice]) -> Result<Mapping> {
    let mut mapping = Mapping { kind, columns: std::collections::BTreeMap::new() };
    let mut errors = FieldErrors::default();
    for choice in columns {
        let field = format!("column_{}", choice.column);
        let Some(header) = sheet.headers.get(choice.column) else {
            errors.add(&field, format!("The file has {} columns.", sheet.headers.len()));
            continue;
        };
        let Some(known) = kind.columns().iter().find(|c| csv::header_key(c.name()) == csv::header_key(&choice.field)) else {
            errors.add(&field, format!("{} has no “{}”.", kind.label(), choice.field));
            continue;
        };
        let mapped = mapping.columns.entry(known.name().to_owned()).or_default();
        match mapped.first().filter(|_| !known.is_many) {
            Some(other) => errors.add(&field, format!("“{}” and “{header}” can’t both be “{}”.", sheet.headers[*other], known.name())),
            None => mapped.push(choice.column),
        }
    }
    errors.into_result()?;
    mapping.columns.values_mut().for_each(|columns| columns.sort_unstable());
    Ok(mapping)
}
