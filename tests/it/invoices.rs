//! Invoices: numbers without gaps, the same amounts everywhere, sent only when the mail server took it.

use std::collections::BTreeSet;

use money::{
    invoices::actions::{CreateInvoice, IssueInvoice},
    lines::NewLine,
};
use platform::{
    action::{Action, Cx, Meta},
    error::{Error, Result},
    ids::InvoiceId,
    role::{Permission, Role},
    tenant::Write,
};
use serde_json::{Value, json};

use crate::support::{Business, TestApp};

/// A customer with an email address.
pub async fn customer(b: &Business<'_>, email: Option<&str>) -> String {
    let emails: Vec<Value> = email.into_iter().map(|e| json!({ "address": e })).collect();
    let new = json!({ "first_name": "Jane", "last_name": "Smith", "emails": emails });
    b.owner.act("contact.create", new).await.data()["id"].as_str().unwrap().to_owned()
}

/// A draft over one line.
pub async fn draft(b: &Business<'_>, contact: &str, price: &str) -> String {
    let new = json!({ "contact_id": contact, "lines": [{ "description": "Windows", "unit_price": price }] });
    b.owner.act("invoice.create", new).await.data()["id"].as_str().unwrap().to_owned()
}

/// An issued invoice and the path of the customer's page.
pub async fn issued(b: &Business<'_>, price: &str) -> (String, String) {
    let contact = customer(b, Some("jane@example.com")).await;
    let id = draft(b, &contact, price).await;
    b.owner.act("invoice.issue", json!({ "invoice_id": id })).await.expect(200);
    (id.clone(), link(b, &id).await)
}

/// The path of the customer's page.
pub async fn link(b: &Business<'_>, id: &str) -> String {
    let page = b.owner.get(&format!("/invoices/{id}")).await.expect(200).body;
    let token = page.split("http://rounds.test/i/").nth(1).unwrap().split('"').next().unwrap();
    format!("/i/{token}")
}

pub async fn invoice(b: &Business<'_>, id: &str) -> Value {
    b.owner.data(&format!("type=invoices&id={id}&include=line_items,taxes,payments,audit_trail")).await.data()
}

fn pdf_text(bytes: &[u8]) -> Option<String> {
    let path = std::env::temp_dir().join(format!("rounds-{}.pdf", InvoiceId::new()));
    std::fs::write(&path, bytes).unwrap();
    let out = std::process::Command::new("pdftotext").args(["-layout", path.to_str().unwrap(), "-"]).output().ok();
    std::fs::remove_file(&path).unwrap();
    out.map(|o| String::from_utf8_lossy(&o.stdout).into_owned())
}

/// M1: page, list, API, PDF, mail and pay page show the same stored amounts; 815.96 is 815.96 everywhere.
#[tokio::test]
async fn m1_the_same_amounts_everywhere() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, Some("jane@example.com")).await;
    let tax = b.owner.act("tax_rate.create", json!({ "name": "Sales tax", "percent": "8.875", "is_default": true })).await.data();
    assert!(tax["id"].is_string());
    let lines = json!([
        { "description": "Windows", "unit_price": "249.95" },
        { "description": "Screens", "quantity": "3", "unit_price": "83.31" },
        { "description": "Gutters", "unit_price": "249.55" },
    ]);
    let id =
        b.owner.act("invoice.create", json!({ "contact_id": contact, "lines": lines })).await.data()["id"].as_str().unwrap().to_owned();
    let before = invoice(&b, &id).await;
    assert_eq!((&before["subtotal"], &before["tax"], &before["total"]), (&json!("749.43"), &json!("66.51"), &json!("815.94")));
    b.owner.act("invoice.send", json!({ "invoice_id": id })).await.expect(200);
    assert_eq!(invoice(&b, &id).await["state"], "issued", "issued until the mail server took it");
    t.drain().await;
    let sent = invoice(&b, &id).await;
    assert_eq!((&sent["state"], &sent["number"], &sent["total"]), (&json!("sent"), &json!("INV-0001"), &json!("815.94")));
    let mail = sink.received()[0].mail();
    let bytes: Vec<u8> = sqlx::query_scalar("select bytes from files where kind = 'invoice_pdf'").fetch_one(&t.admin).await.unwrap();
    let mut seen = vec![
        ("page", b.owner.get(&format!("/invoices/{id}")).await.expect(200).body),
        ("list", b.owner.get("/invoices?search=815.94").await.expect(200).body),
        ("print", b.owner.get(&format!("/invoices/{id}/print")).await.expect(200).body),
        ("customer's page", t.nobody().get(&link(&b, &id).await).await.expect(200).body),
        ("mail", mail.text),
    ];
    seen.extend(pdf_text(&bytes).map(|text| ("pdf", text)));
    for (place, text) in &seen {
        assert!(text.contains("$815.94"), "{place}: {text}");
        if !matches!(*place, "list" | "mail") {
            for amount in ["$749.43", "$66.51", "$249.93"] {
                assert!(text.contains(amount), "{place} lacks {amount}: {text}");
            }
        }
    }
    // Frozen: the catalogue may change, the invoice does not.
    let rate = tax["id"].clone();
    b.owner.act("tax_rate.update", json!({ "tax_rate_id": rate, "name": "Sales tax", "percent": "20" })).await;
    assert_eq!(invoice(&b, &id).await["total"], "815.94");
    b.owner.act("invoice.update", json!({ "invoice_id": id, "note": "x" })).await.expect(409);
    let frozen = sqlx::query("update invoice_lines set total = 1").execute(&t.admin).await.unwrap_err().to_string();
    assert!(frozen.contains("issued"), "{frozen}");
}

/// Issues, then thinks better of it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, schemars::JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
struct IssueAndFail {
    invoice_id: InvoiceId,
}

impl Action for IssueAndFail {
    const NAME: &'static str = "test.issue_and_fail";
    const NEEDS: Permission = Permission::Send;
    type Output = ();

    async fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        cx.run(IssueInvoice { invoice_id: self.invoice_id }).await?;
        Err(Error::conflict("thought better of it"))
    }
}

/// P2: a hundred at once, every fourth rolled back: no gap, no twin.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p2_numbers_without_gaps_or_twins() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, None).await.parse().unwrap();
    let write = std::sync::Arc::new(Write::of_org(&t.app, b.org, "job").await.unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100 {
        let write = write.clone();
        tasks.spawn(async move {
            let line = NewLine { description: Some("Windows".into()), unit_price: Some(100.into()), ..NewLine::default() };
            let new = CreateInvoice { contact_id: contact, lines: vec![line], ..CreateInvoice::default() };
            let id = write.act(&Meta::default(), new).await.unwrap().id;
            if n % 4 == 0 {
                write.act(&Meta::default(), IssueAndFail { invoice_id: id }).await.unwrap_err();
            } else {
                write.act(&Meta::default(), IssueInvoice { invoice_id: id }).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let numbers: Vec<i64> = sqlx::query_scalar("select seq from invoices where seq is not null").fetch_all(&t.admin).await.unwrap();
    assert_eq!(numbers.len(), 75);
    assert_eq!(numbers.into_iter().collect::<BTreeSet<_>>(), (1..=75).collect());
    assert_eq!(t.count("select count(*) from files where kind = 'invoice_pdf'").await, 75);
}

/// Two at once on the same draft: one number; the ticket's invoice is made once, and again only after it was voided.
#[tokio::test]
async fn one_live_invoice_a_ticket() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, None).await;
    let service =
        b.owner.act("service.create", json!({ "name": "Windows", "kind": "fixed", "price": "120.00" })).await.data()["id"].clone();
    let new = json!({
        "contact_id": contact, "starts_at": "2026-11-24T15:00:00Z", "ends_at": "2026-11-24T17:00:00Z", "ask_customer": false,
        "lines": [{ "service_id": service, "kind": "fixed", "description": "Windows, inside and out", "quantity": "2", "unit_price": "120.00" }],
    });
    let ticket = b.owner.act("ticket.create", new).await.data()["id"].clone();
    b.owner.act("invoice.create_from_ticket", json!({ "ticket_id": ticket })).await.expect(409);
    b.owner.act("ticket.close", json!({ "ticket_id": ticket, "worked_minutes": 60 })).await.expect(200);
    let made = || b.owner.act("invoice.create_from_ticket", json!({ "ticket_id": ticket }));
    let (one, two) = tokio::join!(made(), made());
    let id = one.data()["id"].as_str().unwrap().to_owned();
    assert_eq!(two.data()["id"], json!(id));
    let draft = invoice(&b, &id).await;
    assert_eq!((&draft["total"], &draft["line_items"][0]["description"]), (&json!("240.00"), &json!("Windows, inside and out")));
    assert_eq!(draft["line_items"][0]["service_id"], service);
    let issue = || b.owner.act("invoice.issue", json!({ "invoice_id": id }));
    let (one, two) = tokio::join!(issue(), issue());
    assert_eq!((one.data()["number"].clone(), two.data()["number"].clone()), (json!("INV-0001"), json!("INV-0001")));
    b.owner.act("invoice.void", json!({ "invoice_id": id, "reason": "" })).await.expect(422);
    let voided = b.owner.act("invoice.void", json!({ "invoice_id": id, "reason": "Wrong price", "reissue": true })).await.data();
    let again = invoice(&b, voided["draft_id"].as_str().unwrap()).await;
    assert_eq!((&again["state"], &again["ticket_id"], &again["total"]), (&json!("draft"), &ticket, &json!("240.00")));
    assert_eq!(again["line_items"][0]["service_id"], service);
    let page = t.nobody().get(&link(&b, &id).await).await.expect(200).body;
    assert!(page.contains("void") && !page.contains("<button"), "{page}");
}

/// The money step of the close-out: the invoice goes out by mail, or the code to pay is shown; without an address it is handed over.
#[tokio::test]
async fn the_close_out_ends_in_an_invoice() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let contacts = [customer(&b, Some("jane@example.com")).await, customer(&b, None).await];
    let closed = async |contact: &str, hour: u32| {
        let new = json!({
            "contact_id": contact, "starts_at": format!("2026-11-24T{hour}:00:00Z"), "ends_at": format!("2026-11-24T{hour}:50:00Z"),
            "ask_customer": false, "lines": [{ "kind": "fixed", "description": "Windows", "unit_price": "120.00" }],
        });
        let id = b.owner.act("ticket.create", new).await.data()["id"].as_str().unwrap().to_owned();
        b.owner.act("ticket.close", json!({ "ticket_id": id, "worked_minutes": 60 })).await.expect(200);
        format!("/tickets/{id}/closeout/money")
    };
    let mailed = b.owner.post(&closed(&contacts[0], 15).await, &[("_key", "a"), ("how", "invoice")]).await.expect(303);
    assert_eq!(mailed.location(), "/calendar");
    t.drain().await;
    assert_eq!((sink.received().len(), t.count("select count(*) from invoices where state = 'sent'").await), (1, 1));
    let handed = b.owner.post(&closed(&contacts[1], 16).await, &[("_key", "b"), ("how", "invoice")]).await.expect(303);
    assert!(handed.location().ends_with("/send"), "{}", handed.location());
    let paying = closed(&contacts[0], 17).await;
    let collect = b.owner.post(&paying, &[("_key", "c"), ("how", "payment")]).await.expect(303);
    assert!(collect.location().ends_with("/collect"));
    assert_eq!(b.owner.post(&paying, &[("_key", "c"), ("how", "payment")]).await.expect(303).location(), collect.location());
    assert!(b.owner.get(collect.location()).await.expect(200).body.contains("$120.00"));
}

/// The fields of a form as a browser would send them back, untouched.
fn untouched(page: &str) -> Vec<(String, String)> {
    let form = page.split("<form method=\"post\" class=\"stack\">").nth(1).unwrap().split("</form>").next().unwrap();
    let form: String =
        form.split("<template>").enumerate().map(|(i, p)| if i == 0 { p } else { p.split("</template>").nth(1).unwrap() }).collect();
    let attr = |tag: &str, name: &str| tag.split(&format!(" {name}=\"")).nth(1).map(|v| v.split('"').next().unwrap().to_owned());
    let mut fields = Vec::new();
    for tag in form.split('<').filter(|t| t.starts_with("input")) {
        fields.extend(attr(tag, "name").map(|name| (name, attr(tag, "value").unwrap_or_default())));
    }
    for select in form.split("<select").skip(1) {
        let chosen =
            select.split("</select>").next().unwrap().split("<option").find(|o| o.split('>').next().unwrap().contains(" selected"));
        fields.push((attr(select, "name").unwrap(), chosen.and_then(|o| attr(o, "value")).unwrap_or_default()));
    }
    fields
}

/// A draft that is opened and saved as it was keeps its lines and its total, whatever became of rates and services; an invoice made anew keeps its tax.
#[tokio::test]
async fn an_untouched_draft_keeps_its_total() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, None).await;
    let rate = async |name: &str, percent: &str, inclusive: bool, default: bool| {
        let new = json!({ "name": name, "percent": percent, "is_inclusive": inclusive, "is_default": default });
        b.owner.act("tax_rate.create", new).await.data()["id"].clone()
    };
    rate("Usual", "9", false, true).await;
    let (old, state) = (rate("Old", "5", true, false).await, rate("State", "7", false, false).await);
    let service = b.owner.act("service.create", json!({ "name": "Windows", "kind": "fixed", "price": "1.00" })).await.data()["id"].clone();
    let lines = json!([
        { "service_id": service, "description": "Windows", "unit_price": "100.00", "tax_rate_id": old },
        { "description": "Gutters", "unit_price": "100.00", "tax_rate_id": state },
    ]);
    let id =
        b.owner.act("invoice.create", json!({ "contact_id": contact, "lines": lines })).await.data()["id"].as_str().unwrap().to_owned();
    b.owner.act("tax_rate.archive", json!({ "tax_rate_id": old })).await.expect(200);
    b.owner.act("service.archive", json!({ "service_id": service })).await.expect(200);
    b.owner.act("tax_rate.update", json!({ "tax_rate_id": state, "name": "State", "percent": "8" })).await.expect(200);
    let save = async |id: &str| {
        let page = b.owner.get(&format!("/invoices/{id}/edit")).await.expect(200).body;
        let fields = untouched(&page);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        b.owner.post(&format!("/invoices/{id}/edit"), &fields).await.expect(303);
        page
    };
    let page = save(&id).await;
    assert!(page.contains("Old 5 % (archived)") && page.contains("State 8 %<") && page.contains("State 7 %, as before"), "{page}");
    let saved = invoice(&b, &id).await;
    assert_eq!((&saved["total"], &saved["line_items"][0]["service_id"]), (&json!("207.00"), &service));
    b.owner.act("invoice.issue", json!({ "invoice_id": id })).await.expect(200);
    let voided = b.owner.act("invoice.void", json!({ "invoice_id": id, "reason": "Wrong name", "reissue": true })).await.data();
    let again = voided["draft_id"].as_str().unwrap();
    save(again).await;
    let again = invoice(&b, again).await;
    assert_eq!((&again["total"], &again["line_items"][0]["service_id"]), (&json!("207.00"), &service));
}

/// Mailed twice before the first went out: the last word counts, the same word is one mail.
#[tokio::test]
async fn s3_the_last_address_counts() {
    let (t, sink) = TestApp::with_post().await;
    let b = t.business("Crystal Clear").await;
    let id = draft(&b, &customer(&b, Some("jane@example.com")).await, "100.00").await;
    let send = |to: &str, words: &str| b.owner.act("invoice.send", json!({ "invoice_id": id, "to": to, "message": words }));
    send("wrong@example.com", "").await.expect(200);
    let first = send("right@example.com", "As agreed").await.data()["message_id"].clone();
    assert_eq!(send("Right@example.com", "As agreed").await.data()["message_id"], first);
    t.drain().await;
    let mails = sink.received();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].mail().text.contains("As agreed") && mails[0].to.iter().any(|a| a.contains("right@example.com")), "{:?}", mails[0].to);
}

/// What can't be done any more says so on the form, with what was typed; sums that no book holds and another currency are refused in words.
#[tokio::test]
async fn refusals_lose_nothing() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let contact = customer(&b, None).await;
    // Too much for the books.
    let typed = [
        ("contact_id", contact.as_str()),
        ("lines[0].description", "Glass"),
        ("lines[0].unit_price", "9999999"),
        ("lines[0].quantity", "99999"),
    ];
    let refused = b.owner.post("/invoices/new", &typed).await.expect(422).body;
    assert!(refused.contains("too large") && refused.contains("value=\"9999999\""), "{refused}");
    let mut much = typed;
    (much[2].1, much[3].1) = ("9000000", "2");
    let large = b.owner.post("/invoices/new", &[&[("_key", "n1")], &much[..]].concat()).await.expect(303).location().to_owned();
    b.owner.act("payment.record", json!({ "invoice_id": &large[10..], "amount": "18000000", "method": "bank" })).await.expect(200);
    // Gone back to and sent with other content.
    let back = b.owner.post("/invoices/new", &[&[("_key", "n1")], &typed[..]].concat()).await.expect(409).body;
    assert!(back.contains("made from this form already") && back.contains("value=\"99999\""), "{back}");
    // Issued by somebody else meanwhile.
    let id = draft(&b, &contact, "100.00").await;
    b.owner.act("invoice.issue", json!({ "invoice_id": id })).await.expect(200);
    let stale = [("_version", "1"), ("contact_id", contact.as_str()), ("lines[0].description", "Mine"), ("lines[0].unit_price", "5")];
    let over = b.owner.post(&format!("/invoices/{id}/edit"), &stale).await.expect(409).body;
    assert!(over.contains("value=\"Mine\"") && over.contains("$100.00") && !over.contains("Save draft"), "{over}");
    let void = format!("/invoices/{id}/void");
    let kept = b.owner.post(&void, &[("_version", "1"), ("reason", "Two panes less")]).await.expect(409).body;
    assert!(kept.contains("value=\"Two panes less\""), "{kept}");
    let fields = untouched(&kept);
    b.owner.post(&void, &fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>()).await.expect(303);
    // The currency stays; a record is read in its own, whatever became of the business's.
    b.owner.act("business.update", json!({ "currency": "EUR" })).await.expect(422);
    b.owner.act("business.update", json!({ "currency": "USD" })).await.expect(200);
    let (usd, _) = issued(&b, "100.00").await;
    sqlx::query("update orgs set currency = 'JPY'").execute(&t.admin).await.unwrap();
    b.owner.post(&format!("/invoices/{usd}/payments/new"), &[("amount", "10.50"), ("method", "cash")]).await.expect(303);
    let payment = invoice(&b, &usd).await["payments"][0]["id"].as_str().unwrap().to_owned();
    b.owner.post(&format!("/payments/{payment}/refund"), &[("amount", "0.50"), ("reason", "Change")]).await.expect(303);
    assert_eq!(invoice(&b, &usd).await["paid"], "10.00");
}

/// The rules of sending, roles, and the pages with their 422 and 409.
#[tokio::test]
async fn pages_and_rules() {
    let t = TestApp::new().await;
    let mut b = t.business("Crystal Clear").await;
    let contact = customer(&b, None).await;
    // A form without script: empty rows are left out, what is wrong stands beside its field and keeps what was typed.
    let typed = [
        ("_key", "k1"),
        ("contact_id", &contact),
        ("lines[0].description", "Windows"),
        ("lines[0].unit_price", "abc"),
        ("lines[0].quantity", "2"),
        ("lines[1].service_id", ""),
        ("lines[1].description", ""),
        ("discount", "10 %"),
        ("terms_days", "14"),
    ];
    let refused = b.owner.post("/invoices/new", &typed).await.expect(422).body;
    assert!(refused.contains("value=\"abc\"") && refused.contains("f-lines-0--unit-price"), "{refused}");
    let mut good = typed;
    good[3].1 = "$1,000.00";
    let made = b.owner.post("/invoices/new", &good).await.expect(303);
    let id = made.location().trim_start_matches("/invoices/").to_owned();
    assert_eq!(b.owner.post("/invoices/new", &good).await.expect(303).location(), made.location(), "the same form again");
    assert_eq!(invoice(&b, &id).await["total"], "1800.00");
    // A stale edit shows both.
    let edit = b.owner.get(&format!("/invoices/{id}/edit")).await.expect(200).body;
    assert!(edit.contains("value=\"1000.00\"") && edit.contains("10 %"), "{edit}");
    b.owner.act("invoice.update", json!({ "invoice_id": id, "no_discount": true })).await.expect(200);
    let stale = [("_version", "1"), ("contact_id", &contact), ("lines[0].description", "Mine"), ("lines[0].unit_price", "5")];
    let conflict = b.owner.post(&format!("/invoices/{id}/edit"), &stale).await.expect(409).body;
    assert!(conflict.contains("value=\"Mine\"") && conflict.contains("$2,000.00"), "{conflict}");
    // No address for mail; print issues and stays issued.
    let refused = b.owner.post(&format!("/invoices/{id}/send"), &[("_key", "s1"), ("how", "email")]).await.expect(422).body;
    assert!(refused.contains("no email address") || refused.contains("There is no email"), "{refused}");
    assert_eq!(t.count("select count(*) from invoices where number is not null").await, 0, "nothing was numbered by a refused sending");
    b.owner.post(&format!("/invoices/{id}/send"), &[("_key", "s2"), ("how", "print")]).await.expect(303);
    assert_eq!(invoice(&b, &id).await["state"], "issued");
    for path in ["", "/send", "/collect", "/print", "/void", "/payments/new", "/pdf"] {
        b.owner.get(&format!("/invoices/{id}{path}")).await.expect(200);
    }
    // An empty one is not issued.
    let empty = b.owner.act("invoice.create", json!({ "contact_id": contact })).await.data()["id"].clone();
    b.owner.act("invoice.issue", json!({ "invoice_id": empty })).await.expect(422);
    // Overdue is derived.
    t.advance(chrono::Duration::days(20));
    let late = b.owner.get("/invoices?state=overdue").await.expect(200).body;
    assert!(late.contains("Overdue") && late.contains("$2,000.00"), "{late}");
    assert_eq!(b.owner.data("type=invoices&overdue=true").await.data().as_array().unwrap().len(), 1);
    // Roles.
    let viewer = b.member(Role::Viewer, "Vera").await;
    let page = viewer.get(&format!("/invoices/{id}")).await.expect(200).body;
    assert!(!page.contains("/void") && !page.contains("/send") && !page.contains("payments/new"), "{page}");
    viewer.act("invoice.void", json!({ "invoice_id": id, "reason": "x" })).await.expect(403);
    // Who sees no prices takes payment at the door, and reads no amounts.
    let staff = b.member(Role::Staff, "Sam").await;
    b.owner.act("business.update", json!({ "staff_see_prices": false })).await.expect(200);
    for path in ["", "/print", "/pdf"] {
        staff.get(&format!("/invoices/{id}{path}")).await.expect(403);
    }
    for path in ["/send", "/collect", "/payments/new"] {
        let page = staff.get(&format!("/invoices/{id}{path}")).await.expect(200).body;
        assert!(!page.contains("2,000.00") && !page.contains("2000.00"), "{path}: {page}");
    }
    let taken = [("amount", "20"), ("method", "cash")];
    assert_eq!(staff.post(&format!("/invoices/{id}/payments/new"), &taken).await.expect(303).location(), "/calendar");
    b.owner.act("business.update", json!({ "staff_see_prices": true, "capabilities_off": ["payments"] })).await.expect(200);
    let page = b.owner.get(&format!("/invoices/{id}")).await.expect(200).body;
    assert!(page.contains("$20.00") && !page.contains("/payments/") && !page.contains("/collect"), "{page}");
    b.owner.act("business.update", json!({ "capabilities_off": ["invoices"] })).await.expect(200);
    b.owner.get(&format!("/invoices/{id}/pdf")).await.expect(403);
    b.owner.act("payment.record", json!({ "invoice_id": id, "amount": "1", "method": "cash" })).await.expect(403);
    b.owner.act("business.update", json!({ "capabilities_off": [] })).await.expect(200);
    let agent = b.member(Role::Agent, "Alex").await;
    agent.get(&format!("/invoices/{id}")).await.expect(404);
    agent.act("invoice.issue", json!({ "invoice_id": empty })).await.expect(403);
}

/// Two taxes of one percentage are two rows, each under its own name.
#[tokio::test]
async fn taxes_of_one_percentage_keep_their_names() {
    let t = TestApp::new().await;
    let b = t.business("Crystal Clear").await;
    let mut ids = Vec::new();
    for name in ["State tax", "County tax"] {
        ids.push(b.owner.act("tax_rate.create", json!({ "name": name, "percent": "4" })).await.data()["id"].clone());
    }
    let line = |tax: usize, price: &str| json!({ "description": "Windows", "unit_price": price, "tax_rate_id": ids[tax] });
    let new = json!({ "contact_id": customer(&b, None).await, "lines": [line(0, "10.10"), line(1, "10.10"), line(0, "10.10")] });
    let id = b.owner.act("invoice.create", new).await.data()["id"].as_str().unwrap().to_owned();
    let made = invoice(&b, &id).await;
    let mut taxes: Vec<_> =
        made["taxes"].as_array().unwrap().iter().map(|t| format!("{} {} {}", t["name"], t["base"], t["amount"])).collect();
    taxes.sort();
    assert_eq!(taxes, [r#""County tax" "10.10" "0.40""#, r#""State tax" "20.20" "0.81""#]);
    assert_eq!(made["total"], "31.51");
}
