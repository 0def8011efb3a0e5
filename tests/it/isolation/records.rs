//! One record of every kind in the first business, each with the canary in it.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::CANARY;
use crate::support::TestApp;

/// One record of each kind, straight into the tables: id by table.
pub async fn records_of(t: &TestApp, org: Uuid, member: Uuid) -> BTreeMap<&'static str, Uuid> {
    // Their ids take the places of a route's path and of an action's input.
    let kinds = [
        "contacts",
        "addresses",
        "notes",
        "attributes",
        "services",
        "tax_rates",
        "tickets",
        "ticket_lines",
        "assignments",
        "clock_entries",
        "closeouts",
        "invoices",
        "invoice_lines",
        "payments",
        "refunds",
        "messages",
        "files",
        "imports",
        "exports",
        "notices",
        "api_tokens",
        "links",
        "connections",
        "contact_emails",
        "contact_phones",
        "contact_duplicates",
        "message_templates",
    ];
    let mut ids: BTreeMap<&'static str, Uuid> = kinds.iter().map(|k| (*k, Uuid::now_v7())).collect();
    ids.insert("members", member);
    let id = |k: &str| format!("'{}'", ids[k]);
    let other = Uuid::now_v7();
    let rows: Vec<(&str, &str, String)> = vec![
        ("contacts", "name, first_name, company", format!("'{CANARY}', '{CANARY}', '{CANARY}'")),
        ("addresses", "contact_id, street, city, access_notes", format!("{}, '{CANARY}', 'Madison', '{CANARY}'", id("contacts"))),
        (
            "contact_emails",
            "contact_id, address, match_key",
            format!("{}, '{CANARY}@example.com', 'canarywharf@example.com'", id("contacts")),
        ),
        ("contact_phones", "contact_id, typed, match_key, tail_key", format!("{}, '{CANARY}', '+12565550142', '0142'", id("contacts"))),
        ("notes", "contact_id, body", format!("{}, '{CANARY}'", id("contacts"))),
        ("attributes", "contact_id, key, value", format!("{}, 'pet', '{CANARY}'", id("contacts"))),
        ("tax_rates", "name, percent", format!("'{CANARY}', 9")),
        ("services", "name, kind, price", format!("'{CANARY}', 'fixed', 100")),
        (
            "tickets",
            "number, contact_id, address_id, starts_at, ends_at, time_zone, instructions",
            format!(
                "4711, {}, {}, '2026-11-24 16:00Z', '2026-11-24 18:00Z', 'America/Chicago', '{CANARY}'",
                id("contacts"),
                id("addresses")
            ),
        ),
        (
            "ticket_lines",
            "ticket_id, position, kind, description, unit_price, total",
            format!("{}, 1, 'fixed', '{CANARY}', 100, 100", id("tickets")),
        ),
        ("assignments", "ticket_id, member_id, slot", format!("{}, '{member}', '[2026-11-24 16:00Z,2026-11-24 18:00Z)'", id("tickets"))),
        ("clock_entries", "ticket_id, member_id, clocked_in_at", format!("{}, '{member}', '2026-11-24 16:00Z'", id("tickets"))),
        ("closeouts", "ticket_id, member_id, draft", format!("{}, '{member}', '{{\"notes\":\"{CANARY}\"}}'", id("tickets"))),
        (
            "invoices",
            "contact_id, ticket_id, currency, note, subtotal, total",
            format!("{}, {}, 'USD', '{CANARY}', 100, 100", id("contacts"), id("tickets")),
        ),
        (
            "invoice_lines",
            "invoice_id, position, description, quantity, unit_price, total",
            format!("{}, 1, '{CANARY}', 1, 100, 100", id("invoices")),
        ),
        (
            "payments",
            "contact_id, invoice_id, state, method, amount, currency, reference",
            format!("{}, {}, 'succeeded', 'cash', 10, 'USD', '{CANARY}'", id("contacts"), id("invoices")),
        ),
        ("refunds", "payment_id, amount, reason", format!("{}, 1, '{CANARY}'", id("payments"))),
        (
            "messages",
            "kind, contact_id, subject_kind, subject_id, custom_body, rfc_message_id, send_at",
            format!("'reach_out', {}, 'contact', {}, '{CANARY}', 'm@x', '2027-01-01'", id("contacts"), id("contacts")),
        ),
        ("message_templates", "kind, subject, body", format!("'receipt', '{CANARY}', '{CANARY}'")),
        ("files", "kind, name, mime, size, sha256, bytes", format!("'invoice_pdf', '{CANARY}', 'text/plain', 1, '\\x00', '\\x00'")),
        ("imports", "kind, file_id, file_name, original_sha256", format!("'square_customers', {}, '{CANARY}', '\\x00'", id("files"))),
        ("exports", "kind, file_name, error", format!("'contacts', '{CANARY}', '{CANARY}'")),
        ("notices", "kind, subject_kind, subject_id, body", format!("'dispute', 'ticket', {}, '{CANARY}'", id("tickets"))),
        ("api_tokens", "member_id, name, token_hash", format!("'{member}', '{CANARY}', '\\x00'")),
        ("links", "kind, subject_id, token_hash", format!("'confirm', {}, '\\x01'", id("tickets"))),
        ("connections", "provider, account", format!("'stripe', '{CANARY}'")),
    ];
    let mut tx = t.admin.begin().await.unwrap();
    let setting = format!("select set_config('app.org_id', '{org}', true)");
    sqlx::raw_sql(sqlx::AssertSqlSafe(setting)).execute(&mut *tx).await.unwrap();
    for (table, columns, values) in rows {
        let sql = format!("insert into {table} (id, {columns}) values ({}, {values})", id(table));
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(&mut *tx).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
    for sql in more_rows(&ids) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(&mut *tx).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
    let twin = format!(
        "insert into contacts (id, name) values ('{other}', '{CANARY}');
         insert into contact_duplicates (id, contact_id, other_id, score, reason) values ({}, least({}::uuid, '{other}'), greatest({}::uuid, '{other}'), 1, '{CANARY}');
         select app.index_contacts(array(select id from contacts where org_id = app.org()))",
        id("contact_duplicates"),
        id("contacts"),
        id("contacts")
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(twin)).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    ids
}

/// Rows of the tables whose ids no route or action takes.
fn more_rows(ids: &BTreeMap<&'static str, Uuid>) -> Vec<String> {
    let id = |k: &str| format!("'{}'", ids[k]);
    let new = Uuid::now_v7();
    let (contact, ticket, invoice, import) = (id("contacts"), id("tickets"), id("invoices"), id("imports"));
    vec![
        format!("insert into checkout_sessions (id, invoice_id, amount, url) values ('{new}', {invoice}, 1, '{CANARY}')"),
        format!("insert into consents (id, contact_id, channel, given, source) values ('{new}', {contact}, 'email', true, '{CANARY}')"),
        format!("insert into events (name, subject_kind, subject_id, payload) values ('x', 'contact', {contact}, '\"{CANARY}\"')"),
        format!("insert into idempotency_keys (actor, key, action, request_hash) values ('{CANARY}', 'k', 'x', '')"),
        format!(
            "insert into import_keys (kind, key, record_kind, record_id, import_id) values ('x', '{CANARY}', 'contact', {contact}, {import})"
        ),
        format!("insert into import_rows (import_id, line, outcome, reason) values ({import}, 1, 'refused', '{CANARY}')"),
        format!(
            "insert into invoice_taxes (id, invoice_id, name, percent, is_inclusive, base, amount) values ('{new}', {invoice}, '{CANARY}', 9, false, 1, 1)"
        ),
        format!("insert into llm_usage (id, purpose, model, prompt_tokens, completion_tokens) values ('{new}', 'x', '{CANARY}', 1, 1)"),
        format!("insert into note_readings (note_id) values ({})", id("notes")),
        format!(
            "insert into provider_customers (id, contact_id, account, provider_customer_id) values ('{new}', {contact}, '{CANARY}', 'x')"
        ),
        format!(
            "insert into ticket_answers (id, ticket_id, answer, wish, channel, for_start) values ('{new}', {ticket}, 'accepted', '{CANARY}', 'phone', '2026-11-24 16:00Z')"
        ),
        format!("insert into webhook_events (id, provider, event_id, event_type, body) values ('{new}', 'stripe', 'e', 'x', '{CANARY}')"),
        "insert into counters (kind, last) values ('ticket', 4711) on conflict do nothing".to_owned(),
    ]
}

/// The tables that carry a business and are kept apart by it.
pub async fn tables(t: &TestApp) -> Vec<String> {
    sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
          where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace order by 1",
    )
    .fetch_all(&t.admin)
    .await
    .unwrap()
    .into_iter()
    .filter(|table: &String| !GLOBAL.contains(&table.as_str()))
    .collect()
}

/// Tables that hold nothing a person wrote: a row of the business is enough.
const WITHOUT_WORDS: &[&str] =
    &["assignments", "audit_heads", "audit_seals", "clock_entries", "counters", "links", "members", "note_readings", "seal_progress"];

/// Outside row-level security: a session is a user's, and only says in which of their businesses they are now.
const GLOBAL: &[&str] = &["sessions"];

/// The tables of `org` without a canary.
pub async fn without_canary(t: &TestApp, org: Uuid) -> Vec<String> {
    let mut missing = Vec::new();
    for table in tables(t).await {
        let words = if WITHOUT_WORDS.contains(&table.as_str()) { String::new() } else { format!("and r::text ilike '%{CANARY}%'") };
        let sql = format!("select exists (select from {table} r where org_id = '{org}' {words})");
        if !sqlx::query_scalar::<_, bool>(sqlx::AssertSqlSafe(sql)).fetch_one(&t.admin).await.unwrap() {
            missing.push(table);
        }
    }
    missing
}
