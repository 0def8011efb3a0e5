//! Connecting the business's own Stripe account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::payments::actions::connect;
use office::{
    business::actions::Written,
    connections::{self, Held},
};
use platform::{
    action::{Action, Cx},
    error::{FieldErrors, Result},
    role::{ModelLevel, Permission},
};

/// Connects the business's own Stripe account. An empty field keeps its stored value.
#[derive(Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct SetStripe {
    /// A secret key `sk_…` or a restricted key `rk_…`.
    #[serde(default)]
    pub secret_key: String,
    /// The signing secret `whsec_…` of the webhook endpoint for this business.
    #[serde(default)]
    pub webhook_secret: String,
}

impl Action for SetStripe {
    const NAME: &'static str = "connection.set_stripe";
    const NEEDS: Permission = Permission::ManageSettings;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = Written;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Written> {
        let held = connections::held(cx, super::NAME).await?;
        let (key, webhook) = (self.secret_key.trim(), self.webhook_secret.trim());
        let mut errors = FieldErrors::default();
        let is_key = key.starts_with("sk_") || key.starts_with("rk_");
        if (!key.is_empty() && !is_key) || key.len() > 300 {
            errors.add("secret_key", "A secret key starts with sk_ or rk_. You find it in Stripe under Developers, API keys.");
        } else if key.is_empty() && !held.as_ref().is_some_and(Held::has_key) {
            errors.add("secret_key", "The secret key is needed.");
        }
        if !webhook.is_empty() && !webhook.starts_with("whsec_") || webhook.len() > 300 {
            errors.add("webhook_secret", "A signing secret starts with whsec_. Stripe shows it on the webhook's page.");
        }
        errors.into_result()?;
        connect(cx, super::NAME, held, key, webhook).await
    }
}
