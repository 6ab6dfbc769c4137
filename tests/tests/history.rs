//! The history harness for a few seconds: `make history` and `make history-mutants` are its long forms.

use std::time::Duration;

use manifold_tests::World;
use manifold_tests::history::mutants::MUTANTS;
use manifold_tests::history::{self, Plan};

/// What `make test` repeats each time; `make history` takes another one.
const SEED: u64 = 4;

/// How often a mistake may go unnoticed, each time for a second longer, with another seed: what a busy
/// machine does with a plan is not in the seed.
const ATTEMPTS: u64 = 5;

#[test]
fn no_answer_breaks_a_promise_while_nodes_pause_die_freeze_and_change_roles() {
    let Some(world) = World::alone() else { return };
    let plan = Plan::short();
    let report = history::run(&world, &plan, SEED, &|builder| builder);
    assert!(report.verdict.violations.is_empty(), "{report}");
    assert!(report.operations() >= plan.operations, "{report}");
    assert!(report.succeeded() >= f64::from(plan.liveness), "{report}");
    assert!(!report.happened.is_empty(), "{report}");
}

#[test]
fn every_mistake_about_positions_is_noticed() {
    let Some(world) = World::alone() else { return };
    for mutant in MUTANTS {
        let is_noticed = |attempt| {
            let mut plan = mutant.plan();
            // One in which roles move needs time for that.
            let least = if plan.failovers.is_some() { 2 } else { 0 };
            plan.time = Duration::from_secs(least + attempt);
            let report = mutant.run(&world, &plan, SEED + attempt);
            mutant.signs(&report) > 0
        };
        assert!((1..=ATTEMPTS).any(is_noticed), "{}", mutant.name);
    }
}
