//! Possible duplicates: proposed when a contact is written, dismissed by a person, never merged automatically.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::about;
use crate::contacts::{
    data::only_own,
    likeness::{Person, compare, duplicate_score},
    personal,
};
use platform::{
    action::{Action, Cx},
    error::{Error, Result},
    ids::{ContactId, DuplicateId},
    role::Permission,
};

/// Proposes each contact in use that is alike enough (`likeness`). A pair proposed or dismissed before is left alone.
pub(super) async fn propose(cx: &mut Cx<'_>, id: ContactId) -> Result<()> {
    let Some(one) = personal::compared(cx.db(), &Person::default(), Some(id), None).await?.pop() else { return Ok(()) };
    for other in personal::compared(cx.db(), &one.person, None, None).await? {
        let Some(likeness) = duplicate_score(&one.person, &other.person).filter(|_| other.id != id) else { continue };
        propose_pair(cx, id, other.id, likeness.score, &likeness.words()).await?;
    }
    Ok(())
}

/// Proposes that two contacts are one. A pair proposed or dismissed before is left alone.
pub(super) async fn propose_pair(cx: &mut Cx<'_>, id: ContactId, other: ContactId, score: u8, reason: &str) -> Result<()> {
    let (first, second) = if id < other { (id, other) } else { (other, id) };
    sqlx::query!(
        r#"insert into contact_duplicates (id, contact_id, other_id, score, reason) values ($1, $2, $3, $4, $5)
           on conflict (org_id, contact_id, other_id) do nothing"#,
        DuplicateId::new().0,
        first.0,
        second.0,
        i32::from(score),
        reason
    )
    .execute(cx.db())
    .await?;
    Ok(())
}

/// An existing contact that may be the one about to be added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lookalike {
    pub id: ContactId,
    pub name: String,
    pub reason: String,
}

/// The conflict of adding a contact who may be there already.
#[derive(Debug, Serialize)]
pub struct Lookalikes {
    pub lookalikes: Vec<Lookalike>,
}

/// Returns a conflict that names the existing contacts most like `person`, up to `SHOWN`; `Ok` if there are none.
pub(super) async fn refuse_lookalikes(cx: &mut Cx<'_>, person: &Person) -> Result<()> {
    let own = only_own(cx.who);
    let telling = |c: personal::Compared| {
        let likeness = compare(person, &c.person);
        likeness.is_telling().then(|| (likeness.score, Lookalike { id: c.id, name: c.name, reason: likeness.words() }))
    };
    let mut found: Vec<(u8, Lookalike)> = personal::compared(cx.db(), person, None, own).await?.into_iter().filter_map(telling).collect();
    found.sort_by_key(|(score, _)| u8::MAX - score);
    let found: Vec<Lookalike> = found.into_iter().map(|(_, l)| l).take(SHOWN).collect();
    let Some(first) = found.first() else { return Ok(()) };
    let message = format!("This looks like {}: {}.", first.name, first.reason.to_lowercase());
    Err(Error::conflict_with(message, Lookalikes { lookalikes: found }))
}

/// The most lookalikes named in a refusal.
const SHOWN: usize = 3;

/// Records that two contacts are different people; the pair is not proposed again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, garde::Validate)]
#[garde(allow_unvalidated)]
pub struct DismissDuplicate {
    pub duplicate_id: DuplicateId,
}

impl Action for DismissDuplicate {
    const NAME: &'static str = "contact.dismiss_duplicate";
    const NEEDS: Permission = Permission::WriteRecords;
    type Output = DuplicateId;

    async fn run(self, cx: &mut Cx<'_>) -> Result<Self::Output> {
        let row = sqlx::query!(
            r#"update contact_duplicates set state = 'dismissed' where id = $1 returning contact_id as "contact_id: ContactId", other_id as "other_id: ContactId""#,
            self.duplicate_id.0
        )
        .fetch_optional(cx.db())
        .await?
        .ok_or(Error::NotFound)?;
        let who = cx.who;
        crate::contacts::data::visible(cx.db(), who, row.contact_id).await?;
        cx.event("contact.duplicate_dismissed", about(row.contact_id), json!({ "other_id": row.other_id })).await?;
        Ok(self.duplicate_id)
    }
}
