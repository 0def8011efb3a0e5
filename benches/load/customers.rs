//! The import as a user meets it: a file of Square's customers is uploaded, looked at, run in the background and watched to its end.

use std::{
    error::Error,
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::client::Connection;

const ROWS: usize = 15_000;
const HEADER: &str = "Reference ID,First Name,Last Name,Email Address,Phone Number,Nickname,Company Name,Street Address 1,Street Address 2,City,State,\
                      Postal Code,Birthday,Memo,Square Customer ID,Creation Source,First Visit,Last Visit,Transaction Count,Lifetime Spend,\
                      Email Subscription Status,Instant Profile,Blocked from online booking\n";

/// Imports 15,000 customers into the last business, which has 200 of its own. Returns the time it took and how many rows were accounted for.
pub async fn import(port: u16, business: u32) -> Result<(Duration, u64), Box<dyn Error>> {
    let mut connection = Connection::open(port).await?;
    let started = Instant::now();
    let preview = json!({ "domain": "import", "action": "preview", "data": { "file_name": "customers.csv", "content": file() } });
    let previewed = ask(&mut connection, business, Some(&preview), "/api/actions").await?;
    let id = previewed["data"]["id"].as_str().ok_or_else(|| format!("no preview: {previewed}"))?.to_owned();
    let run = json!({ "domain": "import", "action": "run", "data": { "import_id": id } });
    ask(&mut connection, business, Some(&run), "/api/actions").await?;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let seen = ask(&mut connection, business, None, &format!("/api/data?type=imports&id={id}")).await?;
        let import = &seen["data"];
        match import["state"].as_str() {
            Some("queued" | "running") => {}
            Some("done") => return Ok((started.elapsed(), import["rows_done"].as_u64().unwrap_or_default())),
            _ => return Err(format!("the import stopped: {seen}").into()),
        }
    }
}

async fn ask(connection: &mut Connection, business: u32, body: Option<&Value>, path: &str) -> Result<Value, Box<dyn Error>> {
    let (method, body) = body.map_or(("GET", String::new()), |b| ("POST", b.to_string()));
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer bench-token-{business}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.send(&request).await?;
    Ok(serde_json::from_str(&connection.text())?)
}

/// Rows as real exports have them: most with a phone, two thirds with an email and an address, half with a memo of a technician.
fn file() -> String {
    let first = ["Veronica", "Jesús", "Michael", "Cynthia", "Christopher", "Ann", "Zoë", "Walter"];
    let last = ["Holden", "Wilson", "Leonard", "Garrett", "Spencer", "Lee", "Okafor", "Nash", "Ramirez", "Stone", "Whitfield"];
    let memos = [
        "gate code 4411, dog (Biscuit), skylights x3",
        "needs 32ft ladder for foyer window, no Tuesdays (bridge club)",
        "Property manager, invoices to office - outs only this time",
        "2 story in back, cat - do NOT let out front door",
    ];
    let mut text = HEADER.to_owned();
    for n in 0..ROWS {
        let (first, last) = (first[n % first.len()], last[n / first.len() % last.len()]);
        let email = if n % 3 == 0 { String::new() } else { format!("customer{n}@example.com") };
        let phone = if n % 9 == 0 && n % 3 != 0 { String::new() } else { format!("(256) {:03}-{:04}", 200 + n / 10_000, n % 10_000) };
        let street = if n % 3 == 1 { String::new() } else { format!("{} Governors Dr SW", 100 + n) };
        let (city, state, zip) = if street.is_empty() { ("", "", "") } else { ("Huntsville", "AL", "35801") };
        let memo = if n % 2 == 0 { memos[n / 2 % memos.len()] } else { "" };
        let consent = ["unknown", "subscribed", "unsubscribed"][n % 3];
        writeln!(
            text,
            ",{first},{last} {n},{email},{phone},,,{street},,{city},{state},{zip},,\"{memo}\",BENCH{n:021},Manually Created,2020-05-14,2026-03-24,1,$336.50,{consent},false,No"
        )
        .expect("writing to a String can't fail");
    }
    text
}
