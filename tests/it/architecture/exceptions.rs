//! What the house allows against its own rules, with a reason each. These lists may only shrink: an entry that no longer happens fails the guard.

/// (slice, tables above its floor that its queries read, why).
pub const READS_ABOVE: &[(&str, &str, &str)] = &[
    (
        "platform",
        "api_tokens members orgs sessions",
        "the door lets in sessions and tokens; housekeeping goes through every business, and links and numbers read the business's own settings",
    ),
    (
        "office/business",
        "contacts invoices payments services tickets",
        "a change of currency is refused once there is money in the old one; the first-day checklist looks what is there already",
    ),
    ("customers/contacts", "assignments tickets", "a note about a visit: the visit must be the customer's, and an agent's own"),
    ("work/tickets", "invoices", "a visit counts as settled by invoice or payment only if its invoice is there"),
];

/// (slice, tables of other slices that its queries write, why).
pub const WRITES_OF_OTHERS: &[(&str, &str, &str)] = &[
    ("platform", "sessions sign_ins", "housekeeping deletes what has expired"),
    ("office/business", "events users", "founding a business: there is no member yet in whose name an action could run"),
    (
        "flows/imports",
        "addresses assignments attributes consents contact_duplicates contact_emails contact_phones contacts notes payments refunds services tax_rates ticket_lines tickets",
        "bulk inserts of an import and their undo, until the owners offer bulk actions",
    ),
    (
        "app",
        "assignments clock_entries events members orgs tickets users",
        "the demo's two years of history are older than any action could make them",
    ),
];
