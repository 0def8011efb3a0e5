use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ledger, words};
use crate::{
    invoices,
    payments::{
        PaymentState,
        data::{self, Payment},
        jobs::RefundAtProvider,
        providers::RefundState,
    },
};
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{PaymentId, RefundId},
    redact::redact,
    role::{Capability, ModelLevel, Permission},
};

/// Refunds a payment. A provider's payment is refunded there by a job, and the refund is pending until it answers; any other refund is
/// recorded as made by hand. Without `amount`, refunds all that is left.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RefundPayment {
    #[serde(default)]
    pub id: Option<RefundId>,
    pub payment_id: PaymentId,
    #[serde(default)]
    pub amount: Option<Decimal>,
    #[garde(custom(reason_given))]
    pub reason: String,
    /// Makes the refunded amount due again, as after a bounced check; otherwise a paid invoice stays paid.
    #[serde(default)]
    pub reopen: bool,
}

fn reason_given(reason: &str, _: &()) -> garde::Result {
    match reason.trim().chars().count() {
        0 => Err(garde::Error::new("Please say why.")),
        1..=500 => Ok(()),
        _ => Err(garde::Error::new("A reason has at most 500 characters.")),
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refunded {
    pub id: RefundId,
    /// `pending` or `succeeded`.
    pub state: String,
}

impl Action for RefundPayment {
    const NAME: &'static str = "payment.refund";
    const NEEDS: Permission = Permission::HandleMoney;
    const CAPABILITY: Option<Capability> = Some(Capability::Payments);
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = Refunded;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Refunded> {
        let payment = locked(cx, self.payment_id).await?;
        let (Some(invoice_id), PaymentState::Succeeded) = (payment.invoice_id, payment.state) else {
            return Err(Error::conflict("This payment can't be refunded as it stands."));
        };
        let amount = self.amount.unwrap_or(payment.refundable);
        let money = payment.money();
        if amount <= Decimal::ZERO || !money.fits(amount) || amount > payment.refundable {
            let most = words(payment.refundable, money);
            return Err(FieldErrors::one("amount", format!("Give an amount above zero, at most {most}.")));
        }
        let id = self.id.unwrap_or_default();
        let state = if payment.is_online { "pending" } else { "succeeded" };
        let now = cx.now();
        sqlx::query!(
            "insert into refunds (id, payment_id, amount, reason, state, refunded_at, reopens) values ($1, $2, $3, $4, $5, $6, $7)",
            id.0,
            payment.id.0,
            amount,
            redact(self.reason.trim()).text,
            state,
            now,
            self.reopen
        )
        .execute(cx.db())
        .await?;
        if payment.is_online {
            cx.enqueue(RefundAtProvider { refund: id }).await?;
        } else {
            ledger::settle_refunds(cx, payment.id).await?;
        }
        // A provider's refund counts, and reopens the invoice, once it has settled it.
        ledger::settle_invoice(cx, invoice_id, self.reopen && !payment.is_online).await?;
        Ok(Refunded { id, state: state.into() })
    }
}

/// Locks the payment's invoice, then the payment, and loads the payment.
pub(super) async fn locked(cx: &mut Cx<'_>, id: PaymentId) -> Result<Payment> {
    let who = cx.who;
    let payment = data::visible(cx.db(), who, id).await?;
    if let Some(invoice) = payment.invoice_id {
        invoices::data::locked(cx.db(), who, invoice).await?;
    }
    sqlx::query!("select id from payments where id = $1 for update", id.0).fetch_one(cx.db()).await?;
    data::payment(cx.db(), id).await
}

/// The provider's answer to a refund request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum RefundOutcome {
    Made { provider_id: String, state: RefundState },
    Refused { error: String },
}

/// Stores the provider's answer to a refund. Only for the job.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct SettleRefund {
    pub refund_id: RefundId,
    pub outcome: RefundOutcome,
}

impl Action for SettleRefund {
    const NAME: &'static str = "payment.settle_refund";
    const NEEDS: Permission = Permission::HandleMoney;
    type Output = RefundId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<RefundId> {
        let payment = sqlx::query_scalar!(r#"select payment_id as "id: PaymentId" from refunds where id = $1"#, self.refund_id.0)
            .fetch_optional(cx.db())
            .await?
            .ok_or(Error::NotFound)?;
        let payment = locked(cx, payment).await?;
        match self.outcome {
            RefundOutcome::Made { provider_id, state } => {
                // The webhook may have added the refund already, as one made at the provider.
                sqlx::query!("delete from refunds where provider_refund_id = $1 and id <> $2", provider_id, self.refund_id.0)
                    .execute(cx.db())
                    .await?;
                sqlx::query!(
                    "update refunds set provider_refund_id = $2, state = case when state = 'pending' then $3 else state end where id = $1",
                    self.refund_id.0,
                    provider_id,
                    state.name()
                )
                .execute(cx.db())
                .await?;
            }
            RefundOutcome::Refused { error } => failed(cx, &payment, self.refund_id, &error).await?,
        }
        ledger::settle_refunds(cx, payment.id).await?;
        let reopens =
            sqlx::query_scalar!(r#"select reopens and state = 'succeeded' as "reopens!" from refunds where id = $1"#, self.refund_id.0)
                .fetch_one(cx.db())
                .await?;
        if let Some(invoice) = payment.invoice_id {
            ledger::settle_invoice(cx, invoice, reopens).await?;
        }
        Ok(self.refund_id)
    }
}

/// Marks a refund as failed and notifies the owner, once.
pub(super) async fn failed(cx: &mut Cx<'_>, payment: &Payment, id: RefundId, error: &str) -> Result<()> {
    sqlx::query!("update refunds set state = 'failed', error = $2 where id = $1", id.0, error).execute(cx.db()).await?;
    let body = format!("A refund to {} did not work: {error}", payment.contact_name.as_deref().unwrap_or("a customer"));
    ledger::notice(cx, "refund_failed", payment.id, &body, &format!("refund_failed:{id}")).await
}
