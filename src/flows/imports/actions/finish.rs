//! Ends an import: proposes duplicates and marks it as done, or records why it failed.

use office::notices::{self, NewNotice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{batch, contacts, lock};
use crate::imports::{ImportState, data};
use customers::contacts::likeness::{self, Person};
use platform::{
    action::{Action, Cx},
    error::Result,
    ids::{DuplicateId, ImportId},
    role::Permission,
};

/// Finishes an import whose rows all have an outcome.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct FinishImport {
    pub import_id: ImportId,
}

impl Action for FinishImport {
    const NAME: &'static str = "import.finish";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = ImportId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let id = self.import_id;
        if !matches!(lock(cx, id).await?, ImportState::Queued | ImportState::Running) {
            return Ok(id);
        }
        propose(cx, id).await?;
        batch::count(cx, id).await?;
        let now = cx.now();
        sqlx::query!("update imports set state = 'done', finished_at = $2, error = null where id = $1", id.0, now).execute(cx.db()).await?;
        batch::tell(cx, "import.completed", id).await?;
        Ok(id)
    }
}

/// Maximum number of duplicate proposals per contact.
const MOST_TWINS: u8 = 5;

/// Proposes likely duplicates among pairs with at least one contact that this import created or updated; merges none.
async fn propose(cx: &mut Cx<'_>, import: ImportId) -> Result<()> {
    let rows = sqlx::query!(
        r#"
        select c.id, c.first_name, c.last_name, c.company,
               array(select e.match_key from contact_emails e where e.contact_id = c.id) as "emails!",
               array(select p.match_key from contact_phones p where p.contact_id = c.id) as "phones!",
               coalesce((select a.street from addresses a where a.contact_id = c.id and a.deleted_at is null order by a.is_primary desc, a.id limit 1), '') as "street!",
               -- Sets, read once: asked one by one, all of the import's keys were gone through for each customer.
               c.id in (select k.record_id from import_keys k where k.import_id = $1 and k.record_id is not null)
                 or c.id in (select w.record_id from import_rows w where w.import_id = $1 and w.outcome = 'updated' and w.record_id is not null) as "is_ours!"
          from contacts c where c.deleted_at is null
        "#,
        import.0
    )
    .fetch_all(cx.db())
    .await?;
    let (mut people, mut ids): (Vec<Person>, Vec<(Uuid, bool)>) = (Vec::new(), Vec::new());
    for r in rows {
        ids.push((r.id, r.is_ours));
        people.push(Person {
            first_name: r.first_name,
            last_name: r.last_name,
            company: r.company,
            emails: r.emails,
            phones: r.phones,
            street: r.street,
        });
    }
    if !ids.iter().any(|i| i.1) {
        return Ok(());
    }
    // Best pairs first. The limit keeps a contact with dozens of matches from filling the list.
    let mut times = vec![0_u8; ids.len()];
    let pairs: Vec<Value> = likeness::propose(&people)
        .into_iter()
        .filter(|(i, j, _)| ids[*i].1 || ids[*j].1)
        .filter(|(i, j, _)| {
            let is_wanted = times[*i] < MOST_TWINS && times[*j] < MOST_TWINS;
            times[*i] += u8::from(is_wanted);
            times[*j] += u8::from(is_wanted);
            is_wanted
        })
        .map(|(i, j, likeness)| {
            let (a, b) = (ids[i].0.min(ids[j].0), ids[i].0.max(ids[j].0));
            json!({ "id": DuplicateId::new(), "contact_id": a, "other_id": b, "score": likeness.score, "reason": likeness.reasons.join(", ") })
        })
        .collect();
    contacts::propose(cx, import, pairs).await
}

/// Marks an import as failed, with the reason; running it again continues from there.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct FailImport {
    pub import_id: ImportId,
    pub reason: String,
}

impl Action for FailImport {
    const NAME: &'static str = "import.fail";
    const NEEDS: Permission = Permission::ManageSettings;
    type Output = ImportId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        if lock(cx, self.import_id).await?.is_busy() {
            sqlx::query!("update imports set state = 'failed', error = $2 where id = $1", self.import_id.0, self.reason)
                .execute(cx.db())
                .await?;
            batch::tell(cx, "import.failed", self.import_id).await?;
            notice(cx, self.import_id, &self.reason).await?;
        }
        Ok(self.import_id)
    }
}

/// Adds a notice about a failed import for the owner, or reopens the existing one.
async fn notice(cx: &mut Cx<'_>, id: ImportId, reason: &str) -> Result<()> {
    let import = data::import(cx.db(), id).await?;
    let body = format!("The import of {} stopped: {reason}", import.file_name);
    let new =
        NewNotice { kind: "import_failed", subject_kind: "import", subject: id.0, body: &body, dedup_key: &format!("import_failed:{id}") };
    notices::add_or_reopen(cx, new).await?;
    Ok(())
}

/// Resolves the import's notices, as it is running again.
pub async fn settled(cx: &mut Cx<'_>, id: ImportId) -> Result<()> {
    notices::resolve_of(cx, "import", &[id.0]).await?;
    Ok(())
}
