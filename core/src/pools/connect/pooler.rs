//! What stands before a server, found out before anything is sent through it that counts on one.
//!
//! A *direct* endpoint is asked for a setting of ours that came with the connection's start. A pooler opens
//! its servers' connections by itself, so it refuses such a start, or forgets it. Session settings would stay
//! with its server's connection then, for whoever is lent that next.
//!
//! An *opaque* endpoint must keep our prepared statements, or hand a server's connection to one client until
//! that leaves. PgBouncer does the first since 1.21, and renames them for it to `PGBOUNCER_` and a number
//! ([`max_prepared_statements`](https://www.pgbouncer.org/config.html#max_prepared_statements)). One that
//! passes our names on does neither if it lends one server's connection to two clients that are both there.

use std::time::Duration;

use tokio_postgres::{Client, Connection, Error, Socket};

use crate::pools::connect::encryption::Stream;

/// Asks for the setting that comes with the start of a direct connection.
pub const MARK: &str = "current_setting('manifold.direct', true)";

/// What PgBouncer and Odyssey say of a parameter that they do not know.
const UNSUPPORTED: &str = "unsupported startup parameter";

/// What to do about a direct endpoint that is none.
pub const DECLARE: &str = "declare it by `Endpoint::pooled`, which no session settings are sent to, whether it is pooled by \
     transactions or by sessions";

/// What to do about a pooler that knows no prepared statements.
pub const PREPARE: &str = "take PgBouncer 1.21 or later and set its `max_prepared_statements` above 0, or pool by sessions \
     (`pool_mode = session`)";

/// What to do about an opaque endpoint that refuses a parameter of its URL.
pub const OMIT: &str = "take the parameter out of its URL, or name it in the pooler's `ignore_startup_parameters` if it may \
     be forgotten";

/// How often two clients are compared. A pooler lends the server's connection that came back last, unless
/// another client was faster.
const ROUNDS: usize = 5;

/// How long the second client may wait. One that pools by sessions may have no connection left for it.
const PATIENCE: Duration = Duration::from_millis(500);

/// A number that only one connection has.
pub fn nonce(any: u64) -> String {
    use std::hash::BuildHasher;
    // Seeded for each process: another one's must not be taken for ours.
    let seeded = foldhash::fast::RandomState::default().hash_one(any);
    format!("{seeded:016x}{any:016x}")
}

/// The start of a direct connection, with those `options` that its URL has.
pub fn marked(options: Option<&str>, nonce: &str) -> String {
    let own = format!("-c manifold.direct={nonce}");
    options.map_or_else(|| own.clone(), |options| format!("{options} {own}"))
}

/// The parameter that a pooler refused, in its words.
pub fn refusal(error: &Error) -> Option<&str> {
    let message = error.as_db_error()?.message();
    message.starts_with(UNSUPPORTED).then_some(message)
}

/// A server's connection.
#[derive(Debug, PartialEq, Eq)]
struct Backend {
    pid: i32,
    /// So exact that no two servers have another one of both.
    since: String,
}

/// An open connection that nobody else has yet.
pub struct Bare<'c> {
    pub client: &'c Client,
    pub connection: &'c mut Connection<Socket, Stream>,
}

impl Bare<'_> {
    /// Whether what stands before the server knows prepared statements by names of its own.
    pub async fn renames(&mut self, nonce: &str) -> Result<bool, Error> {
        let client = self.client;
        let asking = async {
            client.batch_execute("BEGIN").await?;
            let ours = format!(
                "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%manifold {nonce}%'"
            );
            let statement = client.prepare(&ours).await?;
            let rows = client.query(&statement, &[]).await?;
            // Closed while the transaction still holds the server's connection.
            drop(statement);
            client.batch_execute("COMMIT").await?;
            let renamed = |name: &str| name.starts_with("PGBOUNCER_");
            Ok(rows.iter().any(|row| row.try_get(0).is_ok_and(renamed)))
        };
        driven(self.connection, asking).await
    }

    async fn backend(&mut self) -> Result<Option<Backend>, Error> {
        let client = self.client;
        let asking = async {
            // One simple query is one transaction, and needs no prepared statement.
            let rows = client
                .simple_query(
                    "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()",
                )
                .await?;
            let row = rows.into_iter().find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            });
            Ok(row.and_then(|row| {
                Some(Backend {
                    pid: row.get(0)?.parse().ok()?,
                    since: row.get(1)?.to_owned(),
                })
            }))
        };
        driven(self.connection, asking).await
    }

    /// Whether one server's connection was lent to both, though neither has left; or several to one. Both
    /// prove that a connection is lent for a transaction only; that it does not happen proves nothing, so no
    /// other pooler is refused.
    pub async fn shares_with(&mut self, other: &mut Bare<'_>) -> Result<bool, Error> {
        let Some(first) = self.backend().await? else {
            return Ok(false);
        };
        for _ in 0..ROUNDS {
            let asking = tokio::time::timeout(PATIENCE, other.backend());
            let Ok(theirs) = asking.await else {
                return Ok(false);
            };
            if theirs?.as_ref() == Some(&first) || self.backend().await?.as_ref() != Some(&first) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Runs what asks a connection that nobody drives yet.
async fn driven<T>(
    connection: &mut Connection<Socket, Stream>,
    asking: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut asking = std::pin::pin!(asking);
    tokio::select! {
        biased;
        answer = &mut asking => answer,
        // It has ended, and why is told by the query that it ended.
        ended = connection => match ended {
            Ok(()) => asking.await,
            Err(error) => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_the_url_stay_and_no_two_connections_have_one_mark() {
        assert_eq!(marked(None, "a"), "-c manifold.direct=a");
        let both = marked(Some("-c work_mem=5MB"), "a");
        assert_eq!(both, "-c work_mem=5MB -c manifold.direct=a");
        assert_ne!(nonce(1), nonce(2));
    }
}
