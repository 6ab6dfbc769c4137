//! `make history` and `make history-mutants`: the harness as a program.

use std::process::ExitCode;
use std::time::Duration;

use manifold_tests::World;
use manifold_tests::history::mutants::MUTANTS;
use manifold_tests::history::{self, Plan};

const USAGE: &str = "usage: history [--operations N] [--seconds N] [--sessions N] [--seed N]
       history --mutants [--only NAME] [--seconds N] [--seed N]";

/// What was asked for. By hand, because these five need no crate.
#[derive(Default)]
struct Arguments {
    mutants: bool,
    only: Option<String>,
    operations: Option<usize>,
    seconds: Option<u64>,
    sessions: Option<usize>,
    seed: Option<u64>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut parsed = Self::default();
        while let Some(option) = words.next() {
            if option == "--mutants" {
                parsed.mutants = true;
                continue;
            }
            let value = words.next()?;
            match option.as_str() {
                "--only" => parsed.only = Some(value),
                "--operations" => parsed.operations = Some(value.parse().ok()?),
                "--seconds" => parsed.seconds = Some(value.parse().ok()?),
                "--sessions" => parsed.sessions = Some(value.parse().ok()?),
                "--seed" => parsed.seed = Some(value.parse().ok()?),
                _ => return None,
            }
        }
        Some(parsed)
    }

    fn apply_to(&self, plan: &mut Plan) {
        plan.operations = self.operations.unwrap_or(plan.operations);
        plan.sessions = self.sessions.unwrap_or(plan.sessions);
        plan.time = self.seconds.map_or(plan.time, Duration::from_secs);
    }
}

fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let Some(world) = World::alone() else {
        return ExitCode::FAILURE;
    };
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let held = if arguments.mutants {
        mutants(&world, &arguments, seed)
    } else {
        full(&world, &arguments, seed)
    };
    if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn full(world: &World, arguments: &Arguments, seed: u64) -> bool {
    let mut plan = Plan::full();
    arguments.apply_to(&mut plan);
    let report = history::run(world, &plan, seed, &|builder| builder);
    println!("{report}");
    let found = report.shortcomings();
    if !found.is_empty() {
        eprintln!("history: {}", found.join("; "));
    }
    found.is_empty()
}

fn mutants(world: &World, arguments: &Arguments, seed: u64) -> bool {
    let only = arguments.only.as_deref();
    let mut chosen = (MUTANTS.iter())
        .filter(|mutant| only.is_none_or(|only| only == mutant.name))
        .peekable();
    if chosen.peek().is_none() {
        eprintln!("history: no mutant has this name; there are:");
        MUTANTS
            .iter()
            .for_each(|mutant| eprintln!("  {}", mutant.name));
        return false;
    }
    let mut all_are_caught = true;
    for mutant in chosen {
        let mut plan = mutant.plan();
        arguments.apply_to(&mut plan);
        let trial = mutant.trial(world, &plan, seed);
        println!("{trial}");
        all_are_caught &= trial.is_caught();
    }
    all_are_caught
}
