//! `lag`: how far each replica is behind the primary, each second.
//!
//! * `lag/question.rs`: what a node is asked, and what it may answer.
//! * `lag/ring.rs`: where the primary was and when; behind how much of that a replica is.
//! * `lag/history.rs`: what is remembered of a replica: its timeline, whether it was ahead.
//! * `lag/board.rs`: what was last heard of each node becomes a line.
//! * `lag/table.rs`: how the lines are shown.
//!
//! Seconds are ours: no server's clock is asked. The age of the last replayed commit would grow
//! without end behind a primary that nobody writes to, and "has replayed all it has received" is also
//! true of a replica that was cut off.

use std::io::{self, ErrorKind, Write as _};
use std::time::Duration;

use anyhow::{Context, Result};
use diesel_manifold::Clock;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use self::board::{Board, Report};
use self::question::Link;
use crate::servers::Servers;
use crate::stop::Stop;

mod board;
mod history;
pub mod question;
mod ring;
mod table;

/// Between two questions to a node, and so the resolution of the seconds.
const SAMPLE: Duration = Duration::from_millis(100);
/// For one answer, connecting included. Who does not answer by then is unreachable for now.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// Until a node that could not be reached is asked again.
const RETRY: Duration = Duration::from_millis(500);
/// Reports on their way to the board; a node whose report finds no room waits.
const REPORTS: usize = 64;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End after so many times [default: until Ctrl-C]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Between two times: `1s`, `500ms`
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    interval: Duration,
    /// An object of JSON on a line each time, instead of the table
    #[arg(long)]
    json: bool,
}

/// Shows the nodes until we are asked to stop.
pub async fn command(args: &Args) -> Result<()> {
    let mut stop = Stop::listen()?;
    let servers = Servers::configured()?;
    let clock = Clock::new();
    let mut board = Board::new(servers.names());
    let (reports, mut heard) = mpsc::channel(REPORTS);
    // Ended when this is dropped.
    let mut watchers = JoinSet::new();
    for (node, url) in servers.urls().enumerate() {
        let watcher = Watcher {
            node,
            link: Link::new(url),
            clock: clock.clone(),
        };
        watchers.spawn(watcher.watch(reports.clone()));
    }
    drop(reports);
    tokio::select! {
        shown = show(args, &clock, &mut board, &mut heard) => match shown {
            // Who reads us has read enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            shown => shown.context("cannot write to the standard output"),
        },
        () = stop.requested() => Ok(()),
    }
}

async fn show(
    args: &Args,
    clock: &Clock,
    board: &mut Board,
    heard: &mut Receiver<Report>,
) -> io::Result<()> {
    let began = clock.now();
    // Each has been asked once, once more when it was known who the primary is, and the primary again
    // after these: what it says then tells whether it has what they have.
    for _ in 0..3 {
        let asked_since = clock.now();
        while !board.has_heard_all_since(asked_since) {
            let Some(report) = heard.recv().await else {
                return Ok(());
            };
            board.hear(report);
        }
    }
    let mut turns = interval(args.interval);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut turn, mut said) = (0, false);
    while args.count.is_none_or(|count| turn < count) {
        tokio::select! {
            report = heard.recv() => match report {
                Some(report) => board.hear(report),
                None => return Ok(()),
            },
            _ = turns.tick() => {
                let now = clock.now();
                let lines = board.lines(now);
                let text = if args.json {
                    table::json(&lines, now.since(began))?
                } else {
                    table::text(&lines, turn)
                };
                let mut stdout = io::stdout();
                stdout.write_all(text.as_bytes())?;
                stdout.flush()?;
                if let Some(who) = board.sees_too_little().filter(|_| !said) {
                    tracing::warn!(
                        "`{who}` may not see whether a replica streams, shown as `?`; as a superuser \
                         on the primary: GRANT pg_monitor TO {who}"
                    );
                    said = true;
                }
                turn += 1;
            }
        }
    }
    Ok(())
}

/// Asks one node again and again, so that one which hangs holds up no other.
struct Watcher {
    node: usize,
    link: Link,
    clock: Clock,
}

impl Watcher {
    async fn watch(mut self, reports: Sender<Report>) {
        let mut ticks = interval(SAMPLE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let asked = self.clock.now();
            let outcome = match timeout(PATIENCE, self.link.ask()).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    self.link.cut();
                    Err(format!("no answer within {PATIENCE:?}"))
                }
            };
            if outcome.is_err() {
                ticks.reset_after(RETRY);
            }
            let report = Report {
                node: self.node,
                asked,
                heard: self.clock.now(),
                outcome,
            };
            if reports.send(report).await.is_err() {
                return;
            }
        }
    }
}

/// A number and its unit: `s` or `ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let milliseconds = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => number.parse().ok(),
        (None, Some(number)) => number.parse::<u64>().ok().and_then(|s| s.checked_mul(1000)),
        (None, None) => None,
    };
    match milliseconds.filter(|milliseconds| *milliseconds > 0) {
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
        None => Err("write it as `1s` or `500ms`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_number_and_a_unit() {
        let cases = [
            ("1s", Some(1000)),
            ("500ms", Some(500)),
            ("0s", None),
            ("0ms", None),
            ("1", None),
            ("s", None),
            ("-1s", None),
            ("1m", None),
            ("18446744073709551615s", None),
        ];
        for (text, milliseconds) in cases {
            let expected = milliseconds.map(Duration::from_millis);
            assert_eq!(duration(text).ok(), expected, "{text}");
        }
    }
}
