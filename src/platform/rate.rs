//! Rate limits: fixed windows in the database, shared by all instances.

use std::net::{IpAddr, Ipv6Addr};

use chrono::{DateTime, Duration, TimeZone, Utc};

use super::{
    app::App,
    error::{Error, Result},
    secrets::{digest, hex},
};

/// The network that limits count as one: an IPv4 address itself, the /64 of an IPv6 address, since every household is given at least that.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Counts a hit of `key` (stored as a hash only). Errors: `RateLimited` beyond `limit` hits in the current window of `seconds`.
pub async fn limit(app: &App, key: &str, limit: i32, seconds: i64) -> Result<()> {
    let now = app.clock.now();
    let window = window_start(now, seconds);
    let hashed = hex(&digest(key.as_bytes())[..16]);
    let hits = sqlx::query_scalar!(
        "insert into rate_limits (key, window_start) values ($1, $2)
         on conflict (key, window_start) do update set hits = rate_limits.hits + 1 returning hits",
        hashed,
        window
    )
    .fetch_one(&app.pool)
    .await?;
    if hits <= limit {
        return Ok(());
    }
    let left = (window + Duration::seconds(seconds) - now).num_seconds().max(1);
    Err(Error::RateLimited { retry_after_secs: left.unsigned_abs() })
}

/// Deletes windows that began more than a day ago. Returns their number.
pub async fn sweep(app: &App) -> Result<u64> {
    let before = app.clock.now() - Duration::days(1);
    Ok(sqlx::query!("delete from rate_limits where window_start < $1", before).execute(&app.pool).await?.rows_affected())
}

fn window_start(now: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    Utc.timestamp_opt(now.timestamp() - now.timestamp().rem_euclid(seconds), 0).single().unwrap_or(now)
}
