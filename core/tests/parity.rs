//! `tests/parity.json`, which the bindings are compared with, is the catalogue; and the catalogue names every public verb.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_committed_catalogue_is_that_of_the_code() {
    let path = root().join("../tests/parity.json");
    let wanted = serde_json::to_string_pretty(&podrole::catalogue::catalogue()).unwrap() + "\n";
    if std::env::var_os("PODROLE_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        found, wanted,
        "tests/parity.json is not up to date: PODROLE_BLESS=1 cargo test -p podrole --test parity"
    );
}

/// The public functions of a file's text, between two lines.
fn public(file: &str, from: &str, to: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("src").join(file)).unwrap();
    let start = text.find(from).unwrap_or_else(|| panic!("{file} has no {from:?}"));
    let part = &text[start + from.len()..];
    let part = if to.is_empty() { part } else { &part[..part.find(to).unwrap()] };
    part.lines()
        .map(str::trim_start)
        .filter_map(|line| line.strip_prefix("pub fn ").or_else(|| line.strip_prefix("pub async fn ")))
        .map(|line| line.split(['(', '<']).next().unwrap().to_owned())
        .collect()
}

fn keys(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(map) => map.keys().cloned().collect(),
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        other => panic!("{other}"),
    }
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn every_public_verb_and_artifact_is_in_the_catalogue() {
    let catalogue = podrole::catalogue::catalogue();
    let setup = names(&["in_memory", "with_backend", "with_options", "backend"]);
    let verbs = public("client.rs", "\nimpl Client {", "\n}");
    assert_eq!(&verbs - &setup, keys(&catalogue["client"]), "verbs of Client");
    // How Rust spells options and the start of a run.
    let options: BTreeSet<String> = public("client.rs", "\nimpl Apply {", "\n}")
        .into_iter()
        .filter(|name| name != "start")
        .map(|name| name.trim_start_matches("with_").to_owned())
        .collect();
    let listed: BTreeSet<String> = catalogue["client"].as_object().unwrap().values().flat_map(keys).collect();
    assert_eq!(options, listed, "options of apply and revoke");
    assert_eq!(&public("run/handle.rs", "\nimpl Run {", "\n}") - &names(&["canceller"]), keys(&catalogue["run"]));
    assert_eq!(public("artifacts.rs", "", ""), keys(&catalogue["artifacts"]), "artifacts");
}
