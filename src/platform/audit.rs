//! The audit chain: a background sealer links the entries of each business by hash, so that a removed or edited row is detected.
//! It covers salted digests of the values, so that values can be erased and the chain still verifies. Seals are keyed with the server's
//! key, so that write access to the database is not enough to forge them.

use serde::Serialize;
use sqlx::PgConnection;

use super::{
    app::App,
    commit::commit,
    error::Result,
    ids::OrgId,
    secrets::{digest, hmac_matches, hmac_sha256},
    tenant::{Door, Origin, Read, open},
};

/// Entries sealed in one transaction.
const BATCH: i64 = 2000;

/// The columns of an audit entry that the chain covers.
struct Entry {
    id: i64,
    at: chrono::DateTime<chrono::Utc>,
    table_name: String,
    record_id: uuid::Uuid,
    op: String,
    actor: String,
    digest: Vec<u8>,
    xid: String,
    action: Option<String>,
    source: Option<String>,
    request_id: Option<String>,
}

/// The version of new seals. Version 1 was a plain hash without a key.
const VERSION: i16 = 2;

impl Entry {
    fn hash(&self, previous: &[u8], key: &[u8], version: i16) -> [u8; 32] {
        let mut bytes = previous.to_vec();
        let text = format!(
            "{}|{}|{}|{}|{}|{}|{}|",
            self.id,
            self.at.timestamp_micros(),
            self.table_name,
            self.record_id,
            self.op,
            self.actor,
            self.xid
        );
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(&self.digest);
        if version == 1 {
            return digest(&bytes);
        }
        for part in [&self.action, &self.source, &self.request_id] {
            bytes.extend_from_slice(part.as_deref().unwrap_or_default().as_bytes());
            bytes.push(0);
        }
        hmac_sha256(key, &bytes)
    }
}

/// The message whose MAC proves where the chain ends.
fn head(org: OrgId, seq: i64, hash: &[u8]) -> Vec<u8> {
    [format!("audit-head:{}:{seq}:", org.0).as_bytes(), hash].concat()
}

/// Seals the entries added since the last round, in the businesses that have any. Returns the number of entries sealed.
pub async fn seal_new(app: &App) -> Result<usize> {
    // A restored database may come from a cluster with higher transaction ids than this one; then all entries are checked again.
    let round = sqlx::query!(
        r#"
        select pg_snapshot_xmin(pg_current_snapshot())::text as "until!",
               case when p.xid > pg_snapshot_xmin(pg_current_snapshot()) then '0' else p.xid::text end as "since!"
          from seal_progress p
        "#
    )
    .fetch_one(&app.pool)
    .await?;
    let orgs = sqlx::query_scalar!(r#"select app.orgs_to_seal($1::text::xid8) as "id!: OrgId""#, round.since).fetch_all(&app.pool).await?;
    let mut sealed = 0;
    for org in orgs {
        sealed += seal_since(app, org, &round.since).await?;
    }
    sqlx::query!("update seal_progress set xid = $1::text::xid8", round.until).execute(&app.pool).await?;
    Ok(sealed)
}

/// Seals all unsealed entries of one business. Returns their number.
pub async fn seal(app: &App, org: OrgId) -> Result<usize> {
    seal_since(app, org, "0").await
}

/// Seals the unsealed entries from transaction `since` on, in batches. Never goes past the oldest transaction still running: one that
/// took its number early and commits late would otherwise be skipped. A lock admits one sealer per business at a time.
async fn seal_since(app: &App, org: OrgId, since: &str) -> Result<usize> {
    let mut total = 0;
    let mut done = Done { xid: since.to_owned(), id: 0, until: None };
    loop {
        let mut tx = open(app, &Door::Org(org, "job"), &Origin::default(), app.clock.now()).await?;
        let sealed = seal_batch(&mut tx, &app.server_key, org, &mut done).await?;
        commit(tx).await?;
        total += sealed;
        if i64::try_from(sealed).unwrap_or(i64::MAX) < BATCH {
            return Ok(total);
        }
    }
}

/// A sealer's position, by transaction, then by entry: each batch begins where the last one ended, so that an import's hundred thousand
/// entries are not read again for every two thousand. All transactions before `until` have ended, so no further entry can appear there.
struct Done {
    xid: String,
    id: i64,
    until: Option<String>,
}

async fn seal_batch(db: &mut PgConnection, key: &[u8], org: OrgId, done: &mut Done) -> Result<usize> {
    let horizon = sqlx::query_scalar!(
        r#"select pg_snapshot_xmin(pg_current_snapshot())::text as "until!" from pg_advisory_xact_lock(hashtextextended('seal:' || $1::text, 0))"#,
        org.0.to_string()
    )
    .fetch_one(&mut *db)
    .await?;
    let until = &*done.until.get_or_insert(horizon);
    let last = sqlx::query!("select seq, hash from audit_seals order by seq desc limit 1").fetch_optional(&mut *db).await?;
    let (mut seq, mut hash) = last.map_or((0, Vec::new()), |l| (l.seq, l.hash));
    let entries = sqlx::query_as!(
        Entry,
        r#"
        select e.id, e.at, e.table_name, e.record_id, e.op, e.actor, e.digest, e.xid::text as "xid!", e.action, e.source, e.request_id
          from audit_entries e
         where (e.xid, e.id) > ($1::text::xid8, $2) and e.xid < $3::text::xid8
           and not exists (select from audit_seals s where s.org_id = e.org_id and s.entry_id = e.id)
         order by e.xid, e.id limit $4
        "#,
        done.xid,
        done.id,
        until,
        BATCH
    )
    .fetch_all(&mut *db)
    .await?;
    let Some(end) = entries.last() else { return Ok(0) };
    (done.xid, done.id) = (end.xid.clone(), end.id);
    let (mut seqs, mut ids, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for entry in &entries {
        seq += 1;
        hash = entry.hash(&hash, key, VERSION).to_vec();
        seqs.push(seq);
        ids.push(entry.id);
        hashes.push(hash.clone());
    }
    let mac = hmac_sha256(key, &head(org, seq, &hash)).to_vec();
    sqlx::query!(
        "with sealed as (
             insert into audit_seals (org_id, seq, entry_id, hash, version)
             select app.org(), s.seq, s.id, s.hash, $4 from unnest($1::bigint[], $2::bigint[], $3::bytea[]) s (seq, id, hash))
         insert into audit_heads (org_id, seq, mac) values (app.org(), $5, $6)
         on conflict (org_id) do update set seq = excluded.seq, mac = excluded.mac",
        &seqs,
        &ids,
        &hashes,
        VERSION,
        seq,
        mac
    )
    .execute(db)
    .await?;
    Ok(entries.len())
}

/// The outcome of verifying a business's chain.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Verdict {
    pub sealed: i64,
    /// The faults found, in words; empty if the chain holds.
    pub faults: Vec<String>,
}

/// Verifies the whole chain of one business: each seal's hash is right, each sealed entry still exists, each value that was not erased
/// still matches its digest, and no seal is missing at the end.
pub async fn verify(app: &App, org: OrgId) -> Result<Verdict> {
    let mut read = Read::of_org(app, org).await?;
    let tx = read.db();
    let mut verdict = Verdict { sealed: 0, faults: Vec::new() };
    let mut hash: Vec<u8> = Vec::new();
    let mut is_keyed = false;
    // The recorded end is read before the seals, as the chain may grow meanwhile.
    let end = sqlx::query!("select seq, mac from audit_heads").fetch_optional(&mut *tx).await?;
    loop {
        let rows = sqlx::query!(
            r#"
            select s.seq, s.hash, s.version, s.entry_id, e.id as "id?", e.at as "at?", e.table_name as "table_name?", e.record_id as "record_id?", e.op as "op?",
                   e.actor as "actor?", e.digest as "digest?", e.xid::text as "xid?", e.action, e.source, e.request_id,
                   -- Erased values have lost their salt with them.
                   case when e.salt is null then e.changes is null
                        else e.digest = sha256(e.salt || convert_to(coalesce(e.changes::text, ''), 'UTF8')) end as "values_match?"
              from audit_seals s left join audit_entries e on e.org_id = s.org_id and e.id = s.entry_id
             where s.seq > $1 order by s.seq limit 5000
            "#,
            verdict.sealed
        )
        .fetch_all(&mut *tx)
        .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            verdict.sealed += 1;
            if row.seq != verdict.sealed {
                verdict.faults.push(format!("seal {} is missing", verdict.sealed));
                verdict.sealed = row.seq;
            }
            let (Some(id), Some(at), Some(table_name), Some(record_id), Some(op), Some(actor), Some(digest), Some(xid)) =
                (row.id, row.at, row.table_name, row.record_id, row.op, row.actor, row.digest, row.xid)
            else {
                verdict.faults.push(format!("entry {} was removed", row.entry_id));
                hash = row.hash;
                continue;
            };
            if row.values_match == Some(false) {
                verdict.faults.push(format!("the values of entry {id} were edited"));
            }
            let (action, source, request_id) = (row.action, row.source, row.request_id);
            let entry = Entry { id, at, table_name, record_id, op, actor, digest, xid, action, source, request_id };
            is_keyed = row.version > 1;
            if entry.hash(&hash, &app.server_key, row.version).as_slice() != row.hash.as_slice() {
                verdict.faults.push(format!("entry {id} was edited, or one before it was removed"));
            }
            if let Some(end) = end.as_ref().filter(|end| end.seq == row.seq)
                && !hmac_matches(&app.server_key, &[&head(org, end.seq, &row.hash)], &end.mac)
            {
                verdict.faults.push("the note of where the chain ends was edited".into());
            }
            hash = row.hash;
        }
    }
    match end {
        Some(end) if end.seq > verdict.sealed => {
            verdict.faults.push(format!("seals {} to {} were removed from the end", verdict.sealed + 1, end.seq));
        }
        None if is_keyed && sqlx::query!("select seq from audit_heads").fetch_optional(&mut *tx).await?.is_none() => {
            verdict.faults.push("the note of where the chain ends was removed".into());
        }
        _ => {}
    }
    Ok(verdict)
}
