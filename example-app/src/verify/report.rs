//! How checks are shown: to a person as lines, to a program as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::judge::{Check, Outcome};

/// A line for each check, and one below it for what to do.
pub fn text(checks: &[Check]) -> String {
    let mut text = String::new();
    let mut counts = [0_usize; 3];
    for check in checks {
        let (at, word, detail, fix) = match &check.outcome {
            Outcome::Pass(detail) => (0, "pass", detail.clone(), None),
            Outcome::Fail { why, fix } => (1, "FAIL", why.clone(), Some(fix)),
            Outcome::NotChecked(why) => (2, "-", format!("not checked: {why}"), None),
        };
        counts[at] += 1;
        let (server, question) = (&check.server, check.question);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{word:<4}  {server:<10}  {question:<22}  {detail}");
        if let Some(fix) = fix {
            let _ = writeln!(text, "      {:<10}  fix: {fix}", "");
        }
    }
    let [passed, failed, open] = counts;
    let _ = writeln!(
        text,
        "\n{} checks: {passed} pass, {failed} fail, {open} not checked",
        checks.len()
    );
    text
}

#[derive(Serialize)]
struct Report<'a> {
    /// Whether all checks pass.
    pass: bool,
    checks: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    server: &'a str,
    check: &'static str,
    /// `pass`, `fail` or `not checked`.
    outcome: &'static str,
    detail: &'a str,
    fix: Option<&'a str>,
}

/// The checks as an object on one line.
pub fn json(checks: &[Check]) -> serde_json::Result<String> {
    let entries = checks.iter().map(|check| {
        let (outcome, detail, fix) = match &check.outcome {
            Outcome::Pass(detail) => ("pass", detail, None),
            Outcome::Fail { why, fix } => ("fail", why, Some(fix.as_str())),
            Outcome::NotChecked(why) => ("not checked", why, None),
        };
        Entry {
            server: &check.server,
            check: check.question,
            outcome,
            detail,
            fix,
        }
    });
    let checks: Vec<_> = entries.collect();
    let pass = checks.iter().all(|check| check.outcome == "pass");
    let mut text = serde_json::to_string(&Report { pass, checks })?;
    text.push('\n');
    Ok(text)
}
