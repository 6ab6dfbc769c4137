//! Albums over HTTP: the example of diesel-manifold.
//!
//! Each file shows one thing. To read, in this order:
//!
//! * `store/albums.rs`: repositories. `#[read]`, `#[cached]`, `#[write(invalidates(..))]`, and methods
//!   composed to one transaction by their `_on` twins.
//! * `http/route_header.rs`: who answered a call, observed from the outside.
//! * `http/problem.rs`: the library's errors, as a client should see them.
//! * `setup/catalog.rs`: `manifold.transaction(..)` across repositories.
//! * `setup/migrations.rs` and `setup/replicas.rs`: migrations, once, and replicas that have them.
//! * `http/cluster.rs`: what the manifold knows about its servers.
//! * `serve.rs`: a start and an end that lose nothing.
//! * `lag/ring.rs`: how to say in seconds how far a replica is behind, and `verify/judge.rs`: what must
//!   hold before all of this works.
//!
//! `args.rs` has the command line; each command of it is a file of its own name.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::{Args, Command};

mod args;
mod banner;
mod http;
mod lag;
mod serve;
mod servers;
mod setup;
mod stop;
mod store;
mod verify;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line that says what to do, and no backtrace: most of these are for the operator.
            let _ = writeln!(std::io::stderr(), "example-app: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match args.command {
        None => serve::command(&args.serve).await,
        Some(Command::Serve(serve)) => serve::command(&serve).await,
        Some(Command::Lag(args)) => lag::command(&args).await,
        Some(Command::Verify(args)) => verify::command(&args).await,
    }
}
