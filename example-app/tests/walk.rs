//! WALK.md is true: each command on it is run, in order, and must say what the page says it says.
//!
//! `…` on the page stands for anything within a line, and a line of three dots for any lines. `make demo` is the example as
//! cargo built it for this test, on another port than the page names.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has said what it has to say, in its helpers as well"
)]
// Its other users need more of it.
#![expect(dead_code, reason = "this test asks nothing over HTTP by itself")]

#[path = "support/app.rs"]
mod app;

use std::path::Path;
use std::process::{Command, Stdio};

use app::App;

const PAGE: &str = include_str!("../WALK.md");
/// Where the page says that the example listens.
const ADDRESS: &str = "127.0.0.1:5291";

/// A command of the page, and what it says.
struct Step<'a> {
    command: String,
    says: Vec<&'a str>,
}

/// The commands of all blocks that are marked as a console's.
fn steps(page: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if !inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            let command = command.to_owned();
            let says = Vec::new();
            steps.push(Step { command, says });
        } else {
            let step = steps.last_mut().expect("a block begins with a command");
            match line.strip_prefix("> ") {
                Some(more) => step.command.extend(["\n", more]),
                None => step.says.push(line),
            }
        }
    }
    steps
}

fn run(command: &str, app: &App) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_example-app"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c"])
        .arg(format!("{} 2>&1", command.replace(ADDRESS, &app.address)))
        .env("PATH", path)
        .env("RUST_LOG", "warn")
        .envs(app.servers.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let said = said.replace('\r', "").replace(&app.address, ADDRESS);
    assert!(
        output.status.success(),
        "$ {command}\n{said}\n{}",
        output.status
    );
    said
}

/// Whether lines are as the page has them.
fn are_as(lines: &[&str], said: &[&str]) -> bool {
    match lines.split_first() {
        None => said.is_empty(),
        Some((&"...", rest)) => (0..=said.len()).any(|from| are_as(rest, &said[from..])),
        Some((line, rest)) => said
            .split_first()
            .is_some_and(|(first, others)| is_as(line, first) && are_as(rest, others)),
    }
}

fn is_as(line: &str, said: &str) -> bool {
    let mut parts = line.trim_end().split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = said.trim_end().strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[test]
fn every_command_of_the_walk_says_what_the_page_says() {
    let steps = steps(PAGE);
    let (first, steps) = steps.split_first().expect("the page has commands");
    assert_eq!(first.command, "make demo");
    assert!(steps.len() > 10, "the page has lost its commands");
    let app = App::start();
    for Step { command, says } in steps {
        let said = run(command, &app);
        let lines: Vec<_> = said.trim_end().lines().collect();
        assert!(
            are_as(says, &lines),
            "the page says of $ {command}\n{}\n\nand it says\n{said}",
            says.join("\n")
        );
    }
}

#[test]
fn what_is_not_said_is_noticed() {
    for (page, said, same) in [
        ("a…c", "abc", true),
        ("a…c", "ab", false),
        ("…", "", true),
        ("ab", "abc", false),
        ("a…b…c", "a1b2c", true),
    ] {
        assert_eq!(is_as(page, said), same, "{page} {said}");
    }
    assert!(are_as(&["a", "...", "c"], &["a", "b", "b", "c"]));
    assert!(are_as(&["a", "...", "c"], &["a", "c"]));
    assert!(!are_as(&["a", "...", "c"], &["a", "b"]));
    assert!(!are_as(&["a"], &["a", "b"]));
    assert!(!are_as(&["a", "b"], &["a"]));
}
