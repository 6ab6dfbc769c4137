//! All of it under load: parallel writers create data, parallel readers read it, and at the end it is
//! told who answered and how fast.
//!
//! The calls are the repositories' own, without HTTP in between. `load/choice.rs` says what is called,
//! `load/pace.rs` when, and `load/crew.rs` makes the calls.

use std::io::Write as _;

use anyhow::{Context, Result, bail};
use diesel_manifold::{Manifold, Settings};

use self::report::Report;
use self::stage::Stage;
use crate::servers::Servers;
use crate::setup;
use crate::stop::Stop;

mod arguments;
mod choice;
mod crew;
mod dice;
mod failure;
mod ids;
mod pace;
mod progress;
mod report;
mod stage;
mod tally;

pub use arguments::Load;

/// Loads the servers until the time is up or we are asked to stop. Failed calls are an error.
pub async fn command(args: &Load) -> Result<()> {
    let stop = Stop::listen()?;
    let servers = Servers::find().await?;
    let outcome = run(args, &servers, stop).await;
    // However it went: an embedded cluster is stopped and removed here.
    drop(servers);
    let Some(report) = outcome? else {
        tracing::info!("asked to stop before the load began");
        return Ok(());
    };
    let text = if args.json {
        serde_json::to_string(&report)? + "\n"
    } else {
        report.to_string()
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write the figures")?;
    match report.calls() {
        (_, 0) => Ok(()),
        (calls, failed) => bail!("{failed} of {calls} calls failed"),
    }
}

/// Nothing, if we are asked to stop before the load begins.
async fn run(args: &Load, servers: &Servers, mut stop: Stop) -> Result<Option<Report>> {
    let mut settings = Settings::default();
    if let Some(connections) = args.connections {
        settings.pool.size = usize::try_from(connections)?;
    }
    let manifold = servers.connect_with(settings).await?;
    let ready = tokio::select! {
        stage = prepare(args, servers, &manifold) => stage.map(Some),
        () = stop.requested() => Ok(None),
    };
    let report = match ready {
        Ok(Some(stage)) => crew::run(args, stage, &mut stop)
            .await
            .map(|outcome| Some(Report::new(args, &manifold.nodes(), &outcome))),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    // Ends of writes are waited for like calls: a server that hangs must not keep us.
    tokio::select! {
        _ = tokio::time::timeout(crew::GRACE, manifold.shutdown()) => {}
        () = stop.requested() => {}
    }
    report
}

async fn prepare(args: &Load, servers: &Servers, manifold: &Manifold) -> Result<Stage> {
    setup::prepare(servers, manifold).await?;
    Stage::prepare(args.model, manifold, args.writers)
        .await
        .context("cannot prepare the load")
}
