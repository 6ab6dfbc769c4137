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
//! * this file: a start and an end that lose nothing.

use std::io::{IsTerminal, Write};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use crate::args::Args;
use crate::http::App;
use crate::servers::Servers;
use crate::stop::Stop;
use crate::store::Albums;

mod args;
mod banner;
mod http;
mod servers;
mod setup;
mod stop;
mod store;

/// How long requests under way may take after we were asked to stop; then they are cut off.
const DRAIN: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    match start(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line that says what to do, and no backtrace: most of these are for the operator.
            let _ = writeln!(std::io::stderr(), "example-app: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(args: Args) -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let stop = Stop::listen()?;
    let listener = args.bind().await?;
    let servers = Servers::find().await?;
    let outcome = run(&servers, listener, stop).await;
    // However it went: an embedded cluster is stopped and removed here.
    drop(servers);
    outcome
}

async fn run(servers: &Servers, listener: TcpListener, mut stop: Stop) -> Result<()> {
    let manifold = servers.connect().await?;
    let ready = tokio::select! {
        prepared = setup::prepare(servers, &manifold) => prepared.map(|()| true),
        // What was begun is dropped, and with it rolled back.
        () = stop.requested() => Ok(false),
    };
    let served = match ready {
        Ok(true) => {
            let app = http::router(App {
                albums: Albums::new(manifold.clone()),
                manifold: manifold.clone(),
                redis: servers.redis.is_some(),
            });
            banner::print(listener.local_addr()?, servers);
            serve(listener, app, stop).await
        }
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    // The runtime would take unfinished ends of writes with it: their invalidations would be lost.
    manifold.shutdown().await;
    served
}

/// Serves until we are asked to stop and all requests are answered.
async fn serve(listener: TcpListener, app: Router, mut stop: Stop) -> Result<()> {
    let (asked, was_asked) = oneshot::channel();
    let graceful = async move {
        stop.requested().await;
        tracing::info!("asked to stop: no new requests, those under way are finished");
        // Nobody listens any more if serving ended by itself.
        let _ = asked.send(());
    };
    let mut serving = pin!(
        axum::serve(listener, app)
            .with_graceful_shutdown(graceful)
            .into_future()
    );
    tokio::select! {
        served = &mut serving => return served.context("cannot serve"),
        _ = was_asked => {}
    }
    match tokio::time::timeout(DRAIN, serving).await {
        Ok(served) => served.context("cannot serve"),
        Err(_) => {
            tracing::warn!("requests still ran after {DRAIN:?} and were cut off");
            Ok(())
        }
    }
}
