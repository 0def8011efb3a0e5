use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{create::check_discount, lines, note_fits, terms_fit};
use crate::{
    invoices::{InvoiceState, data},
    lines::{NewLine, fill},
};
use customers::contacts;
use platform::{
    action::{Action, Cx},
    error::{Error, FieldErrors, Result},
    ids::{ContactId, InvoiceId},
    redact::redact,
    role::{Capability, Permission},
};

/// Changes a draft. Fields left out stay unchanged; `lines` replaces all lines. A discount of either kind replaces the other.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct UpdateInvoice {
    pub invoice_id: InvoiceId,
    #[serde(default)]
    pub contact_id: Option<ContactId>,
    #[serde(default)]
    pub lines: Option<Vec<NewLine>>,
    #[serde(default)]
    pub discount_percent: Option<Decimal>,
    #[serde(default)]
    pub discount_amount: Option<Decimal>,
    #[serde(default)]
    pub no_discount: bool,
    #[serde(default)]
    #[garde(inner(custom(typed_note_fits)))]
    pub note: Option<String>,
    #[serde(default)]
    #[garde(custom(terms_fit))]
    pub terms_days: Option<i32>,
}

#[expect(clippy::ptr_arg, reason = "garde hands the field's own type")]
fn typed_note_fits(note: &String, cx: &()) -> garde::Result {
    note_fits(note, cx)
}

impl Action for UpdateInvoice {
    const NAME: &'static str = "invoice.update";
    const NEEDS: Permission = Permission::DraftMoney;
    const CAPABILITY: Option<Capability> = Some(Capability::Invoices);
    type Output = InvoiceId;

    fn versioned(&self) -> Option<(&'static str, uuid::Uuid)> {
        Some(("invoices", self.invoice_id.0))
    }

    async fn run(self, cx: &mut Cx<'_>) -> Result<InvoiceId> {
        let who = cx.who;
        let invoice = data::locked(cx.db(), who, self.invoice_id).await?;
        if invoice.state != InvoiceState::Draft {
            return Err(Error::conflict("This invoice is issued and can't be changed. Void it and issue a new one."));
        }
        check_discount(self.discount_percent, self.discount_amount)?;
        if let Some(contact) = self.contact_id.filter(|c| *c != invoice.contact_id) {
            if invoice.ticket_id.is_some() {
                return Err(FieldErrors::one("contact_id", "The invoice of a ticket goes to the ticket's customer."));
            }
            contacts::data::visible(cx.db(), who, contact).await?;
            if contacts::data::summary(cx.db(), contact).await?.is_archived {
                return Err(FieldErrors::one("contact_id", "This customer is archived. Bring the customer back first."));
            }
        }
        let is_discount_said = self.no_discount || self.discount_percent.is_some() || self.discount_amount.is_some();
        sqlx::query!(
            r#"update invoices set contact_id = coalesce($2, contact_id), note = coalesce($3, note), terms_days = coalesce($4, terms_days),
                      discount_percent = case when $5 then $6 else discount_percent end,
                      discount_amount = case when $5 then $7 else discount_amount end
                where id = $1"#,
            invoice.id.0,
            self.contact_id.map(|c| c.0),
            self.note.as_deref().map(|n| redact(n.trim()).text),
            self.terms_days,
            is_discount_said,
            self.discount_percent,
            self.discount_amount
        )
        .execute(cx.db())
        .await?;
        if let Some(new) = self.lines {
            let there = data::lines(cx.db(), invoice.id).await?;
            let filled = fill(cx, new, &there, invoice.money()).await?;
            lines::replace(cx, invoice.id, &filled).await?;
        }
        lines::count(cx, invoice.id).await?;
        Ok(invoice.id)
    }
}
