//! Jobs and reactions, as the sources show them.

use std::{collections::BTreeSet, fs};

use app::{jobs, reactions::REACTIONS, schema::FUNCTIONS};

use super::sources::{root, walk};

/// (path, text) of every source of the product.
fn texts() -> Vec<(String, String)> {
    let mut files = Vec::new();
    walk(&root().join("src"), &mut files);
    files.into_iter().map(|p| (p.to_string_lossy().replace('\\', "/"), fs::read_to_string(&p).unwrap())).collect()
}

/// The names of the kinds of jobs that a text declares.
fn declared(text: &str) -> Vec<String> {
    let name = |rest: &str| Some(rest.split("const NAME: &'static str = \"").nth(1)?.split('"').next()?.to_owned());
    text.split("impl Job for ").skip(1).map(|rest| name(rest).expect("a job names itself")).collect()
}

/// Kinds that no worker runs, that are run under a name nobody declares, or that share a name.
fn unregistered(declared: &[String], registered: &[&str]) -> Vec<String> {
    let times = |list: &mut dyn Iterator<Item = &str>, name: &str| list.filter(|n| *n == name).count();
    let names: BTreeSet<&str> = declared.iter().map(String::as_str).chain(registered.iter().copied()).collect();
    names
        .into_iter()
        .filter(|name| times(&mut declared.iter().map(String::as_str), name) != 1 || times(&mut registered.iter().copied(), name) != 1)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_kind_of_job_is_registered_once() {
    let declared: Vec<String> = texts().iter().flat_map(|(_, text)| declared(text)).collect();
    let all = jobs::all();
    let registered: Vec<&str> = all.iter().map(|job| job.name).collect();
    assert_eq!(unregistered(&declared, &registered), Vec::<String>::new());
    let renewed: Vec<&str> = FUNCTIONS.iter().filter_map(|f| f.renews).filter(|job| !registered.contains(job)).collect();
    assert_eq!(renewed, Vec::<&str>::new(), "a function's file names a job that nobody runs");
    // The guard itself.
    assert_eq!(unregistered(&declared, &registered[1..]), [registered[0]]);
    assert_eq!(unregistered(&declared, &[&registered[..], &registered[..1]].concat()), [registered[0]]);
    assert_eq!(unregistered(&declared[1..], &registered), [declared[0].clone()]);
}

/// Jobs that go past `platform::jobs`, where a job gets its key with the business in it and its number of attempts.
fn past_the_queue(path: &str, text: &str) -> bool {
    !path.ends_with("platform/jobs.rs") && ["add_job", "TaskHandler", "define_job"].iter().any(|word| text.contains(word))
}

#[test]
fn jobs_are_queued_and_defined_in_one_place() {
    let faults: Vec<String> = texts().into_iter().filter(|(path, text)| past_the_queue(path, text)).map(|(path, _)| path).collect();
    assert_eq!(faults, Vec::<String>::new());
    assert!(past_the_queue("work/tickets/actions.rs", r#"sqlx::query("select graphile_worker.add_job('send_message')")"#));
}

/// Events that a reaction waits for and no slice tells of.
fn untold<'a>(events: &[&'a str], texts: &[(String, String)]) -> Vec<&'a str> {
    let told = |event: &str| texts.iter().any(|(path, text)| !path.contains("/app/") && text.contains(&format!("\"{event}\"")));
    events.iter().copied().filter(|event| !told(event)).collect()
}

#[test]
fn reactions_follow_events_that_happen() {
    let texts = texts();
    let events: Vec<&str> = REACTIONS.iter().map(|r| r.event).collect();
    assert_eq!(untold(&events, &texts), Vec::<&str>::new());
    assert_eq!(untold(&["ticket.moved", "ticket.teleported"], &texts), ["ticket.teleported"]);
}
