//! Writes of the home page: resolves a notice, retries a failed job.

use office::notices;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::data;
use platform::{
    action::{Action, Cx, Subject},
    error::{Error, Result},
    ids::NoticeId,
    jobs,
    role::{ModelLevel, Permission},
};

/// Marks a notice as resolved. Idempotent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct ResolveNotice {
    pub notice_id: NoticeId,
}

impl Action for ResolveNotice {
    const NAME: &'static str = "notice.resolve";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = NoticeId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<NoticeId> {
        let who = cx.who;
        data::notice(cx.db(), who, self.notice_id).await?;
        notices::resolve(cx, self.notice_id).await?;
        cx.event("notice.resolved", Subject { kind: "notice", id: self.notice_id.0, contact: None }, json!({})).await?;
        Ok(self.notice_id)
    }
}

/// Retries a job that has used up its attempts. `NotFound` if the business has no such job.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct RetryJob {
    pub job_id: i64,
}

impl Action for RetryJob {
    const NAME: &'static str = "job.run_again";
    const NEEDS: Permission = Permission::ManageSettings;
    const MODEL: ModelLevel = ModelLevel::RequiresAuthorization;
    type Output = i64;

    async fn run(self, cx: &mut Cx<'_>) -> Result<i64> {
        let org = cx.who.org;
        if !jobs::retry(cx.db(), org, self.job_id).await? {
            return Err(Error::NotFound);
        }
        cx.event("job.run_again", Subject { kind: "org", id: org.0, contact: None }, json!({ "job": self.job_id })).await?;
        Ok(self.job_id)
    }
}
