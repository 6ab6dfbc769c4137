//! The history harness for a few seconds: `make history` is its long form.

use std::time::Duration;

use manifold_tests::World;
use manifold_tests::history::checker::Promise;
use manifold_tests::history::{self, Plan};

/// What `make test` repeats each time; `make history` takes another one.
const SEED: u64 = 4;

#[test]
fn reads_that_ask_any_replica_break_every_promise_about_loads_and_are_found() {
    let Some(world) = World::alone() else { return };
    let plan = Plan {
        time: Duration::from_secs(3),
        ..Plan::short()
    };
    let report = history::run(&world, &plan, SEED, &|builder| builder);
    for promise in [
        Promise::OwnWrites,
        Promise::MonotonicLoads,
        Promise::Freshness,
        Promise::ProcessWrites,
        Promise::OneSnapshot,
    ] {
        let found = report.verdict.violations.iter();
        let found = found.filter(|it| it.promise == promise).count();
        assert!(found > 0, "{}: not found\n{report}", promise.name());
    }
}
