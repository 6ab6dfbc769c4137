//! The figures of a load: as a table for people, and as JSON for machines.

use std::collections::BTreeMap;
use std::fmt;

use diesel_manifold::NodeStatus;
use serde::Serialize;

use super::arguments::{Load, Model};
use super::choice::Kind;
use super::crew::Outcome;
use super::tally::{Failures, Tally};

/// What came of it all.
#[derive(Debug, Serialize)]
pub struct Report {
    model: Model,
    writers: u32,
    readers: u32,
    seed: u64,
    /// Calls a second that all readers together were to begin; null: a closed loop.
    rate: Option<u32>,
    /// How long it ran.
    seconds: f64,
    /// Somebody asked to stop before the time was up.
    stopped: bool,
    nodes: Vec<Connections>,
    /// All calls that were begun: those that were answered and those that failed.
    calls: u64,
    answered: u64,
    failed: u64,
    /// Reads that the rate had for this time and no reader was free to begin; null: a closed loop.
    not_begun: Option<u64>,
    kinds: Vec<Row>,
    errors: Vec<Failed>,
}

/// At most so many connections to a node, from us.
#[derive(Debug, Serialize)]
struct Connections {
    node: String,
    reading: usize,
    /// Null for a replica.
    writing: Option<usize>,
}

/// The calls of one kind.
#[derive(Debug, Serialize)]
struct Row {
    call: &'static str,
    by: &'static str,
    calls: u64,
    answered: u64,
    failed: u64,
    /// Answered calls a second.
    per_second: f64,
    /// Rows that were read or written.
    rows: u64,
    /// Where the answers came from.
    routes: BTreeMap<String, u64>,
    /// Of the answered calls; null if there is none.
    latency_us: Option<Latency>,
}

/// In microseconds, each at most 0.1 % off.
#[derive(Debug, Serialize)]
struct Latency {
    p50: u64,
    p90: u64,
    p99: u64,
    max: u64,
}

/// Failures of one kind of call and one kind of error.
#[derive(Debug, Serialize)]
struct Failed {
    call: &'static str,
    kind: String,
    count: u64,
    first: String,
}

impl Report {
    pub fn new(args: &Load, nodes: &[NodeStatus], outcome: &Outcome) -> Self {
        let seconds = outcome.took.as_secs_f64();
        let (mut kinds, mut errors) = (Vec::new(), Vec::new());
        for (kind, mut tally) in outcome.crew.tallies.iter() {
            give_up(&mut tally);
            kinds.push(Row::new(kind, &tally, seconds));
            errors.extend(tally.failures.iter().map(|(error, failures)| Failed {
                call: kind.name(),
                kind: error.clone(),
                count: failures.count,
                first: failures.first.clone(),
            }));
        }
        let sum = |count: fn(&Row) -> u64| kinds.iter().map(count).sum();
        Self {
            model: args.model,
            writers: args.writers,
            readers: args.readers,
            seed: args.seed,
            rate: args.rate,
            seconds,
            stopped: outcome.stopped,
            nodes: nodes.iter().map(Connections::of).collect(),
            calls: sum(|row| row.calls),
            answered: sum(|row| row.answered),
            failed: sum(|row| row.failed),
            not_begun: outcome.not_begun,
            kinds,
            errors,
        }
    }

    /// How many calls were made, and how many of them failed.
    pub const fn calls(&self) -> (u64, u64) {
        (self.calls, self.failed)
    }
}

/// Counts the calls as failed that were still under way when their time was up.
fn give_up(tally: &mut Tally) {
    let count = tally.begun - tally.answered - tally.failures();
    if count > 0 {
        let first = "no answer when the time was up, nor while it was waited for".to_owned();
        tally
            .failures
            .insert("unfinished".to_owned(), Failures { count, first });
    }
}

impl Connections {
    fn of(node: &NodeStatus) -> Self {
        Self {
            node: node.name.to_string(),
            reading: node.reading.max,
            writing: node.writing.map(|pool| pool.max),
        }
    }
}

impl Row {
    #[expect(clippy::cast_precision_loss, reason = "calls a second, for people")]
    fn new(kind: Kind, tally: &Tally, seconds: f64) -> Self {
        let latencies = &tally.latencies;
        Self {
            call: kind.name(),
            by: if kind.reads() { "readers" } else { "writers" },
            calls: tally.begun,
            answered: tally.answered,
            failed: tally.failures(),
            per_second: tally.answered as f64 / seconds,
            rows: tally.rows,
            routes: tally.routes.clone(),
            latency_us: (!latencies.is_empty()).then(|| Latency {
                p50: latencies.value_at_quantile(0.5),
                p90: latencies.value_at_quantile(0.9),
                p99: latencies.value_at_quantile(0.99),
                max: latencies.max(),
            }),
        }
    }
}

/// The routes of several kinds of calls together.
pub fn routes(each: impl Iterator<Item = BTreeMap<String, u64>>) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (source, count) in each.flatten() {
        *all.entry(source).or_default() += count;
    }
    all
}

/// The table.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_head(f)?;
        self.write_calls(f)?;
        self.write_routes(f)?;
        self.write_errors(f)
    }
}

impl Report {
    fn write_head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            writers,
            readers,
            seconds,
            seed,
            ..
        } = self;
        let stopped = if self.stopped {
            ", then asked to stop"
        } else {
            ""
        };
        let model = self.model.as_str();
        writeln!(
            f,
            "\n  {model} for {seconds:.1} s{stopped}: writers {writers}, readers {readers}, seed {seed}"
        )?;
        match self.rate {
            None => writeln!(
                f,
                "  closed loop: a reader's next call begins when its last one has ended"
            )?,
            Some(rate) => writeln!(
                f,
                "  open loop: the readers together begin {rate} calls a second; a read's latency counts \
                 from when it should have begun"
            )?,
        }
        write!(f, "  connections, at most:")?;
        for Connections {
            node,
            reading,
            writing,
        } in &self.nodes
        {
            write!(f, " {node} {reading}")?;
            if let Some(writing) = writing {
                write!(f, " and {writing} for writing")?;
            }
            write!(f, ";")?;
        }
        writeln!(f, " a call waits for a free one\n")
    }

    fn write_calls(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {:<26}{:>9}{:>9}{:>8}{:>10}{:>10}{:>10}{:>10}{:>11}",
            "call", "calls", "calls/s", "errors", "p50 ms", "p90 ms", "p99 ms", "max ms", "rows"
        )?;
        for row in &self.kinds {
            let Row {
                call,
                calls,
                failed,
                per_second,
                rows,
                ..
            } = row;
            write!(f, "  {call:<26}{calls:>9}{per_second:>9.0}{failed:>8}")?;
            match &row.latency_us {
                Some(Latency { p50, p90, p99, max }) => {
                    for micros in [p50, p90, p99, max] {
                        write!(f, "{:>10}", Millis(*micros))?;
                    }
                }
                None => write!(f, "{:>10}{:>10}{:>10}{:>10}", "-", "-", "-", "-")?,
            }
            writeln!(f, "{rows:>11}")?;
        }
        writeln!(f)
    }

    fn write_routes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = routes(self.kinds.iter().map(|row| row.routes.clone()));
        write!(f, "  {:<26}", "answered by")?;
        for source in all.keys() {
            write!(f, "{source:>11}")?;
        }
        writeln!(f)?;
        for row in &self.kinds {
            write!(f, "  {:<26}", row.call)?;
            for source in all.keys() {
                write!(f, "{:>11}", row.routes.get(source).unwrap_or(&0))?;
            }
            writeln!(f)?;
        }
        writeln!(f)
    }

    fn write_errors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(missed) = self.not_begun.filter(|missed| *missed > 0) {
            writeln!(
                f,
                "  {missed} more reads should have begun, but no reader was free: their waiting is in no figure above\n"
            )?;
        }
        writeln!(f, "  {} calls, {} errors", self.calls, self.failed)?;
        for Failed {
            call,
            kind,
            count,
            first,
        } in &self.errors
        {
            writeln!(f, "  {count:>9} {call} ({kind}), the first: {first}")?;
        }
        Ok(())
    }
}

/// Microseconds, shown as milliseconds.
struct Millis(u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:02}", self.0 / 1_000, self.0 % 1_000 / 10))
    }
}
