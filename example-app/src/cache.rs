//! `cache`: what is in Redis by its readable names, and dropping it by hand.
//!
//! * `cache/known.rs`: the methods whose values we can show.
//! * `cache/text.rs`: how sizes, times and strangers' texts are shown.
//!
//! Dropping is the library's own invalidation, so a load that is under way does not bring the old
//! answer back, as it would after a DEL: of a key that Redis knows, or that is named.

use std::io::{self, ErrorKind, Write as _};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use diesel_manifold::{Manifold, Place, Settings, SharedCache, StoredAnswer, StoredName};

use crate::servers::Servers;
use crate::stop::Stop;

mod known;
mod text;

/// What to do with it.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the cached answers
    Ls {
        /// Only those whose name begins so
        #[arg(long, default_value = "")]
        prefix: String,
    },
    /// Show one: its value, if it is an album or a post
    Get {
        /// Its name, as `ls` shows it
        key: String,
    },
    /// Drop answers, as a write does that makes them stale
    Clear(Which),
}

/// Which answers.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// The name of one, as `ls` shows it
    key: Option<String>,
    /// Those whose name begins so, as far as Redis knows them
    #[arg(long)]
    prefix: Option<String>,
    /// All of this application, and of no other on the same Redis
    #[arg(long)]
    all: bool,
}

/// Does it, or is stopped.
pub async fn command(command: &Command) -> Result<()> {
    let mut stop = Stop::listen()?;
    let servers = Servers::configured()?;
    let done = tokio::select! {
        done = run(&servers, command) => done,
        () = stop.requested() => interrupted(command),
    };
    match done {
        Err(error) if is_closed(&error) => Ok(()),
        done => done,
    }
}

/// Half a list is a list; whoever drops something wants to know that it is gone.
fn interrupted(command: &Command) -> Result<()> {
    match command {
        Command::Clear(_) => bail!("stopped before all of it was dropped; drop it again"),
        Command::Ls { .. } | Command::Get { .. } => Ok(()),
    }
}

/// Who reads us has read enough.
fn is_closed(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

async fn run(servers: &Servers, command: &Command) -> Result<()> {
    let manifold = servers.connect().await?;
    let cache = manifold.shared_cache().await?;
    match command {
        Command::Ls { prefix } => list(&manifold, &cache, prefix).await,
        Command::Get { key } => get(&cache, key).await,
        Command::Clear(which) => clear(&cache, which).await,
    }
}

/// Page by page, so that it begins at once and holds no more than a page.
async fn list(manifold: &Manifold, cache: &SharedCache<'_>, prefix: &str) -> Result<()> {
    let mut out = io::stdout();
    let (mut answers, mut bytes, mut place) = (0, 0, Some(Place::default()));
    while let Some(from) = place {
        let page = cache.page(prefix, from).await?;
        for answer in &page.answers {
            if answers == 0 {
                writeln!(out, "{:>9}  {:>10}  name", "time left", "size")?;
            }
            writeln!(out, "{}", row(answer))?;
            answers += 1;
            bytes += answer.bytes;
        }
        place = page.next;
    }
    let (answers, size) = (text::answers(answers), text::size(bytes));
    writeln!(out, "{answers}, {size}, in mf:{}:", manifold.namespace())?;
    Ok(())
}

fn row(answer: &StoredAnswer) -> String {
    let (left, size) = (text::time(answer.time_left), text::size(answer.bytes));
    format!("{left:>9}  {size:>10}  {}", answer.name)
}

async fn get(cache: &SharedCache<'_>, key: &str) -> Result<()> {
    let mut out = io::stdout();
    if let Some(json) = known::json(cache, key).await? {
        writeln!(out, "{json}")?;
        return Ok(());
    }
    let name = StoredName::from(key);
    let Some(answer) = cache.describe(&name).await? else {
        bail!("{name} is not cached in Redis; `example-app cache ls` shows what is");
    };
    writeln!(out, "name       {}", answer.name)?;
    writeln!(out, "time left  {}", text::time(answer.time_left))?;
    writeln!(out, "size       {}", text::size(answer.bytes))?;
    writeln!(out, "versions   {}", answer.versions)?;
    tracing::info!("its value is not shown: it is neither an album nor a post of this version");
    Ok(())
}

async fn clear(cache: &SharedCache<'_>, which: &Which) -> Result<()> {
    let cleared = match (&which.key, &which.prefix) {
        (Some(key), _) => cache.clear(&[StoredName::from(key.as_str())]).await,
        (None, Some(prefix)) => cache.clear_prefix(prefix).await,
        // clap takes exactly one of the three.
        (None, None) => cache.clear_prefix("").await,
    };
    let cleared = cleared.context("not all of it is dropped; drop it again")?;
    let bound = text::time(Settings::default().cache.local_ttl);
    writeln!(io::stdout(), "dropped {} in Redis", text::answers(cleared))?;
    writeln!(
        io::stdout(),
        "a running instance may serve its own copy (l1) for up to {bound}"
    )?;
    Ok(())
}
