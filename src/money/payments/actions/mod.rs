//! Writes of payments, one file per verb. Actions that only jobs and the customer's page use are not offered to programs.

mod aftermath;
mod apply;
mod checkout;
mod connection;
mod ledger;
mod record;
mod refund;
mod webhook;

pub use apply::{Applied, ApplyEvent};
pub use checkout::{BeginCheckout, CheckoutOpened, CloseCheckout, Next, Order, RememberCustomer, ReportRefusal};
pub use connection::{CheckConnection, DisconnectProvider, ForgetReplacedKeys, RecordCheck, connect};
pub use record::{RecordPayment, Recorded};
pub use refund::{RefundOutcome, RefundPayment, Refunded, SettleRefund};
pub use webhook::{FailEvent, ReprocessEvent, StoreEvent, Stored};

use crate::payments::data::Payment;
use platform::{action::Subject, money::Currency};

fn about(payment: &Payment) -> Subject {
    Subject { kind: "payment", id: payment.id.0, contact: payment.contact_id }
}

/// Formats an amount for notices, like "$20.00".
fn words(amount: rust_decimal::Decimal, currency: Currency) -> String {
    currency.format(amount)
}
