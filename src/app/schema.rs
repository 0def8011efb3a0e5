//! The versioned migrations and the functions of the database, embedded.

use platform::{functions::Function, migrate::Schema};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

// FUNCTIONS, from `migrations/functions`.
include!(concat!(env!("OUT_DIR"), "/functions.rs"));

/// The schema this binary brings a database to.
pub static SCHEMA: Schema = Schema { migrations: &MIGRATIONS, functions: FUNCTIONS };

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::FUNCTIONS;

    /// Every text there ever was: name, version, fingerprint.
    const VERSIONS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/functions/versions"));

    #[test]
    fn a_changed_text_takes_the_next_number() {
        let mut newest: HashMap<&str, (i32, &str)> = HashMap::new();
        for line in VERSIONS.lines() {
            let [name, version, print] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("not `name version fingerprint`: {line}") };
            let version: i32 = version.parse().unwrap();
            let before = newest.insert(name, (version, print)).map_or(0, |(version, _)| version);
            assert_eq!(version, before + 1, "the versions of app.{name} in migrations/functions/versions follow each other, one text each");
        }
        for function in FUNCTIONS {
            let (name, version, print) = (function.name, function.version, function.fingerprint());
            let listed = newest.get(name).copied();
            assert_eq!(
                listed,
                Some((version, print.as_str())),
                "app.{name} is not the newest text listed. If it was changed, give the file the next version and add its line to \
                 migrations/functions/versions (lines there are never changed): {name} {} {print}",
                listed.map_or(1, |(version, _)| version + 1)
            );
        }
    }
}
