//! History: every change of a record with old and new values, actor, time and source. Read only: database triggers write the audit trail.

pub mod data;
pub mod query;
pub mod web;

/// A kind of record that has a history page.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub table: &'static str,
    /// The name shown on pages.
    pub word: &'static str,
    /// Its parts (table, foreign-key column), whose changes belong to its history. Removed parts are included.
    pub parts: &'static [(&'static str, &'static str)],
    /// The path prefix of the record's page, before the id; `None` if it has no page.
    pub page: Option<&'static str>,
    pub needs: Needs,
}

/// The permission to see the history of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The same members who may see the contact.
    Contact,
    /// The same members who may see the ticket.
    Ticket,
    Records,
    Money,
    Settings,
}

/// All kinds, in the order of the filter on the list page.
pub const KINDS: &[Kind] = &[
    Kind {
        table: "contacts",
        word: "Customer",
        parts: &[
            ("contact_emails", "contact_id"),
            ("contact_phones", "contact_id"),
            ("addresses", "contact_id"),
            ("consents", "contact_id"),
            ("notes", "contact_id"),
            ("attributes", "contact_id"),
        ],
        page: Some("/contacts/"),
        needs: Needs::Contact,
    },
    Kind {
        table: "tickets",
        word: "Ticket",
        parts: &[
            ("ticket_lines", "ticket_id"),
            ("assignments", "ticket_id"),
            ("clock_entries", "ticket_id"),
            ("ticket_answers", "ticket_id"),
            ("notes", "ticket_id"),
        ],
        page: Some("/tickets/"),
        needs: Needs::Ticket,
    },
    Kind {
        table: "invoices",
        word: "Invoice",
        parts: &[("invoice_lines", "invoice_id"), ("payments", "invoice_id")],
        page: Some("/invoices/"),
        needs: Needs::Money,
    },
    Kind { table: "payments", word: "Payment", parts: &[("refunds", "payment_id")], page: None, needs: Needs::Money },
    Kind { table: "messages", word: "Message", parts: &[], page: Some("/messages/"), needs: Needs::Records },
    Kind { table: "services", word: "Service", parts: &[], page: None, needs: Needs::Records },
    Kind { table: "tax_rates", word: "Tax rate", parts: &[], page: None, needs: Needs::Records },
    Kind { table: "addresses", word: "Address", parts: &[], page: None, needs: Needs::Records },
    Kind { table: "notes", word: "Note", parts: &[], page: None, needs: Needs::Records },
    Kind { table: "attributes", word: "Attribute", parts: &[], page: None, needs: Needs::Records },
    Kind { table: "closeouts", word: "Close-out", parts: &[], page: None, needs: Needs::Records },
    Kind { table: "imports", word: "Import", parts: &[], page: Some("/imports/"), needs: Needs::Settings },
    Kind { table: "members", word: "Member", parts: &[], page: None, needs: Needs::Settings },
    Kind { table: "orgs", word: "Business", parts: &[], page: None, needs: Needs::Settings },
    Kind { table: "message_templates", word: "Message text", parts: &[], page: None, needs: Needs::Settings },
    Kind { table: "connections", word: "Connection", parts: &[], page: None, needs: Needs::Settings },
    Kind { table: "api_tokens", word: "API token", parts: &[], page: None, needs: Needs::Settings },
];

/// The kind of a table; `None` if it has no history page.
pub fn kind(table: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.table == table)
}
