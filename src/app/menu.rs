//! The menu: every page that the bar, the sidebar, *More* and the list of the settings lead to, in the order in which they show it.

use platform::{
    menu::{
        MenuEntry,
        Place::{Bar, Demo, Office, Phone, Plus, Settings, Side, Work},
    },
    role::{
        Capability::{Invoices, Payments, Scheduling},
        Permission::{self, Any, ManageSettings, ManageTeam, ReadMoney, ReadRecords, WriteRecords},
    },
};

const fn entry(href: &'static str, word: &'static str, icon: &'static str, permission: Permission) -> MenuEntry {
    MenuEntry::new(href, word, icon, permission)
}

/// The whole menu; handed down in `App`.
pub static MENU: &[MenuEntry] = &[
    entry("/", "Today", "today", ReadRecords).search("today home start next actions").at(&[Bar]),
    entry("/calendar", "Calendar", "calendar", ReadRecords)
        .search("calendar schedule day week month appointments")
        .of(Scheduling)
        .at(&[Bar]),
    entry("/tickets/new", "New ticket", "plus", WriteRecords).search("new ticket book appointment add").of(Scheduling).at(&[Plus]),
    entry("/contacts", "Customers", "customers", ReadRecords).search("customers contacts clients people find").at(&[Bar]),
    entry("/tickets", "All tickets", "calendar", ReadRecords)
        .hint("Search, filter, what was and what comes")
        .search("tickets visits appointments list all")
        .of(Scheduling)
        .at(&[Work]),
    entry("/invoices", "Invoices", "invoices", ReadMoney)
        .hint("Sent, unpaid, overdue")
        .search("invoices bills money owed unpaid overdue")
        .of(Invoices)
        .at(&[Side, Work]),
    entry("/payments", "Payments", "invoices", ReadMoney)
        .hint("What came in, by card, cash and check")
        .search("payments money card cash check refunds")
        .of(Payments)
        .at(&[Work]),
    entry("/messages", "Messages", "messages", ReadRecords)
        .hint("Sent, scheduled, failed")
        .search("messages mail outreach reminders sent scheduled")
        .at(&[Side, Work]),
    entry("/settings/business", "Business", "settings", ManageSettings)
        .hint("Name, address, logo, currency, invoices, what staff see")
        .search("profile details logo tax capabilities prefix terms")
        .at(&[Settings]),
    entry("/settings/hours", "Working hours", "clock", ManageSettings)
        .hint("When the day starts and ends, and which days")
        .search("hours days week availability")
        .of(Scheduling)
        .at(&[Settings]),
    entry("/settings/team", "Team", "customers", ManageTeam)
        .hint("Who belongs to it, and what they may do")
        .search("members roles invite technicians people")
        .at(&[Settings]),
    entry("/settings/stripe", "Stripe", "invoices", ManageSettings)
        .hint("Be paid online, into your own account")
        .search("payments cards connection webhook")
        .of(Payments)
        .at(&[Settings]),
    entry("/catalogue", "Catalogue", "catalogue", ReadRecords)
        .hint("Services and prices")
        .search("catalogue services prices products")
        .at(&[Side, Work, Settings]),
    entry("/settings/taxes", "Tax rates", "catalogue", ManageSettings)
        .hint("What is added, or included")
        .search("tax vat sales tax rates")
        .at(&[Settings]),
    entry("/settings/messages", "Message templates", "messages", ManageSettings)
        .hint("What your customers read")
        .search("templates words mail wording")
        .at(&[Settings]),
    entry("/imports", "Import", "share", ManageSettings)
        .hint("Customers and history from Square")
        .search("import csv square customers history")
        .at(&[Office, Settings]),
    entry("/settings/export", "Export", "share", ManageSettings)
        .hint("Your data as CSV files")
        .search("export download csv backup data")
        .at(&[Office, Settings]),
    entry("/history", "All changes", "clock", ManageSettings)
        .hint("Who changed what, and when")
        .search("history audit log changes trail what happened who")
        .at(&[Office, Settings]),
    entry("/settings/webhooks", "Stripe events", "invoices", ManageSettings)
        .hint("What Stripe told us, and what became of it")
        .search("webhooks stripe events reprocess")
        .of(Payments)
        .at(&[Settings]),
    entry("/settings/tokens", "API tokens", "settings", Any)
        .hint("Let a program in, with your rights")
        .search("api token program key")
        .at(&[Settings]),
    entry("/settings/sessions", "Where you are signed in", "settings", Any)
        .hint("Your devices; sign out")
        .search("sessions devices sign out log out security")
        .at(&[Settings]),
    entry("/businesses", "Your businesses", "settings", Any)
        .hint("Switch, or make another")
        .search("switch business organisation")
        .at(&[Settings]),
    entry("/settings", "Settings", "settings", Any)
        .hint("Business, team, your own sign-ins")
        .search("settings business profile team hours taxes stripe sign-in tokens import export connections")
        .at(&[Side, Office]),
    entry("/demo/mail", "Mail of the demo", "mail", Any).hint("What would have been sent").search("demo mail outbox").at(&[Demo]),
    entry("/more", "More", "more", Any).search("more menu settings invoices messages").at(&[Phone]),
];
