//! `make history`: the history harness as a program, as long as one likes.

use std::process::ExitCode;
use std::time::Duration;

use manifold_tests::World;
use manifold_tests::history::{self, Plan};

const USAGE: &str = "history [--operations N] [--seconds N] [--sessions N] [--seed N]";

fn main() -> ExitCode {
    let mut plan = Plan::full();
    let mut seed = fastrand::u64(..);
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let number = arguments.next().and_then(|text| text.parse::<u64>().ok());
        let Some(number) = number else {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        };
        let count = || usize::try_from(number).expect("64 bits");
        match option.as_str() {
            "--operations" => plan.operations = count(),
            "--seconds" => plan.time = Duration::from_secs(number),
            "--sessions" => plan.sessions = count(),
            "--seed" => seed = number,
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let Some(world) = World::alone() else {
        return ExitCode::FAILURE;
    };
    let report = history::run(&world, &plan, seed, &|builder| builder);
    println!("{report}");
    let found = report.faults_found();
    if found.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("history: {}", found.join("; "));
    ExitCode::FAILURE
}
