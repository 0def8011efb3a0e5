use chrono::{Datelike, NaiveDate, NaiveTime};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ledger;
use crate::{
    invoices::{self, InvoiceState, actions::IssueInvoice},
    lines,
    payments::{PaymentMethod, PaymentState},
};
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{InvoiceId, PaymentId},
    localtime,
    redact::redact,
    role::{Capability, ModelLevel, Permission},
};

/// An earlier year is taken for a typing error.
const EARLIEST_YEAR: i32 = 2000;

/// Records a payment received outside Stripe. After a partial payment the rest stays due; an overpayment is recorded and raises a notice to
/// the owner. A draft is issued first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RecordPayment {
    #[serde(default)]
    pub id: Option<PaymentId>,
    pub invoice_id: InvoiceId,
    /// Amount towards the invoice, without the tip, in the invoice's currency.
    pub amount: Decimal,
    #[serde(default)]
    pub tip: Decimal,
    pub method: PaymentMethod,
    /// Such as the check's number.
    #[serde(default)]
    #[garde(custom(reference_fits))]
    pub reference: String,
    #[serde(default)]
    #[garde(custom(note_fits))]
    pub note: String,
    /// Date of receipt in the business's time zone; today if not given.
    #[serde(default)]
    pub received_on: Option<NaiveDate>,
    #[serde(default)]
    pub send_receipt: bool,
}

fn reference_fits(text: &str, _: &()) -> garde::Result {
    if text.chars().count() > 120 { Err(garde::Error::new("A reference has at most 120 characters.")) } else { Ok(()) }
}

fn note_fits(text: &str, _: &()) -> garde::Result {
    if text.chars().count() > 2000 { Err(garde::Error::new("A note has at most 2,000 characters.")) } else { Ok(()) }
}

/// The recorded payment and the invoice's new state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    pub id: PaymentId,
    pub invoice_state: InvoiceState,
}

impl Action for RecordPayment {
    const NAME: &'static str = "payment.record";
    const NEEDS: Permission = Permission::HandleMoney;
    const CAPABILITY: Option<Capability> = Some(Capability::Payments);
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = Recorded;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Recorded> {
        let (who, now) = (cx.who, cx.now());
        who.require_capability(Some(Capability::Invoices))?;
        let invoice = invoices::data::locked(cx.db(), who, self.invoice_id).await?;
        if invoice.state == InvoiceState::Void {
            return Err(Error::conflict("This invoice is void and can't be paid. Issue a new one."));
        }
        let money = invoice.money();
        let mut errors = FieldErrors::default();
        if self.amount <= Decimal::ZERO {
            errors.add("amount", "Give the amount that came in, above zero.");
        }
        if self.tip < Decimal::ZERO {
            errors.add("tip", "A tip is an amount from zero up.");
        }
        for (field, amount) in [("amount", self.amount), ("tip", self.tip)] {
            if !money.fits(amount) {
                errors.add(field, format!("This has more decimals than {} has.", money.code()));
            }
        }
        if self.amount.saturating_add(self.tip) > lines::calc::LARGEST - invoice.paid {
            errors.add("amount", "This amount is too large.");
        }
        if self.received_on.is_some_and(|day| day > who.today()) {
            errors.add("received_on", "This day is still to come.");
        } else if self.received_on.is_some_and(|day| day.year() < EARLIEST_YEAR) {
            errors.add("received_on", format!("This day is before {EARLIEST_YEAR}. Check the year."));
        }
        errors.into_result()?;
        if invoice.state == InvoiceState::Draft {
            cx.run(IssueInvoice { invoice_id: invoice.id }).await?;
        }
        let received_at = match self.received_on.filter(|day| *day != who.today()) {
            Some(day) => localtime::to_utc(day, NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default(), who.zone),
            None => now,
        };
        let id = self.id.unwrap_or_default();
        let state = PaymentState::Succeeded;
        sqlx::query!(
            "insert into payments (id, contact_id, invoice_id, ticket_id, state, method, amount, tip, currency, received_at, reference, note)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            id.0,
            invoice.contact_id.0,
            invoice.id.0,
            invoice.ticket_id.map(|t| t.0),
            state as PaymentState,
            self.method as PaymentMethod,
            self.amount,
            self.tip,
            invoice.currency.code(),
            received_at,
            redact(self.reference.trim()).text,
            redact(self.note.trim()).text
        )
        .execute(cx.db())
        .await?;
        let settled = ledger::settle_invoice(cx, invoice.id, false).await?;
        ledger::received(cx, id, self.send_receipt).await?;
        Ok(Recorded { id, invoice_state: settled.state })
    }
}
