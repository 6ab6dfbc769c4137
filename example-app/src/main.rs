//! Albums over HTTP: the example of diesel-manifold.
//!
//! Each file shows one thing. To read, in this order:
//!
//! * `store/albums.rs`: repositories. `#[read]`, `#[cached]`, `#[write(invalidates(..))]`, and methods
//!   composed to one transaction by their `_on` twins.
//! * `store/posts.rs` and `store/comments.rs`: a page of two queries on one replica, and a write that
//!   invalidates another repository's answer.
//! * `serve.rs` and `http.rs`: a session for each client, by one layer.
//! * `http/route_header.rs`: who answered a call, observed from the outside.
//! * `http/problem.rs`: the library's errors, as a client should see them.
//! * `http/docs.rs`: the API's description, made of the same list as its router, and a page to try it.
//! * `setup/catalog.rs` and `setup/blog.rs`: `manifold.transaction(..)` across repositories.
//! * `setup/migrations.rs` and `setup/replicas.rs`: migrations, once, and replicas that have them.
//! * `http/cluster.rs`: what the manifold knows about its servers.
//! * `serve.rs`: a start and an end that lose nothing.
//! * `https.rs`: the same over TLS.
//! * `demo/stale_read.rs`: a read after a write, without a session and with one.
//! * `load.rs`: all of it under load, with figures.
//! * `cache.rs`: what is cached, by its readable names, and dropping it by hand.
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
mod cache;
mod demo;
mod http;
mod https;
mod lag;
mod load;
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
        Some(Command::Load(load)) => load::command(&load).await,
        Some(Command::Lag(args)) => lag::command(&args).await,
        Some(Command::Cache(command)) => cache::command(&command).await,
        Some(Command::Demo(command)) => demo::command(&command).await,
        Some(Command::Verify(args)) => verify::command(&args).await,
    }
}
