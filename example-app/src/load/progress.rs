//! A line on the terminal while it runs; nothing where there is none.

use std::convert::Infallible;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::Load;
use super::crew::Crew;
use super::report::routes;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// Shows how the load goes, until it is dropped.
pub async fn show(args: &Load, crew: &Crew) -> Infallible {
    let bar = Bar(ProgressBar::new(millis(args.duration)));
    if let Ok(style) = ProgressStyle::with_template("  {bar:20} {wide_msg}") {
        bar.0.set_style(style);
    }
    let mut looks = tokio::time::interval(LOOK);
    let mut before = 0;
    loop {
        looks.tick().await;
        let elapsed = crew.elapsed();
        let (mut reads, mut writes, mut failures) = (0, 0, 0);
        for (kind, tally) in crew.tallies.iter() {
            *(if kind.reads() {
                &mut reads
            } else {
                &mut writes
            }) += tally.answered;
            failures += tally.failures();
        }
        let now = reads - before;
        before = reads;
        let mut line = format!(
            "{:.0} s  {} reads/s  {reads} reads  {writes} writes  {failures} errors ",
            elapsed.as_secs_f64(),
            now * 1_000 / millis(LOOK),
        );
        for (source, count) in routes(crew.tallies.iter().map(|(_, tally)| tally.routes.clone())) {
            line += &format!(" {source} {count}");
        }
        bar.0.set_position(millis(elapsed));
        bar.0.set_message(line);
    }
}

/// Leaves the terminal as it was.
struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
