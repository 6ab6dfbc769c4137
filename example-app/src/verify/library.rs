//! Reads through the library: which replicas answer, and whether the cache is shared.

use std::time::Duration;

use diesel_manifold::{Balance, Manifold, Settings, Source, routes};
use tokio::time::timeout;

use super::facts::{Cached, Library, Reads};
use crate::lag::PATIENCE;
use crate::lag::question::one_line;
use crate::servers::Servers;
use crate::store::Albums;

/// For all of it. The library bounds each part; this is for the sum.
const LIMIT: Duration = Duration::from_secs(20);
/// Reads for each replica. One after another they are asked, so that one turn would do.
const TURNS: usize = 4;
/// Albums that are read. Of one alone somebody may change its entry in between.
const ALBUMS: i64 = 3;

/// Reads through two instances on the primary, Redis, and those replicas that are fit: by name and URL.
pub async fn look(servers: &Servers, replicas: &[(&str, &str)]) -> Result<Library, String> {
    let looking = async {
        let (one, other) = tokio::join!(connect(servers, replicas), connect(servers, replicas));
        let (one, other) = (one.map_err(said)?, other.map_err(said)?);
        let library = Library {
            reads: reads(&one, replicas).await,
            cache: cache(&one, &other).await.map_err(said),
        };
        tokio::join!(one.shutdown(), other.shutdown());
        Ok(library)
    };
    let looked = timeout(LIMIT, looking).await;
    looked.unwrap_or_else(|_| Err(format!("no answer within {LIMIT:?}")))
}

async fn connect(
    servers: &Servers,
    replicas: &[(&str, &str)],
) -> diesel_manifold::Result<Manifold> {
    let mut settings = Settings::default();
    settings.balance = Balance::RoundRobin;
    // We ask how Redis is set up, not how fast it is.
    settings.cache.operation_timeout = PATIENCE;
    let builder = servers.builder(replicas.iter().map(|(_, url)| *url));
    builder
        // The same as the application's: what we read there is what it reads.
        .namespace(std::env::var("MANIFOLD_NAMESPACE").unwrap_or_default())
        .settings(settings)
        .connect()
        .await
}

async fn reads(manifold: &Manifold, replicas: &[(&str, &str)]) -> Vec<Reads> {
    let albums = Albums::new(manifold.clone());
    let of = TURNS * replicas.len();
    let reads = replicas.iter().map(|(name, _)| Reads {
        replica: (*name).to_owned(),
        answered: 0,
        of,
        error: None,
    });
    let mut reads: Vec<_> = reads.collect();
    for _ in 0..of {
        let (outcome, routes) = routes(albums.any()).await;
        let Some(Source::Node(node)) = routes.last().map(|route| &route.source) else {
            continue;
        };
        // In this manifold they are counted without those that are not fit.
        let at = (1..).zip(&mut reads);
        let answered = at
            .into_iter()
            .find(|(at, _)| **node == *format!("replica-{at}"));
        match (answered, outcome) {
            (Some((_, reads)), Ok(_)) => reads.answered += 1,
            (Some((_, reads)), Err(error)) => reads.error = Some(said(error)),
            // The primary, in place of one that failed.
            (None, _) => {}
        }
    }
    reads
}

async fn cache(one: &Manifold, other: &Manifold) -> diesel_manifold::Result<Vec<Cached>> {
    let [one, other] = [one, other].map(|manifold| Albums::new(manifold.clone()));
    let mut cached = Vec::new();
    for album in one.page(0, ALBUMS).await? {
        let first = answered_by(&one, album.id).await?;
        let second = answered_by(&other, album.id).await?;
        cached.push(Cached {
            album: album.id,
            first,
            second,
        });
    }
    Ok(cached)
}

async fn answered_by(albums: &Albums, id: i32) -> diesel_manifold::Result<String> {
    let (album, routes) = routes(albums.by_id(id)).await;
    album?;
    let source = routes.last().map(|route| route.source.to_string());
    Ok(source.unwrap_or_default())
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn said(error: diesel_manifold::Error) -> String {
    one_line(&error.to_string())
}
