//! What is asked for: the pages and actions of a working day, in any of the businesses.

use std::sync::atomic::{AtomicU32, Ordering};

/// Businesses `1..=count` hold 200 customers each; business 0 holds 15,000.
pub struct Requests {
    pub businesses: u32,
    /// Of each business's 30 open tickets, the ones this run completes.
    pub places: std::ops::Range<u32>,
    turn: AtomicU32,
    completed: AtomicU32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    Home,
    HomeTechnician,
    Day,
    Contacts,
    ContactsOfMany,
    Contact,
    Search,
    SearchOfMany,
    Ticket,
    Invoice,
    PublicInvoice,
    Data,
    Complete,
}

pub const ALL: [(What, &str); 13] = [
    (What::Home, "home, owner"),
    (What::HomeTechnician, "home, technician"),
    (What::Day, "day view"),
    (What::Contacts, "contact list"),
    (What::ContactsOfMany, "contact list, 15,000 customers"),
    (What::Contact, "contact"),
    (What::Search, "contact search"),
    (What::SearchOfMany, "contact search, 15,000 customers"),
    (What::Ticket, "ticket"),
    (What::Invoice, "invoice page"),
    (What::PublicInvoice, "invoice page by link"),
    (What::Data, "/api/data"),
    (What::Complete, "close-out complete (action)"),
];

const WORDS: [&str; 6] = ["hathaway", "barl", "okafor", "mockingbird%20110", "gate%20code", "clara"];

fn id(kind: u32, org: u32, n: u32) -> String {
    format!("{org:08x}-{kind:04x}-7000-8000-{n:012x}")
}

impl Requests {
    pub fn new(businesses: u32, places: std::ops::Range<u32>) -> Self {
        Self { businesses, places, turn: AtomicU32::new(0), completed: AtomicU32::new(0) }
    }

    /// The next request of a kind, each for another business; none: every ticket kept for completing is used up.
    pub fn next(&self, what: What) -> Option<String> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        // A stride that meets every business, and neighbours rarely.
        let org = 1 + turn.wrapping_mul(2_654_435_761) % self.businesses;
        let n = 1 + turn.wrapping_mul(40_503) % 200;
        // Those of the seed that have an invoice.
        let invoice = 910 + n % 60 / 10 * 10 + n % 7;
        let path = match what {
            What::Home | What::HomeTechnician => "/".to_owned(),
            What::Day => "/calendar?view=day".to_owned(),
            What::Contacts | What::ContactsOfMany => "/contacts".to_owned(),
            What::Contact => format!("/contacts/{}", id(4, org, n)),
            What::Search | What::SearchOfMany => format!("/contacts?search={}", WORDS[n as usize % WORDS.len()]),
            What::Ticket => format!("/tickets/{}", id(9, org, 760 + n)),
            What::Invoice => format!("/invoices/{}", id(15, org, invoice)),
            What::PublicInvoice => format!("/i/bench-link-{org}-{invoice}"),
            What::Data => "/api/data?type=tickets&limit=20".to_owned(),
            What::Complete => return self.complete(),
        };
        let who = match what {
            // Customers come from everywhere; one network may only ask so often.
            What::PublicInvoice => {
                let [_, a, b, c] = turn.to_be_bytes();
                format!("x-forwarded-for: 10.{a}.{b}.{c}\r\n")
            }
            What::Data => format!("authorization: Bearer bench-token-{org}\r\n"),
            What::HomeTechnician | What::Ticket => session(org, 2),
            What::ContactsOfMany | What::SearchOfMany => session(0, 1),
            _ => session(org, 1),
        };
        Some(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept-encoding: br\r\n{who}\r\n"))
    }

    fn complete(&self) -> Option<String> {
        let turn = self.completed.fetch_add(1, Ordering::Relaxed);
        let (org, place) = (1 + turn % self.businesses, self.places.start + turn / self.businesses);
        if place >= self.places.end {
            return None;
        }
        let ticket = id(9, org, 971 + place);
        let body = format!(r#"{{"domain":"closeout","action":"complete","data":{{"ticket_id":"{ticket}"}}}}"#);
        Some(format!(
            "POST /api/actions HTTP/1.1\r\nhost: localhost\r\naccept-encoding: br\r\nauthorization: Bearer bench-token-{org}\r\n\
             content-type: application/json\r\nidempotency-key: bench-{ticket}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
    }
}

/// As a browser has it, once it was here today.
fn session(org: u32, member: u32) -> String {
    format!("cookie: rounds_session=bench-session-{org}-{member}; rounds_day=1\r\n")
}
