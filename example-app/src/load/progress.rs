//! A line on the terminal while it runs; nothing where there is none.

use std::convert::Infallible;
use std::fmt::Write as _;
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
    if let Ok(style) = ProgressStyle::with_template("  {bar:20} {prefix}\n  {wide_msg}") {
        bar.0.set_style(style);
    }
    let mut looks = tokio::time::interval(LOOK);
    let (mut before, mut at) = (0, Duration::ZERO);
    loop {
        looks.tick().await;
        let elapsed = crew.elapsed();
        let (mut answered, mut failed) = (0, 0);
        for (_, tally) in crew.tallies.iter() {
            answered += tally.answered;
            failed += tally.failures();
        }
        let rate = (answered - before) * 1_000 / millis(elapsed.saturating_sub(at)).max(1);
        (before, at) = (answered, elapsed);
        let mut by = "answered by".to_owned();
        for (source, count) in routes(crew.tallies.iter().map(|(_, tally)| tally.routes.clone())) {
            // Writing to a string cannot fail.
            let _ = write!(by, "  {source} {count}");
        }
        let seconds = elapsed.as_secs();
        bar.0.set_position(millis(elapsed));
        bar.0
            .set_prefix(format!("{seconds} s, {rate} calls/s, {failed} errors"));
        bar.0.set_message(by);
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
