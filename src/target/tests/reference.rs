//! The page that lists all tables and keys of a profile is held to what the loader asks for.

use super::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Tables, their keys, and what these take.
type Tables = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

const PAGE: &str = "fixtures/profile-language.md";

/// What the built-ins and examples do not have.
const RARE: [&str; 3] = [
    "[auth]\nscheme = \"oauth2_client_credentials\"\n[request]\nurl = \"https://a.test\"\nformat = \"csv\"\n[request.csv]\n",
    "[request]\nurl = \"https://a.test\"\n[delete]\nurl = \"https://a.test\"\nformat = \"csv\"\n[delete.csv]\n",
    "[verify]\napplied = {}\nnot_applied = {}\n[[before]]\ndone_if = {}\n",
];

thread_local! {
    static ASKED: RefCell<Tables> = RefCell::default();
}

/// The loader has asked a table for a key.
pub(in super::super) fn note(table: &str, key: &str, kind: &str) {
    ASKED.with_borrow_mut(|asked| {
        let kinds = asked.entry(general(table)).or_default().entry(key.to_owned()).or_default();
        kinds.insert(kind.to_owned());
    });
}

/// `results.NAME.rule` for `[[results.items.rule]]`.
fn general(table: &str) -> String {
    let mut parts: Vec<&str> = table.trim_matches(['[', ']']).split('.').collect();
    match parts.as_mut_slice() {
        ["params" | "results", name, ..] => *name = "NAME",
        ["job", "end", state, ..] => *state = "STATE",
        _ => {}
    }
    parts.join(".")
}

/// Everything that the loader asks for, as far as these profiles make it ask.
fn asked() -> Tables {
    let parent = |name: &str| Profile::builtin_text(name).map(ToOwned::to_owned);
    for name in Profile::builtin_names() {
        Profile::builtin(name).unwrap();
    }
    for text in RARE {
        let _ = Profile::parse("t.toml", &format!("{HEAD}{text}"), &parent);
    }
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/examples");
    for folder in std::fs::read_dir(examples).unwrap().flatten() {
        if let Ok(text) = std::fs::read_to_string(folder.path().join("profile.toml")) {
            Profile::parse("t.toml", &text, &parent).unwrap();
        }
    }
    let mut asked = ASKED.take();
    // One entry of these may be a table of its own, which its key's line shows.
    asked.retain(|table, _| !table.starts_with('`'));
    asked
}

/// Words between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The page: for each table the keys with what they take.
fn page() -> BTreeMap<String, BTreeMap<String, String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let (mut page, mut tables) = (BTreeMap::new(), Vec::new());
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if line.starts_with('#') {
            let named = quoted(line).into_iter().filter(|name| name != "when");
            tables = named.map(|name| general(&name)).collect();
        } else if let [keys, takes, _, _] = cells.as_slice()
            && keys.starts_with('`')
        {
            for table in &tables {
                let known: &mut BTreeMap<_, _> = page.entry(table.clone()).or_default();
                known.extend(quoted(keys).into_iter().map(|key| (key, (*takes).to_owned())));
            }
        }
    }
    page
}

/// Whether the page says what the loader wants; what it wants of some keys depends on what stands there.
fn fits(kinds: &BTreeSet<String>, said: &str) -> bool {
    let special = said.contains("as in") || said.contains("as `") || kinds.contains("");
    let text = ["text", "JSON Pointer", "JSON", "regular expression"];
    special
        || kinds.iter().all(|kind| match kind.strip_prefix("one of ") {
            Some(words) => quoted(said).join(", ") == words,
            None if kind == "text" => text.contains(&said),
            None if kind == "list" => said == "list of statuses",
            None if kind == "list of text" => said.starts_with("list of "),
            None => said == kind,
        })
}

#[test]
fn the_page_of_the_language_lists_every_key_that_the_loader_takes_and_none_besides() {
    let (asked, page) = (asked(), page());
    let mut wrong = Vec::new();
    for (table, keys) in &asked {
        for (key, kinds) in keys {
            match page.get(table).and_then(|keys| keys.get(key)) {
                None => wrong.push(format!("[{table}] {key} ({kinds:?}) is not on the page")),
                Some(said) if !fits(kinds, said) => {
                    wrong.push(format!("[{table}] {key} takes {kinds:?}, and the page says {said}"));
                }
                Some(_) => {}
            }
        }
    }
    for (table, keys) in &page {
        for key in keys.keys() {
            if !asked.get(table).is_some_and(|keys| keys.contains_key(key)) {
                wrong.push(format!("[{table}] {key} is on the page, and nobody reads it"));
            }
        }
    }
    assert!(wrong.is_empty(), "{PAGE}:\n{}", wrong.join("\n"));
}
