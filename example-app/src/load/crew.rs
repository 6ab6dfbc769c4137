//! The readers and writers at work, until the time is up or somebody asks to stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use diesel_manifold::{Clock, Moment, routes};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::arguments::{Load, Model};
use super::choice::{Choice, Kind};
use super::dice::Dice;
use super::pace::{Pace, Turn};
use super::progress;
use super::stage::Stage;
use super::tally::Tallies;
use crate::stop::Stop;

/// How long calls under way may take when the time is up. It is longer than a call waits for anything
/// but a server that hangs: the outcome of a lost COMMIT is asked for during 10 s.
pub const GRACE: Duration = Duration::from_secs(15);
/// How long a worker rests after a failed call, unless a plan says when its next one begins. A
/// failure may come at once, and nobody who means well would try again at once.
const REST: Duration = Duration::from_millis(100);

/// What all workers share.
#[derive(Debug)]
pub struct Crew {
    model: Model,
    stage: Stage,
    clock: Clock,
    begin: Moment,
    pace: Pace,
    pub tallies: Tallies,
}

/// How it went.
#[derive(Debug)]
pub struct Outcome {
    pub crew: Arc<Crew>,
    /// From the beginning until the time was up.
    pub took: Duration,
    /// Somebody asked to stop before.
    pub stopped: bool,
    /// Reads that the plan had for this time and nobody was free to begin; `None` without a plan.
    pub not_begun: Option<u64>,
}

/// Runs the load.
pub async fn run(args: &Load, stage: Stage, stop: &mut Stop) -> Result<Outcome> {
    let clock = Clock::new();
    let begin = clock.now();
    let crew = Arc::new(Crew {
        model: args.model,
        stage,
        begin,
        pace: Pace::new(args.rate, begin),
        clock,
        tallies: Tallies::new(Kind::of(args.model))?,
    });
    let (over, is_over) = watch::channel(false);
    let mut workers = JoinSet::new();
    for dice in Dice::of(args.seed, args.readers) {
        workers.spawn(Arc::clone(&crew).reader(dice, is_over.clone()));
    }
    for dice in Dice::of(!args.seed, args.writers) {
        workers.spawn(Arc::clone(&crew).writer(dice, is_over.clone()));
    }
    let stopped = tokio::select! {
        stopped = tokio::time::timeout(args.duration, stop.requested()) => stopped.is_ok(),
        never = progress::show(args, &crew) => match never {},
    };
    let end = crew.clock.now();
    over.send_replace(true);
    drain(workers, stop).await?;
    Ok(Outcome {
        took: end.since(begin),
        stopped,
        not_begun: crew.not_begun(end),
        crew,
    })
}

/// Waits for the calls under way, for [`GRACE`] or until we are asked to stop once more. Calls that
/// have not ended by then are dropped.
async fn drain(mut workers: JoinSet<()>, stop: &mut Stop) -> Result<()> {
    let ended = async {
        while let Some(worker) = workers.join_next().await {
            worker.context("a worker of the load has a bug")?;
        }
        Ok(())
    };
    tokio::select! {
        // Out of time is no error here: the calls that have not ended are counted as such.
        ended = tokio::time::timeout(GRACE, ended) => ended.unwrap_or(Ok(())),
        () = stop.requested() => Ok(()),
    }
}

impl Crew {
    async fn reader(self: Arc<Self>, mut dice: Dice, mut is_over: watch::Receiver<bool>) {
        while let Some(turn) = self.turn(&mut is_over).await {
            let choice = Choice::read(self.model, &mut dice);
            let answered = self.call(choice, turn.since).await;
            if !answered && matches!(self.pace, Pace::Closed) {
                wait(REST, &mut is_over).await;
            }
        }
    }

    async fn writer(self: Arc<Self>, mut dice: Dice, mut is_over: watch::Receiver<bool>) {
        while !*is_over.borrow() {
            let choice = Choice::write(self.model, &mut dice);
            if !self.call(choice, self.clock.now()).await {
                wait(REST, &mut is_over).await;
            }
        }
    }

    /// Waits until a reader's next call is to begin; `None` if the time is up.
    async fn turn(&self, is_over: &mut watch::Receiver<bool>) -> Option<Turn> {
        if *is_over.borrow() {
            return None;
        }
        let turn = self.pace.turn(self.clock.now());
        if !turn.wait.is_zero() {
            wait(turn.wait, is_over).await;
        }
        // A call that was due before the time was up still begins, however late the timer was.
        (self.clock.now() >= turn.since).then_some(turn)
    }

    /// Makes a call whose latency counts `since` then; false if it failed.
    async fn call(&self, choice: Choice, since: Moment) -> bool {
        let kind = choice.kind();
        self.tallies.begun(kind);
        let (answer, routes) = routes(self.stage.perform(choice)).await;
        let took = self.clock.now().since(since);
        self.tallies.ended(kind, &answer, routes.last(), took);
        // An answer from memory waits for nothing, and the others want to run, too.
        tokio::task::consume_budget().await;
        answer.is_ok()
    }

    /// How long it runs already.
    pub fn elapsed(&self) -> Duration {
        self.clock.now().since(self.begin)
    }

    fn not_begun(&self, end: Moment) -> Option<u64> {
        let reads = self.tallies.iter().filter(|(kind, _)| kind.reads());
        let begun: u64 = reads.map(|(_, tally)| tally.begun).sum();
        Some(self.pace.due(end)?.saturating_sub(begun))
    }
}

/// Waits for so long, or until the time is up.
async fn wait(duration: Duration, is_over: &mut watch::Receiver<bool>) {
    // That the sender is gone means the same.
    let _ = tokio::time::timeout(duration, is_over.wait_for(|over| *over)).await;
}
