//! The versioned migrations, embedded.

use platform::migrate::Schema;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// The schema this binary brings a database to.
pub static SCHEMA: Schema = Schema { migrations: &MIGRATIONS };
