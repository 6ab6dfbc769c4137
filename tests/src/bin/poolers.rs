//! Two writers and eight readers through poolers in transaction mode for a minute: no setting leaks, and no session misses
//! what it wrote or saw.
//!
//! It exits with an error if one does, or if a call fails.

use std::process::ExitCode;
use std::time::Duration;

use manifold_tests::pooled::pressure;

#[tokio::main]
async fn main() -> ExitCode {
    let seconds = match std::env::args().nth(1).map(|given| given.parse()) {
        None => 60,
        Some(Ok(seconds)) => seconds,
        Some(Err(_)) => {
            eprintln!("how many seconds? a number; 60 if it is left out");
            return ExitCode::from(2);
        }
    };
    let Some(report) = pressure::run(Duration::from_secs(seconds)).await else {
        return ExitCode::FAILURE;
    };
    print!("{report}");
    if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
