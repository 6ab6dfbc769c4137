//! The command line of `load`, with the range of each number.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

/// Each is a task and no thread, and waits for a connection if none is free.
const MOST_WRITERS: i64 = 100;
const MOST_READERS: i64 = 1_000;
/// The primary has them twice if there is no replica, for writing and for reading, and the servers
/// that we start take 200.
const MOST_CONNECTIONS: i64 = 80;
/// Calls a second; more than a process can make.
const MOST_CALLS: i64 = 1_000_000;
const DURATIONS: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(86_400);

/// What to load the servers with.
#[derive(Debug, Clone, clap::Args)]
pub struct Load {
    /// Who create and change data, each one call after another; 0 to 100
    #[arg(long, value_name = "N", default_value = "2", value_parser = number(0, MOST_WRITERS))]
    pub writers: u32,
    /// Who read it, each one call after another; 1 to 1000
    #[arg(long, value_name = "N", default_value = "100", value_parser = number(1, MOST_READERS))]
    pub readers: u32,
    /// How long, from 100ms to 1day, as 500ms, 30s or 2m
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub duration: Duration,
    /// What is written and read
    #[arg(long, default_value = "blog")]
    pub model: Model,
    /// Calls a second that all readers together begin, whether the servers keep up or not (an open
    /// loop); latency then counts from when a call should have begun. Without it a reader's next call
    /// begins when its last one has ended (a closed loop)
    #[arg(long, value_name = "N", value_parser = number(1, MOST_CALLS))]
    pub rate: Option<u32>,
    /// Connections to each replica, and as many for writing; 1 to 80 [default: the library's, 10]
    #[arg(long, value_name = "N", value_parser = number(1, MOST_CONNECTIONS))]
    pub connections: Option<u32>,
    /// What the random choices of each reader and writer begin with
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// Print one JSON object instead of the table
    #[arg(long)]
    pub json: bool,
}

/// What is written and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// Posts and comments: pages of posts with their comments, and single posts from the cache
    Blog,
    /// Albums: pages of them, and single albums from the cache
    Albums,
}

impl Model {
    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blog => "blog",
            Self::Albums => "albums",
        }
    }
}

fn number(least: i64, most: i64) -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(least..=most)
}

/// A time in words, within [`DURATIONS`].
fn duration(said: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(said).map_err(|error| error.to_string())?;
    if DURATIONS.contains(&duration) {
        return Ok(duration);
    }
    let [least, most] =
        [DURATIONS.start(), DURATIONS.end()].map(|it| humantime::format_duration(*it));
    Err(format!("it is not in {least}..={most}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    fn parse(arguments: &str) -> Result<Load, String> {
        let words = format!("example-app load {arguments}");
        match Args::try_parse_from(words.split_whitespace()) {
            Ok(Args {
                command: Some(Command::Load(load)),
                ..
            }) => Ok(load),
            Ok(other) => panic!("not a load: {other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn what_is_not_said_is_2_writers_and_100_readers_of_the_blog_for_30_s() {
        let load = parse("").unwrap();
        assert_eq!((load.writers, load.readers), (2, 100));
        assert_eq!(load.duration, Duration::from_secs(30));
        assert_eq!((load.model, load.rate, load.seed), (Model::Blog, None, 1));
    }

    #[test]
    fn times_are_said_in_words() {
        let time = |said: &str| parse(&format!("--for {said}")).unwrap().duration;
        assert_eq!(time("500ms"), Duration::from_millis(500));
        assert_eq!(time("2m"), Duration::from_secs(120));
        assert_eq!(time("1m30s"), Duration::from_secs(90));
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_can() {
        let table = [
            ("--readers 0", "1..=1000"),
            ("--readers 1001", "1..=1000"),
            ("--readers many", "invalid digit"),
            ("--writers 101", "0..=100"),
            ("--writers=-1", "0..=100"),
            ("--for 0s", "100ms..=1day"),
            ("--for 2days", "100ms..=1day"),
            ("--for 30", "time unit needed"),
            ("--for soon", "expected number"),
            ("--rate 0", "1..=1000000"),
            ("--rate 99999999999", "1..=1000000"),
            ("--connections 0", "1..=80"),
            ("--connections 81", "1..=80"),
            ("--model films", "blog, albums"),
            ("--seed one", "invalid digit"),
        ];
        for (arguments, said) in table {
            let error = parse(arguments).unwrap_err();
            assert!(error.contains(said), "{arguments}: {error}");
        }
    }
}
