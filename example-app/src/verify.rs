//! `verify`: whether the servers are set up as they should be; if not, what to do.
//!
//! * `verify/facts.rs`: what was found out, and `verify/look.rs`: how. It changes nothing.
//! * `verify/library.rs`: reads through the library, and the cache.
//! * `verify/judge.rs`: what each fact means. A check that another one decides says so.
//! * `verify/fix.rs`: what to do about it.
//! * `verify/report.rs`: how it is shown.

use std::io::{self, Write as _};

use anyhow::{Context, Result, bail};

use crate::servers::Servers;
use crate::stop::Stop;

mod address;
mod facts;
mod fix;
mod judge;
mod library;
mod look;
mod report;

use judge::Outcome;

/// How to say it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An object of JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// Checks the servers. Fails unless all checks pass.
pub async fn command(args: &Args) -> Result<()> {
    let mut stop = Stop::listen()?;
    let servers = Servers::configured()?;
    let versions = crate::setup::versions()?;
    let facts = tokio::select! {
        // Boxed: all that waits in there is much for a stack.
        facts = Box::pin(look::at(&servers, &versions)) => facts,
        () = stop.requested() => bail!("stopped before all was checked"),
    };
    let checks = judge::checks(&facts, &versions);
    let text = if args.json {
        report::json(&checks)?
    } else {
        report::text(&checks)
    };
    let written = io::stdout().write_all(text.as_bytes());
    written.context("cannot write to the standard output")?;
    let passed = checks
        .iter()
        .filter(|check| matches!(check.outcome, Outcome::Pass(_)));
    let (passed, all) = (passed.count(), checks.len());
    if passed < all {
        bail!("{} of {all} checks did not pass", all - passed);
    }
    Ok(())
}
