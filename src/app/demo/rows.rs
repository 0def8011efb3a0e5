//! Collects rows by table and inserts them in batches.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};

use platform::error::{Error, Result};

/// Tables in insertion order: referenced tables come first.
const TABLES: [&str; 24] = [
    "tax_rates",
    "services",
    "contacts",
    "contact_emails",
    "contact_phones",
    "addresses",
    "consents",
    "tickets",
    "ticket_lines",
    "assignments",
    "clock_entries",
    "ticket_answers",
    "notes",
    "attributes",
    "closeouts",
    "invoices",
    "invoice_lines",
    "invoice_taxes",
    "links",
    "payments",
    "refunds",
    "messages",
    "notices",
    "events",
];

/// Rows per insert statement.
const BATCH: usize = 1000;

#[derive(Default)]
pub struct Rows(BTreeMap<&'static str, Vec<Value>>);

impl Rows {
    /// Adds a row. All rows of a table must have the same columns.
    pub fn add(&mut self, table: &'static str, row: Value) {
        self.0.entry(table).or_default().push(row);
    }

    /// Inserts all rows, with the permissions of the transaction's actor. Fails if a table is missing from `TABLES`.
    pub async fn write(self, db: &mut PgConnection) -> Result<()> {
        let mut tables = self.0;
        for table in TABLES {
            for rows in tables.remove(table).unwrap_or_default().chunks(BATCH) {
                insert(db, table, rows).await?;
            }
        }
        match tables.keys().next() {
            Some(stranger) => Err(Error::internal(format!("{stranger} has no place in the order of tables"))),
            None => Ok(()),
        }
    }
}

async fn insert(db: &mut PgConnection, table: &'static str, rows: &[Value]) -> Result<()> {
    let columns: Vec<&str> = rows.first().and_then(Value::as_object).map(|o| o.keys().map(String::as_str).collect()).unwrap_or_default();
    let columns = columns.join(", ");
    // Safe from injection: table and column names are constants of the demo's code, and the values are bound.
    let sql = format!("insert into {table} ({columns}) select {columns} from jsonb_populate_recordset(null::{table}, $1)");
    sqlx::query(AssertSqlSafe(sql)).bind(Value::Array(rows.to_vec())).execute(db).await?;
    Ok(())
}
