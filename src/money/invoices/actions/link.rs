use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::about;
use crate::invoices::{InvoiceState, data};
use platform::{
    action::{Action, Cx},
    error::{Error, Result},
    ids::InvoiceId,
    links::{self, LinkKind},
    role::{Capability, Permission},
};

/// Replaces the customer's link to the invoice; the old link stops working at once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RenewLink {
    pub invoice_id: InvoiceId,
}

/// The absolute URL of the customer's page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Renewed {
    pub url: String,
}

impl Action for RenewLink {
    const NAME: &'static str = "invoice.renew_link";
    const NEEDS: Permission = Permission::Send;
    const CAPABILITY: Option<Capability> = Some(Capability::Invoices);
    type Output = Renewed;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Renewed> {
        let who = cx.who;
        let invoice = data::locked(cx.db(), who, self.invoice_id).await?;
        if invoice.state == InvoiceState::Draft {
            return Err(Error::conflict("This invoice is a draft. Issue it first."));
        }
        links::revoke(cx, LinkKind::Invoice, invoice.id.0).await?;
        let link = links::ensure(cx, LinkKind::Invoice, invoice.id.0).await?;
        cx.event("invoice.link_renewed", about(&invoice), json!({ "number": invoice.number })).await?;
        Ok(Renewed { url: links::url(cx.app, LinkKind::Invoice, link) })
    }
}
