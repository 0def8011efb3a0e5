use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{about, create, lines, reason_given};
use crate::invoices::{
    InvoiceState,
    data::{self, Invoice},
};
use messages::outbox;
use platform::{
    action::{Action, Cx},
    error::{Error, Result},
    ids::InvoiceId,
    role::{Capability, ModelLevel, Permission},
};

/// Voids an invoice without payments: it keeps its number and stays on record, but can't be paid any more.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct VoidInvoice {
    pub invoice_id: InvoiceId,
    #[garde(custom(reason_given))]
    pub reason: String,
    /// Also creates a draft with the same lines, to correct and issue.
    #[serde(default)]
    pub reissue: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Voided {
    pub id: InvoiceId,
    /// The new draft, if `reissue` was set.
    pub draft_id: Option<InvoiceId>,
}

impl Action for VoidInvoice {
    const NAME: &'static str = "invoice.void";
    const NEEDS: Permission = Permission::HandleMoney;
    const CAPABILITY: Option<Capability> = Some(Capability::Invoices);
    const MODEL: ModelLevel = ModelLevel::SoftLimit;
    type Output = Voided;

    fn versioned(&self) -> Option<(&'static str, uuid::Uuid)> {
        Some(("invoices", self.invoice_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<Voided> {
        let (who, now) = (cx.who, cx.now());
        let invoice = data::locked(cx.db(), who, self.invoice_id).await?;
        if invoice.state == InvoiceState::Void {
            return Err(Error::conflict("This invoice is void already."));
        }
        if !invoice.paid.is_zero() {
            return Err(Error::conflict("Money was paid on this invoice. Refund it first, then void the invoice."));
        }
        sqlx::query!(
            "update invoices set state = 'void', voided_at = $2, void_reason = $3 where id = $1",
            invoice.id.0,
            now,
            self.reason.trim()
        )
        .execute(cx.db())
        .await?;
        outbox::withdraw(cx, &format!("invoice:{}", invoice.id)).await?;
        let payload = json!({ "number": invoice.number, "amount": invoice.total, "currency": invoice.currency });
        cx.event("invoice.voided", about(&invoice), payload).await?;
        let draft_id = if self.reissue { Some(copy(cx, &invoice).await?) } else { None };
        Ok(Voided { id: invoice.id, draft_id })
    }
}

async fn copy(cx: &mut Cx<'_>, invoice: &Invoice) -> Result<InvoiceId> {
    let same = crate::lines::same(data::lines(cx.db(), invoice.id).await?);
    let draft = create::CreateInvoice {
        contact_id: invoice.contact_id,
        discount_percent: invoice.discount_percent,
        discount_amount: invoice.discount_amount,
        note: invoice.note.clone(),
        terms_days: Some(invoice.terms_days),
        ..create::CreateInvoice::default()
    };
    let id = create::insert(cx, &draft, invoice.ticket_id).await?;
    lines::replace(cx, id, &same).await?;
    Ok(create::finish(cx, id).await?.id)
}
