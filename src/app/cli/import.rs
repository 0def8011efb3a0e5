//! `rounds import`

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use flows::imports::{
    LARGEST, TOO_LARGE,
    actions::{PreviewImport, RunImport, read_upload},
    data,
    dates::DateOrder,
    jobs,
    recognise::Kind,
};
use platform::action::Meta;
use platform::app::App;
use platform::config::Config;
use platform::error::Error;
use platform::ids::OrgId;
use platform::tenant::{Read, Write};

use super::{Exit, Failure, Result, app, database::Database};

/// Imports a file and prints how many rows were imported, skipped and refused. Does the same as the pages under Settings, Import.
#[derive(clap::Args)]
pub struct Args {
    /// customers, catalogue, transactions, items or appointments (the last four as Square exports them), or auto to recognise the kind by the columns
    kind: String,
    file: PathBuf,
    /// The business's id
    #[arg(long)]
    org: OrgId,
    /// The order of day and month, if the file is ambiguous
    #[arg(long, value_enum)]
    dates: Option<Dates>,
    /// Import the list although it has no phone and no email of anybody
    #[arg(long)]
    without_reach: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Dates {
    MonthFirst,
    DayFirst,
}

pub async fn run(args: Args, config: Config) -> Result {
    let kind = match args.kind.as_str() {
        "auto" => None,
        name => Some(
            Kind::from_key(name)
                .or_else(|| Kind::from_key(&format!("square_{name}")))
                .ok_or_else(|| Failure::new(Exit::Failed, format!("There is no kind {name}.")))?,
        ),
    };
    let bytes = std::fs::read(&args.file).map_err(|e| Failure::new(Exit::Failed, format!("{}: {e}", args.file.display())))?;
    if bytes.len() > LARGEST {
        return Err(Failure::new(Exit::Failed, format!("{TOO_LARGE}.")));
    }
    let database = Database::join(&config).await?;
    let app = app::build(&config, database.pool(&config).await?)?;
    let done = bring(&app, &args, kind, bytes).await;
    app.pool.close().await;
    database.close().await?;
    match done {
        Ok(words) => println!("{words}"),
        Err(Error::Unauthorized) => return Err(Failure::new(Exit::Failed, format!("There is no business {}.", args.org))),
        Err(Error::Invalid(errors)) if errors.0.iter().any(|e| e.field.starts_with("date_")) => {
            let words = errors.0.iter().map(|e| e.message.as_str()).collect::<Vec<_>>().join(" ");
            return Err(Failure::new(Exit::Failed, format!("{words} Add --dates day-first or --dates month-first.")));
        }
        Err(Error::Invalid(errors)) if errors.of("without_reach").is_some() => {
            let words = errors.of("without_reach").unwrap_or_default();
            return Err(Failure::new(Exit::Failed, format!("{words} Add --without-reach.")));
        }
        Err(error) => return Err(Failure::new(Exit::Failed, error.message())),
    }
    Ok(())
}

async fn bring(app: &App, args: &Args, kind: Option<Kind>, bytes: Vec<u8>) -> platform::error::Result<String> {
    let write = Write::of_org(app, args.org, "system").await?;
    let kept = Some(Arc::new(read_upload(bytes, kind, &write.who).await?));
    let preview = PreviewImport { file_name: args.file.display().to_string(), kept, ..PreviewImport::default() };
    let previewed = write.act(&Meta::default(), preview).await?;
    let date_order = args.dates.map(|d| match d {
        Dates::MonthFirst => DateOrder::MonthFirst,
        Dates::DayFirst => DateOrder::DayFirst,
    });
    let without_reach = args.without_reach;
    let action = RunImport { import_id: previewed.id, date_orders: BTreeMap::new(), date_order, without_reach };
    write.act(&Meta::default(), action).await?;
    jobs::run(app, args.org, previewed.id).await?;
    let mut read = Read::of_org(app, args.org).await?;
    let i = data::import(read.db(), previewed.id).await?;
    Ok(format!(
        "{}: {} of {} rows accounted for: {} new, {} updated, {} skipped, {} refused. See /imports/{}",
        i.label(),
        i.rows_done,
        i.rows_total,
        i.made,
        i.updated,
        i.skipped,
        i.refused,
        i.id
    ))
}
