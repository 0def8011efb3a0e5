//! The sources as parsed code: what a file uses, and the SQL it holds. Unit tests are left out.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, UseTree};

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One parsed file of `src`.
pub struct Source {
    /// Relative to `src`: `work/tickets/data/mod.rs`.
    pub path: String,
    tokens: TokenStream,
    uses: Vec<Vec<String>>,
}

impl Source {
    /// Parses `text` as the file at `path`.
    pub fn parse(path: &str, text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut uses = Vec::new();
        let tokens = product(file.items, &mut uses);
        Self { path: path.to_owned(), tokens, uses }
    }

    /// The area: the folder under `src`, a workspace member.
    pub fn area(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// The slice: `work/tickets`; the area alone for its own files and for areas without slices.
    pub fn slice(&self) -> String {
        let parts: Vec<&str> = self.path.split('/').collect();
        match parts.as_slice() {
            [area @ ("platform" | "ui" | "app"), ..] => (*area).to_owned(),
            [area, slice] => match slice.trim_end_matches(".rs") {
                "lib" | "routes" | "registry" | "jobs" => (*area).to_owned(),
                own => format!("{area}/{own}"),
            },
            [area, slice, ..] => format!("{area}/{slice}"),
            other => other.join("/"),
        }
    }

    /// Every path of names that starts at a crate or at `crate`: from `use` items and from the code.
    pub fn paths(&self) -> Vec<Vec<String>> {
        let mut all = self.uses.clone();
        paths_in(self.tokens.clone(), &mut all);
        all
    }

    /// Every string of the code, macros' arguments included.
    pub fn strings(&self) -> Vec<String> {
        let mut all = Vec::new();
        strings_in(self.tokens.clone(), &mut all);
        all
    }
}

/// Every file of `src`, parsed.
pub fn all() -> Vec<Source> {
    let mut files = Vec::new();
    walk(&root().join("src"), &mut files);
    files.sort();
    let src = root().join("src");
    files
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
            Source::parse(&name, &fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The Rust files below `dir`.
pub fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// The items without unit tests; collects the leaves of their `use` trees on the way.
fn product(items: Vec<Item>, uses: &mut Vec<Vec<String>>) -> TokenStream {
    let mut tokens = TokenStream::new();
    for item in items {
        if is_test(&item) {
            continue;
        }
        match item {
            Item::Use(u) => leaves(&u.tree, &mut Vec::new(), uses),
            Item::Mod(m) => tokens.extend(product(m.content.map(|c| c.1).unwrap_or_default(), uses)),
            other => tokens.extend(other.into_token_stream()),
        }
    }
    tokens
}

fn is_test(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Mod(m) => &m.attrs,
        Item::Fn(f) => &f.attrs,
        Item::Use(u) => &u.attrs,
        _ => &[],
    };
    attributes.iter().any(|a| a.path().is_ident("cfg") && a.meta.to_token_stream().to_string().replace(' ', "") == "cfg(test)")
}

fn leaves(tree: &UseTree, before: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    match tree {
        UseTree::Path(p) => {
            before.push(p.ident.to_string());
            leaves(&p.tree, before, out);
            before.pop();
        }
        UseTree::Group(g) => g.items.iter().for_each(|tree| leaves(tree, before, out)),
        UseTree::Name(n) => out.push(with(before, &n.ident.to_string())),
        UseTree::Rename(r) => out.push(with(before, &r.ident.to_string())),
        UseTree::Glob(_) => out.push(with(before, "*")),
    }
}

fn with(before: &[String], last: &str) -> Vec<String> {
    before.iter().cloned().chain([last.to_owned()]).collect()
}

/// `a::b::c` in the code, each as its names.
fn paths_in(tokens: TokenStream, out: &mut Vec<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Ident(name) if colons == 2 => {
                path.push(name.to_string());
                colons = 0;
            }
            TokenTree::Punct(p) if p.as_char() == ':' => colons += 1,
            other => {
                if path.len() > 1 {
                    out.push(std::mem::take(&mut path));
                }
                path.clear();
                colons = 0;
                match other {
                    TokenTree::Ident(name) => path.push(name.to_string()),
                    TokenTree::Group(group) => paths_in(group.stream(), out),
                    _ => {}
                }
            }
        }
    }
    if path.len() > 1 {
        out.push(path);
    }
}

fn strings_in(tokens: TokenStream, out: &mut Vec<String>) {
    let mut is_attribute = false;
    for token in tokens {
        match token {
            TokenTree::Punct(p) => {
                is_attribute = p.as_char() == '#' || is_attribute && p.as_char() == '!';
                continue;
            }
            // Docstrings are attributes with a string.
            TokenTree::Group(group) if !(is_attribute && group.delimiter() == Delimiter::Bracket) => strings_in(group.stream(), out),
            TokenTree::Literal(literal) => {
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    out.push(text.value());
                }
            }
            _ => {}
        }
        is_attribute = false;
    }
}
