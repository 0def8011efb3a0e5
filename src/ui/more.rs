//! `/more`: everything that has no place in the phone's navigation.

use askama::Template;

use super::{Head, Html, page};
use platform::{error::Result, role::Permission, tenant::Read};

/// An entry of the page: address, label, icon, description and search words.
struct Entry {
    href: &'static str,
    word: &'static str,
    icon: &'static str,
    says: &'static str,
    search: &'static str,
}

#[derive(Template)]
#[template(path = "more.html")]
struct More {
    head: Head,
    groups: Vec<(&'static str, Vec<Entry>)>,
}

/// `GET /more`
///
/// # Errors
/// Only if the template fails.
pub async fn more(r: Read) -> Result<Html> {
    let head = ui::Head::of(&r, "more").title("More");
    let groups = groups(&r, &head);
    page(&More { head, groups })
}

fn groups(r: &Read, head: &Head) -> Vec<(&'static str, Vec<Entry>)> {
    let entry = |href, word, icon, says, search| Entry { href, word, icon, says, search };
    let may = |p| r.who.can(p);
    let mut work = Vec::new();
    if head.can.scheduling {
        work.push(entry(
            "/tickets",
            "All tickets",
            "calendar",
            "Search, filter, what was and what comes",
            "tickets visits appointments list all",
        ));
    }
    if head.can.invoices {
        work.push(entry("/invoices", "Invoices", "invoices", "Sent, unpaid, overdue", "invoices bills money owed unpaid overdue"));
        work.push(entry(
            "/payments",
            "Payments",
            "invoices",
            "What came in, by card, cash and check",
            "payments money card cash check refunds",
        ));
    }
    if head.can.messages {
        work.push(entry("/messages", "Messages", "messages", "Sent, scheduled, failed", "messages mail outreach reminders sent scheduled"));
    }
    work.push(entry("/catalogue", "Catalogue", "catalogue", "Services and prices", "catalogue services prices products"));
    let mut office = Vec::new();
    if may(Permission::ManageSettings) {
        office.push(entry("/imports", "Import", "share", "Customers and history from Square", "import csv square customers history"));
        office.push(entry("/settings/export", "Export", "share", "Your data as CSV files", "export download csv backup"));
        office.push(entry("/history", "What happened", "clock", "Who changed what, and when", "history audit log changes who"));
    }
    office.push(entry(
        "/settings",
        "Settings",
        "settings",
        "Business, team, your own sign-ins",
        "settings business profile team hours taxes stripe sign-in tokens",
    ));
    if head.demo {
        office.push(entry("/demo/mail", "Mail of the demo", "mail", "What would have been sent", "demo mail outbox"));
    }
    vec![("Work", work), ("Office", office)]
}
