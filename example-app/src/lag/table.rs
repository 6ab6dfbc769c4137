//! How lines are shown: to a person as a table, to a program as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::board::Line;
use super::question::Lsn;
use super::ring::Lag;

/// The header comes again after so many times.
const HEADER_EACH: u64 = 10;

/// The lines as a table; the `turn`th, counted from 0.
pub fn text(lines: &[Line], turn: u64) -> String {
    let mut text = String::new();
    if turn > 0 {
        text.push('\n');
    }
    if turn.is_multiple_of(HEADER_EACH) {
        let columns = ["node", "role", "received", "replayed", "bytes", "lag"];
        row(&mut text, columns, "state");
    }
    for line in lines {
        let is_replica = line.role != Some("primary");
        let lsn = |lsn: Option<Lsn>| lsn.map(|lsn| lsn.to_string());
        // A primary receives nothing and is not behind; of a replica it may be unknown.
        let of_replica = |text: Option<String>| match text {
            Some(text) => text,
            None if is_replica => "?".to_owned(),
            None => "-".to_owned(),
        };
        let columns = [
            &line.node,
            line.role.unwrap_or("?"),
            &of_replica(lsn(line.received)),
            &of_replica(lsn(line.replayed)),
            &of_replica(line.behind.map(|behind| behind.bytes.to_string())),
            &of_replica(line.behind.map(|behind| seconds(behind.lag))),
        ];
        row(&mut text, columns, &line.state);
    }
    text
}

fn row(text: &mut String, columns: [&str; 6], state: &str) {
    let [node, role, received, replayed, bytes, lag] = columns;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{node:<10} {role:<8} {received:>12} {replayed:>12} {bytes:>12} {lag:>9}  {state}"
    );
}

/// To a tenth: more often nobody is asked.
fn seconds(lag: Lag) -> String {
    match lag {
        Lag::Is(Duration::ZERO) => "0 s".to_owned(),
        Lag::Is(lag) => format!("{:.1} s", lag.as_secs_f64()),
        Lag::MoreThan(lag) => format!("> {:.1} s", lag.as_secs_f64()),
    }
}

/// What is not known, or does not exist in the node's role, is null.
#[derive(Serialize)]
struct Turn<'a> {
    /// Seconds since the start.
    at: f64,
    nodes: Vec<Node<'a>>,
}

#[derive(Serialize)]
struct Node<'a> {
    name: &'a str,
    role: Option<&'static str>,
    received: Option<String>,
    replayed: Option<String>,
    lag_bytes: Option<u64>,
    lag_seconds: Option<f64>,
    /// Whether it is behind by more than that.
    lag_is_more: bool,
    state: &'a str,
}

/// The lines as an object on one line, `at` so long after the start.
pub fn json(lines: &[Line], at: Duration) -> serde_json::Result<String> {
    let nodes = lines.iter().map(|line| {
        let (lag, lag_is_more) = match line.behind.map(|behind| behind.lag) {
            None => (None, false),
            Some(Lag::Is(lag)) => (Some(lag), false),
            Some(Lag::MoreThan(lag)) => (Some(lag), true),
        };
        Node {
            name: &line.node,
            role: line.role,
            received: line.received.map(|lsn| lsn.to_string()),
            replayed: line.replayed.map(|lsn| lsn.to_string()),
            lag_bytes: line.behind.map(|behind| behind.bytes),
            lag_seconds: lag.map(in_milliseconds),
            lag_is_more,
            state: &line.state,
        }
    });
    let turn = Turn {
        at: in_milliseconds(at),
        nodes: nodes.collect(),
    };
    let mut text = serde_json::to_string(&turn)?;
    text.push('\n');
    Ok(text)
}

/// Seconds, without digits that mean nothing.
fn in_milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::ring::Behind;
    use super::*;

    #[test]
    fn a_table_says_what_is_known_what_is_not_and_what_there_is_not() {
        let line = |node: &str, role, state: &str| Line {
            node: node.to_owned(),
            role,
            received: None,
            replayed: role.map(|_| Lsn(0xA3_D020)),
            behind: None,
            state: state.to_owned(),
        };
        let lagging = Line {
            received: Some(Lsn(0xA3_D020)),
            behind: Some(Behind {
                bytes: 17,
                lag: Lag::MoreThan(Duration::from_millis(2040)),
            }),
            ..line("replica-1", Some("replica"), "paused")
        };
        let lines = [
            line("primary", Some("primary"), "writable"),
            lagging,
            line("replica-2", None, "unreachable: why"),
        ];
        #[rustfmt::skip]
        let expected = "\
node       role         received     replayed        bytes       lag  state
primary    primary             -     0/A3D020            -         -  writable
replica-1  replica      0/A3D020     0/A3D020           17   > 2.0 s  paused
replica-2  ?                   ?            ?            ?         ?  unreachable: why
";
        assert_eq!(text(&lines, 0), expected);
        assert_eq!(text(&lines, 1), {
            let (_, rows) = expected.split_once('\n').unwrap();
            format!("\n{rows}")
        });
    }
}
