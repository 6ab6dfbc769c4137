//! Waiting for the replicas: without the tables they would answer the first requests with errors.

use std::time::Duration;

use anyhow::{Result, bail};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::servers::connection;
use crate::store::schema::{album, blog};

/// How long a replica may take until it has replayed our setup.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long a connection may take. Who does not answer by then is not there.
const CONNECT: Duration = Duration::from_secs(3);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);

diesel::table! {
    /// diesel's own record of what has run.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

/// Waits until every replica that can be reached has all `versions`, and the sample data.
pub async fn wait(replicas: &[String], versions: &[String]) -> Result<()> {
    for (at, url) in (1..).zip(replicas) {
        let connecting = tokio::time::timeout(CONNECT, connection(url));
        let Ok(Ok(mut conn)) = connecting.await else {
            // The library leaves it out until it is back, and by then it will have caught up.
            tracing::warn!("replica-{at} cannot be reached, so nobody waits for it");
            continue;
        };
        let mut said = String::new();
        let following = async {
            let mut pauses = tokio::time::interval(PAUSE);
            while let Err(missing) = ask(&mut conn, versions).await {
                said = missing;
                pauses.tick().await;
            }
        };
        if tokio::time::timeout(DEADLINE, following).await.is_err() {
            bail!(
                "replica-{at} did not follow the primary within {DEADLINE:?}: {said}; is it a standby \
                 of this primary, and does it replay?"
            );
        }
    }
    Ok(())
}

/// What the replica is missing, as the error.
async fn ask(conn: &mut AsyncPgConnection, versions: &[String]) -> Result<(), String> {
    // Until the table itself is there, asking for it is an error, and that is an answer, too.
    let there = __diesel_schema_migrations::table
        .filter(__diesel_schema_migrations::version.eq_any(versions))
        .count()
        .get_result::<i64>(conn)
        .await
        .map_err(|error| error.to_string())?;
    if usize::try_from(there) != Ok(versions.len()) {
        return Err(format!("it has {there} of {} migrations", versions.len()));
    }
    // Each came in one transaction, so one row stands for all of it.
    let albums = exists(album::table.select(album::id));
    let blogs = exists(blog::table.select(blog::id));
    match diesel::select((albums, blogs)).get_result(conn).await {
        Ok((true, true)) => Ok(()),
        Ok((false, _)) => Err("it has no albums".to_owned()),
        Ok((true, false)) => Err("it has no blog".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
