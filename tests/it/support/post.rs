//! The mail a test caused: drains the jobs, hands over what arrived at the mail server.

use std::{collections::BTreeMap, time::Duration};

use app::jobs;
use platform::mail::{
    Mailer, Smtp,
    read::{Mail, parse},
};

use super::{
    TestApp,
    smtp::{Received, Sink},
};

impl TestApp {
    /// With a real mail server on a socket.
    pub async fn with_post() -> (Self, Sink) {
        let sink = Sink::start().await;
        let smtp = Smtp::from_url(&sink.url(), "rounds.test", Duration::from_secs(5)).unwrap();
        (Self::with(|setup| setup.mailer = Mailer::Smtp(smtp)).await, sink)
    }

    /// Runs every job that is due.
    pub async fn drain(&self) -> usize {
        jobs::drain(&self.app).await.unwrap()
    }

    /// Every row of every table of the product, rate limits aside.
    pub async fn dump(&self) -> BTreeMap<String, String> {
        let tables: Vec<String> = sqlx::query_scalar(
            "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname = 'public' and c.relkind = 'r' and c.relname <> 'rate_limits'",
        )
        .fetch_all(&self.admin)
        .await
        .unwrap();
        let mut dump = BTreeMap::new();
        for table in tables {
            let sql = format!("select coalesce(string_agg(t::text, E'\\n' order by t::text), '') from {table} t");
            let rows: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&self.admin).await.unwrap();
            dump.insert(table, rows);
        }
        dump
    }
}

impl Received {
    pub fn mail(&self) -> Mail {
        parse(&self.raw)
    }
}

/// What stands behind a name in a calendar file.
pub fn ics<'a>(mail: &'a Mail, name: &str) -> Vec<&'a str> {
    mail.calendar.lines().filter_map(|l| l.trim_end().strip_prefix(name)?.strip_prefix(':')).collect()
}
