//! The house: an arrow only points down, rooms on one floor do not know each other, files stay
//! small and begin with a sentence.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors of the core, from the ground up. Modules on one floor are rooms that do not know each
/// other; only the door, which the world touches, is one room with several modules.
const FLOORS: [(&str, &[&str]); 5] = [
    ("terms", &["terms"]),
    ("rules", &["rules"]),
    ("rooms", &["pools", "cache", "query"]),
    ("calls", &["calls"]),
    (
        "door",
        &[
            "manifold",
            "builder",
            "prelude",
            "macro_support",
            "docs",
            "session",
            "token_store",
            "tower",
            "lib",
        ],
    ),
];

const LONGEST_FILE: usize = 400;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found
}

fn floor(module: &str) -> Option<usize> {
    FLOORS
        .iter()
        .position(|(_, modules)| modules.contains(&module))
}

/// The modules of the crate that this line names.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).map(|rest| {
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn no_arrow_points_up_or_sideways() {
    let core = repository().join("core/src");
    let mut wrong = BTreeSet::new();
    for path in sources(&core) {
        let inside = path.strip_prefix(&core).expect("inside");
        let first = inside.iter().next().expect("a name").to_string_lossy();
        let own = first.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).expect("text");
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for module in code.flat_map(named) {
            let (Some(from), Some(to)) = (floor(&own), floor(module)) else {
                continue; // an item that the crate's root re-exports
            };
            let door = FLOORS[from].0 == "door";
            if !(module == own || to < from || (to == from && door)) {
                wrong.insert(format!(
                    "{own} must not use {module} ({})",
                    inside.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn rules_neither_wait_nor_look_at_a_clock() {
    let rules = repository().join("core/src/rules");
    for path in sources(&rules) {
        let text = fs::read_to_string(&path).expect("text");
        for word in [
            "async ",
            ".await",
            "Instant",
            "SystemTime",
            "Clock",
            "tokio",
        ] {
            assert!(!text.contains(word), "{} says `{word}`", path.display());
        }
    }
}

#[test]
fn every_file_is_small_and_begins_with_a_sentence() {
    for package in ["core", "macros", "compose", "example-app", "tests"] {
        for path in sources(&repository().join(package).join("src")) {
            let text = fs::read_to_string(&path).expect("text");
            let lines = text.lines().count();
            assert!(lines <= LONGEST_FILE, "{}: {lines} lines", path.display());
            assert!(
                text.starts_with("//!"),
                "{} has no module docs",
                path.display()
            );
        }
    }
}

#[test]
fn generated_code_says_nothing_but_macro_support() {
    for path in sources(&repository().join("macros/src")) {
        let text = fs::read_to_string(&path).expect("text");
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code.filter(|line| line.contains("::diesel_manifold")) {
            let path = path.display();
            assert!(
                line.contains("::diesel_manifold::macro_support"),
                "{path}: {line}"
            );
        }
    }
}
