//! One id type per table. Ids are `UUIDv7`: they sort by time of creation, and a client may generate its own.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($name:ident)*) => {$(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type, JsonSchema)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        #[schemars(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Returns a new id, which sorts after every id that this process generated before.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }
        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                s.parse().map(Self)
            }
        }
    )*};
}

ids! {
    OrgId UserId MemberId SessionId SignInId TokenId LinkId FileId NoticeId ConnectionId
    ContactId EmailId PhoneId AddressId ConsentId NoteId AttributeId DuplicateId ServiceId TaxRateId
    TicketId LineId AssignmentId ClockId AnswerId CloseoutId
    MessageId TemplateId InvoiceId InvoiceLineId PaymentId RefundId CheckoutId WebhookEventId ImportId ExportId
}
