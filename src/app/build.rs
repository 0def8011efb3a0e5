//! Builds the table of SQL functions (`migrations/functions`) and the asset table: static files get a content hash in their name and a Brotli
//! copy, made once, here.
//! Stylesheets and scripts are written one file a component or behaviour and joined in the order given below.

use std::{
    collections::BTreeSet,
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// The application's stylesheet, one file a component. `tokens` comes first because it declares the order of the layers; inside a layer,
/// a later file wins over an earlier one where two selectors are equally specific.
#[rustfmt::skip]
const APP_CSS: &[&str] = &[
    "tokens", "base",
    // layout
    "page", "nav", "bar", "lone", "split",
    // components
    "button", "now", "card", "note", "pill", "rows", "list", "text", "visit", "stack", "table", "empty", "qr", "tools", "segment", "menu", "fold",
    "progress", "live", "kbd", "timeline", "tile", "dialog", "queue", "diff",
    // components of forms
    "field", "redact", "check", "fieldset", "columns", "errors", "search", "pick", "line", "keep", "step",
    "calendar", "utilities", "print",
];
/// The stylesheet of the customer's small pages.
const PUBLIC_CSS: &[&str] = &["tokens", "public"];
/// Every page's script: these first, the others follow by name.
const FIRST_JS: &[&str] = &["dom", "redact", "store"];
/// What only some pages need comes as a script of its own beside `app.js`, which it may import from: the close-out; forms and lists;
/// what a keyboard or a mouse can do; drafts of longer forms; what waits to be sent and the strip that shows it.
const OWN_JS: &[(&str, &[&str])] = &[
    ("wizard.js", &["money", "lines", "wizard"]),
    ("more.js", &["extras", "money", "lines", "live", "pick"]),
    ("desk.js", &["drag", "keys"]),
    ("drafts.js", &["drafts"]),
    ("strip.js", &["enqueue", "strip"]),
];
/// What the service worker fetches when it is installed.
const INSTALLED: &[&str] = &["app.css", "app.js", "drafts.js", "icons.svg", "more.js", "strip.js", "wizard.js"];
/// Quarter hours of a day, for the calendar's generated classes.
const QUARTERS: usize = 96;

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    for folder in ["static", "migrations", "templates"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let dir = root.join("static");

    let mut app = css(&dir, APP_CSS);
    app.push_str(&calendar_classes());
    let mut assets = vec![("app.css".to_owned(), app.into_bytes()), ("public.css".to_owned(), css(&dir, PUBLIC_CSS).into_bytes())];
    assets.extend(scripts(&dir.join("js")));
    for path in files(&dir.join("icons")) {
        assets.push((name(&path), fs::read(&path).expect("static file is readable")));
    }

    // The service worker shares the queue's store with the pages, and knows what to fetch when it is installed.
    let kept: Vec<String> =
        assets.iter().filter(|(name, _)| INSTALLED.contains(&name.as_str())).map(|(name, body)| address(name, body)).collect();
    let known = format!("const INSTALLED = {kept:?};\n");
    let worker = [dir.join("js/store.js"), dir.join("sw.js")];
    assets.push(("sw.js".to_owned(), (known + &joined(&worker)).into_bytes()));
    // Not a name of a setting: test runners hand it on to the processes they start.
    println!("cargo::rustc-env=RELEASE_OF_PAGES={}", release(&root));

    let mut table = String::from("pub static ASSETS: &[Asset] = &[\n");
    for (name, body) in assets {
        write_asset(&out, &name, &body, &mut table);
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table).expect("OUT_DIR is writable");
    fs::write(out.join("functions.rs"), functions(&root.join("migrations/functions"))).expect("OUT_DIR is writable");
}

/// The table of SQL functions, from what their files say of themselves: `-- version: 3`, `-- renews: a_job`, `create or replace function app.name(`.
fn functions(dir: &Path) -> String {
    let mut table = String::from("pub static FUNCTIONS: &[Function] = &[\n");
    for path in [files(dir), files(&dir.join("across"))].concat().iter().filter(|p| p.extension().is_some_and(|e| e == "sql")) {
        let text = fs::read_to_string(path).expect("file of a function is readable");
        let said = |what: &str| text.lines().find_map(|l| Some(l.strip_prefix(what)?.trim().to_owned()));
        let name = said("create or replace function app.").and_then(|l| Some(l.split_once('(')?.0.to_owned()));
        let name = name.unwrap_or_else(|| panic!("{}: no line begins with `create or replace function app.`", path.display()));
        let version = said("-- version: ").and_then(|v| v.parse::<i32>().ok());
        let version = version.unwrap_or_else(|| panic!("{}: no line says `-- version: 1`", path.display()));
        let renews = said("-- renews: ");
        writeln!(
            table,
            "    Function {{ name: {name:?}, version: {version}, renews: {renews:?}, text: include_str!({:?}) }},",
            path.display().to_string()
        )
        .expect("a String takes it");
    }
    table.push_str("];\n");
    table
}

/// Writes identity and Brotli copies and the table's entry.
fn write_asset(out: &Path, name: &str, body: &[u8], table: &mut String) {
    let ext = name.rsplit_once('.').expect("static files have an extension").1;
    let url = address(name, body);
    let mut br = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    brotli::BrotliCompress(&mut &body[..], &mut br, &params).expect("memory to memory");
    fs::write(out.join(name), body).expect("OUT_DIR is writable");
    fs::write(out.join(format!("{name}.br")), &br).expect("OUT_DIR is writable");
    let packed =
        if br.len() < body.len() { format!("Some(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.br\")))") } else { "None".into() };
    writeln!(
        table,
        "    Asset {{ name: {name:?}, url: {url:?}, kind: {:?}, body: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\")), br: {packed} }},",
        kind(ext),
    )
    .expect("a String takes it");
}

/// Where a file is served: `/assets/app-1a2b3c4d.css`.
fn address(name: &str, body: &[u8]) -> String {
    let (stem, ext) = name.rsplit_once('.').expect("static files have an extension");
    format!("/assets/{stem}-{}.{ext}", short_hash(body))
}

fn short_hash(body: &[u8]) -> String {
    Sha256::digest(body).iter().take(4).fold(String::new(), |mut s, b| {
        write!(s, "{b:02x}").expect("a String takes it");
        s
    })
}

/// Names this release's pages: a hash of everything they are made of.
fn release(root: &Path) -> String {
    fn walk(dir: &Path, all: &mut Vec<u8>) {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(dir).expect("folder is readable").map(|e| e.expect("entry is readable").path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, all);
            } else {
                all.extend(fs::read(&path).expect("file is readable"));
            }
        }
    }
    let mut all = Vec::new();
    walk(&root.join("static"), &mut all);
    walk(&root.join("templates"), &mut all);
    short_hash(&all)
}

fn kind(ext: &str) -> &'static str {
    match ext {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        other => panic!("no content type known for .{other}"),
    }
}

/// Joins stylesheets.
fn css(dir: &Path, names: &[&str]) -> String {
    names.iter().map(|name| code(&read(&dir.join("css").join(format!("{name}.css"))))).collect()
}

/// A script or stylesheet without its comment lines, empty lines and indentation. A comment has lines of its own.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut is_comment = false;
    for line in text.lines().map(str::trim) {
        is_comment |= line.starts_with("/*");
        if !is_comment && !line.is_empty() && !line.starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
        is_comment &= !line.ends_with("*/");
    }
    code
}

/// `t0…t95`: the quarter hour a block starts at; `s1…s96`: how many it lasts.
fn calendar_classes() -> String {
    let mut css = String::from("@layer components{");
    for i in 0..QUARTERS {
        write!(css, ".t{i}{{grid-row-start:{}}}", i + 1).expect("a String takes it");
    }
    for i in 1..=QUARTERS {
        write!(css, ".s{i}{{grid-row-end:span {i}}}").expect("a String takes it");
    }
    css.push_str(".t0,.block,.hours>*{grid-column:1}}");
    css
}

/// `app.js`, and the scripts that import from it.
fn scripts(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let own: Vec<(&str, Vec<PathBuf>)> = OWN_JS
        .iter()
        .map(|(name, parts)| (*name, parts.iter().map(|part| dir.join(format!("{part}.js"))).filter(|p| p.exists()).collect()))
        .collect();
    let stem = |p: &PathBuf| p.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let mut app: Vec<PathBuf> = files(dir).into_iter().filter(|p| !own.iter().any(|(_, parts)| parts.contains(p))).collect();
    app.sort_by_key(|p| (FIRST_JS.iter().position(|f| *f == stem(p)).unwrap_or(FIRST_JS.len()), stem(p)));
    let all_exported: Vec<String> = files(dir).iter().flat_map(|p| exported(p)).collect();
    let unique: BTreeSet<&String> = all_exported.iter().collect();
    assert_eq!(unique.len(), all_exported.len(), "two scripts export the same name: {all_exported:?}");
    // From `app.js`: what a script does not bring itself.
    let needed = |parts: &[PathBuf]| -> BTreeSet<String> {
        let given: Vec<String> = parts.iter().flat_map(|p| exported(p)).collect();
        parts.iter().flat_map(|p| imported(p)).filter(|name| !given.contains(name)).collect()
    };
    let wanted: BTreeSet<String> = own.iter().flat_map(|(_, parts)| needed(parts)).collect();
    // Without names nothing is imported or exported.
    let list = |word: &str, names: &BTreeSet<String>, from: &str| {
        if names.is_empty() { String::new() } else { format!("{word}{{{}}}{from};\n", names.iter().cloned().collect::<Vec<_>>().join(",")) }
    };
    let app = (joined(&app) + &list("export", &wanted, "")).into_bytes();
    let from = address("app.js", &app);
    let mut all = vec![("app.js".to_owned(), app)];
    for (name, parts) in own {
        let given = parts.iter().flat_map(|p| exported(p)).collect();
        let body = list("import", &needed(&parts), &format!("from{from:?}")) + &joined(&parts) + &list("export", &given, "");
        all.push((name.to_owned(), body.into_bytes()));
    }
    all
}

/// The names that a script exports.
fn exported(path: &Path) -> Vec<String> {
    read(path).lines().filter_map(|line| Some(export(line)?.1.to_owned())).collect()
}

/// An exporting line as keyword (`const`, `function`, `async function`), name and rest.
fn export(line: &str) -> Option<(&str, &str, &str)> {
    let declared = line.strip_prefix("export ")?;
    let keyword = ["const", "function", "async function"].into_iter().find(|k| declared.starts_with(*k));
    let keyword = keyword.unwrap_or_else(|| panic!("only constants and functions are exported, not `{line}`"));
    let declared = declared[keyword.len()..].trim_start();
    let end = declared.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$')).unwrap_or(declared.len());
    Some((keyword, &declared[..end], &declared[end..]))
}

/// The names that a script imports from its neighbours.
fn imported(path: &Path) -> Vec<String> {
    let text = read(path);
    let lines = text.lines().filter_map(|l| l.strip_prefix("import {")?.split_once('}'));
    lines.flat_map(|(names, _)| names.split(',').map(|n| n.trim().to_owned()).collect::<Vec<_>>()).collect()
}

/// Joins scripts into one. Each file is a module of its own as well (tests import it). Here it becomes a block, so that its top-level names
/// stay its own, and what it exports becomes a `var`, which is seen outside the block; lines that import from neighbours go.
fn joined(paths: &[PathBuf]) -> String {
    let mut joined = String::new();
    for path in paths {
        let mut block = String::new();
        let mut is_exported_function = false;
        for line in read(path).lines() {
            if let Some((keyword, name, rest)) = export(line) {
                is_exported_function = keyword != "const";
                let value = if is_exported_function { format!(" = {keyword}") } else { String::new() };
                writeln!(block, "var {name}{value}{rest}").expect("a String takes it");
            } else if line == "}" && is_exported_function {
                // The end of a function is now the end of a statement.
                is_exported_function = false;
                block.push_str("};\n");
            } else if !line.starts_with("import ") {
                block.push_str(line);
                block.push('\n');
            }
        }
        write!(joined, "{{\n{}}}\n", code(&block)).expect("a String takes it");
    }
    joined
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files of a folder, by name.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
        .map(|f| f.expect("entry is readable").path())
        .filter(|p| p.is_file())
        .collect();
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.file_name().expect("a file has a name").to_string_lossy().into_owned()
}
