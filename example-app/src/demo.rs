//! `demo`: what the library is for, shown on real servers.

use anyhow::Result;
use clap::Subcommand;

mod client;
mod stale_read;

/// What to show.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A client posts, and its next request does not show the post; then the same with a session
    StaleRead,
}

/// Shows it. It fails if the library does not do what it is for.
pub async fn command(command: &Command) -> Result<()> {
    match command {
        Command::StaleRead => stale_read::command().await,
    }
}
