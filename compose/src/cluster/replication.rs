//! Waiting for the replicas of a cluster: until they stream, and until they have replayed.

use std::time::Duration;

use super::Cluster;
use crate::error::Result;
use crate::files::log_tail;
use crate::node::{Node, Upstream};
use crate::wait;

/// Until every replica streams, and until every replica has replayed what the primary wrote.
const REPLICATION_LIMIT: Duration = Duration::from_secs(10);

impl Cluster {
    /// Blocks until every replica has replayed what its primary had written at the time of the call, committed or not.
    ///
    /// Left out are replicas that cannot: down, frozen, paused or cut off. After a promotion, the replicas of the new
    /// primary are waited for as well. To have the WAL sent at all, it ends with one small record, written for this purpose.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_timed_out`] after 10 s.
    pub fn wait_replayed(&self) -> Result<()> {
        let primaries = self
            .nodes()
            .filter(|node| *node.upstream() == Upstream::Nobody && node.is_responsive());
        for primary in primaries {
            let written = flushed_position(primary)?;
            let followers = self
                .replicas
                .iter()
                .filter(|node| *node.upstream() == Upstream::Following(primary.port()));
            for replica in followers {
                let waiting_for = format!("{} to replay {written}", replica.name());
                wait::until_true(&waiting_for, REPLICATION_LIMIT, wait::DEAR, || {
                    has_replayed(replica, &written)
                })?;
            }
        }
        Ok(())
    }

    pub(super) fn wait_streaming(&self) -> Result<()> {
        if self.replicas.is_empty() {
            return Ok(());
        }
        let expected = self.replicas.len().to_string();
        let streaming = wait::until_true(
            "all replicas to stream",
            REPLICATION_LIMIT,
            wait::DEAR,
            || {
                let sql = "select count(*) from pg_stat_replication where state = 'streaming'";
                Ok(self.primary.run_sql("postgres", sql)? == expected)
            },
        );
        let logs = || {
            let tails = self.nodes().map(|node| log_tail(node.log_path(), 0));
            tails.collect::<Vec<_>>().join("\n")
        };
        streaming.map_err(|error| error.with_detail(logs))
    }
}

/// A position behind everything written so far, which is on its way to the replicas.
///
/// Not `pg_current_wal_insert_lsn()`: what no commit has flushed is not sent, and at the start of a page the position is
/// already behind the page's header, where no record ends. A commit of our own solves both.
fn flushed_position(primary: &Node) -> Result<String> {
    let commit =
        "do $$ begin perform pg_logical_emit_message(true, 'manifold-compose', ''); end $$";
    primary.run_sql(
        "postgres",
        &format!("set synchronous_commit = local; {commit}; select pg_current_wal_flush_lsn()"),
    )
}

/// Whether a replica has replayed up to a position, or cannot.
fn has_replayed(replica: &Node, position: &str) -> Result<bool> {
    let sql = format!(
        "select case when not pg_is_in_recovery() then true \
         when pg_get_wal_replay_pause_state() <> 'not paused' then true \
         else pg_last_wal_replay_lsn() >= '{position}' end"
    );
    match replica.run_sql("postgres", &sql) {
        Ok(answer) => Ok(answer == "t"),
        Err(error) if error.is_wrong_state() => Ok(true),
        // It restarts its recovery, and answers again in a moment.
        Err(error) if error.is_sql() => Ok(false),
        Err(error) => Err(error),
    }
}
