//! Who may do what: the role table of `domain.md`, as types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "member_role", rename_all = "snake_case")]
pub enum Role {
    Owner,
    Admin,
    Staff,
    Agent,
    Viewer,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Staff, Self::Agent, Self::Viewer];

    /// The label that people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Admin => "Admin",
            Self::Staff => "Staff",
            Self::Agent => "Agent",
            Self::Viewer => "Viewer",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Staff => "staff",
            Self::Agent => "agent",
            Self::Viewer => "viewer",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "member_state", rename_all = "snake_case")]
pub enum MemberState {
    Invited,
    Active,
    Disabled,
}

/// A row of the role table (`domain.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Any member: their own sessions, leaving, switching business.
    Any,
    ManageTeam,
    ManageSettings,
    /// Contacts, tickets, close-out, calendar. Agents: own or assigned ones only (`May::Own`).
    WriteRecords,
    ReadRecords,
    DraftMoney,
    ReadMoney,
    /// Send to a customer.
    Send,
    /// Record a payment, refund, void.
    HandleMoney,
    /// Authorization queue, ownership of the business, erasing a person.
    OwnBusiness,
    /// For customers with a public link; no member's role has it.
    Customer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    Yes,
    /// Only on records that are the member's own or assigned to them.
    Own,
    No,
}

impl Role {
    /// Looks the permission up in the role table; `delegated` is the per-member right that lets an agent send.
    pub fn may(self, what: Permission, delegated: bool) -> May {
        use Permission as P;
        use Role as R;
        match (what, self) {
            (P::Customer, _) => May::No,
            (P::Any, _) | (P::ReadRecords | P::ReadMoney, R::Owner | R::Admin | R::Staff | R::Viewer) => May::Yes,
            (P::ReadRecords | P::ReadMoney | P::WriteRecords, R::Agent) => May::Own,
            (P::ManageTeam | P::ManageSettings, R::Owner | R::Admin) => May::Yes,
            (P::WriteRecords | P::Send | P::HandleMoney, R::Owner | R::Admin | R::Staff) => May::Yes,
            (P::DraftMoney, R::Owner | R::Admin | R::Staff | R::Agent) => May::Yes,
            (P::Send, R::Agent) if delegated => May::Yes,
            (P::OwnBusiness, R::Owner) => May::Yes,
            _ => May::No,
        }
    }
}

/// A function that a business may switch off: its actions then fail with `CAPABILITY_DISABLED`, and its pages do not show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    Scheduling,
    Invoices,
    Payments,
    Portal,
}

impl Capability {
    pub const ALL: [Self; 4] = [Self::Scheduling, Self::Invoices, Self::Payments, Self::Portal];

    /// Its name for programs and the database, its word for people, and what it covers.
    const fn texts(self) -> [&'static str; 3] {
        match self {
            Self::Scheduling => ["scheduling", "Scheduling", "Calendar, tickets, working hours"],
            Self::Invoices => ["invoices", "Invoices", "Bill customers"],
            Self::Payments => ["payments", "Payments", "Take and record payments"],
            Self::Portal => ["portal", "Customer pages", "Customers answer and pay by a link"],
        }
    }

    pub fn name(self) -> &'static str {
        self.texts()[0]
    }

    pub fn word(self) -> &'static str {
        self.texts()[1]
    }

    /// What the function covers, under its word.
    pub fn hint(self) -> &'static str {
        self.texts()[2]
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }
}

/// What a model needs to use an action (`flows.md`, 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelLevel {
    Unrestricted,
    /// Needs `reasoning` in the request.
    SoftLimit,
    /// Needs the owner's authorization.
    RequiresAuthorization,
}
