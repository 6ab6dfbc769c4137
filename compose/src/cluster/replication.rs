//! Who is whose replica now; and waiting for replicas, until they stream and until they have replayed.

use std::fmt;
use std::time::Duration;

use super::Cluster;
use crate::error::{Kind, Result};
use crate::files::log_tail;
use crate::node::{Node, Upstream};
use crate::wait;

/// Until every replica streams, and until every replica has replayed what the primary wrote.
const REPLICATION_LIMIT: Duration = Duration::from_secs(10);

impl Cluster {
    /// Blocks until every replica has replayed what its primary had written at the time of the call, committed or not.
    ///
    /// A replica is whoever is one now, and its primary the one at the end of its chain of upstreams; of two primaries each
    /// has its own replicas. Left out are replicas that cannot: down, frozen, paused or cut off, themselves or on the way.
    /// To have the WAL sent at all, it ends with one small record, written for this purpose.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_timed_out`] after 10 s.
    pub fn wait_replayed(&self) -> Result<()> {
        for primary in self.acting_primaries() {
            let written = Written::by(primary)?;
            for replica in self.followers(primary.port()) {
                let waiting_for = format!("{} to replay {written}", replica.name());
                wait::until_true(&waiting_for, REPLICATION_LIMIT, wait::DEAR, || {
                    written.is_replayed_by(replica)
                })?;
            }
        }
        Ok(())
    }

    /// The primary of the highest timeline among those that answer: the one that was promoted last.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_wrong_state`] if none answers.
    pub fn current_primary(&self) -> Result<&Node> {
        let mut newest = None;
        for primary in self.acting_primaries() {
            let timeline = Written::by(primary)?.timeline;
            if newest.is_none_or(|(highest, _)| timeline > highest) {
                newest = Some((timeline, primary));
            }
        }
        newest.map(|(_, primary)| primary).ok_or_else(|| {
            let (server, wanted) = ("the cluster".to_owned(), "with a primary that answers");
            let state = "without one".to_owned();
            Kind::WrongState {
                server,
                wanted,
                state,
            }
            .into()
        })
    }

    fn acting_primaries(&self) -> impl Iterator<Item = &Node> {
        self.nodes()
            .filter(|node| *node.upstream() == Upstream::Nobody && node.is_responsive())
    }

    /// The nodes that follow the one on this port, directly or through each other, and can go on.
    fn followers(&self, port: u16) -> Vec<&Node> {
        let mut reached = vec![port];
        let mut followers = Vec::new();
        let mut next = 0;
        while let Some(upstream) = reached.get(next).copied() {
            let here = self.nodes().filter(|node| {
                *node.upstream() == Upstream::Following(upstream)
                    && node.is_responsive()
                    && !reached.contains(&node.port())
            });
            let here: Vec<_> = here.collect();
            reached.extend(here.iter().map(|node| node.port()));
            followers.extend(here);
            next += 1;
        }
        followers
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

/// A position behind everything that a primary has written so far, which is on its way to the replicas.
///
/// Not `pg_current_wal_insert_lsn()`: what no commit has flushed is not sent, and at the start of a page the position is
/// already behind the page's header, where no record ends. A commit of our own solves both.
struct Written {
    timeline: u32,
    position: String,
}

impl Written {
    fn by(primary: &Node) -> Result<Self> {
        let commit =
            "do $$ begin perform pg_logical_emit_message(true, 'manifold-compose', ''); end $$";
        // A segment's name begins with its timeline. The control file learns of a new one only some time after a promotion.
        let answer = primary.run_sql(
            "postgres",
            &format!(
                "set synchronous_commit = local; {commit}; \
                 select substr(pg_walfile_name(flushed), 1, 8), flushed from pg_current_wal_flush_lsn() flushed"
            ),
        )?;
        let parsed = answer.split_once('|').and_then(|(timeline, position)| {
            Some(Self {
                timeline: u32::from_str_radix(timeline, 16).ok()?,
                position: position.to_owned(),
            })
        });
        parsed.ok_or_else(|| {
            Kind::Sql {
                server: primary.name().to_owned(),
                sql: "select pg_walfile_name(…), pg_current_wal_flush_lsn()".to_owned(),
                message: format!("it answered `{answer}`, which is no position"),
            }
            .into()
        })
    }

    /// Whether a replica has replayed it, or cannot.
    ///
    /// The position alone does not tell: a replica may be as far on the timeline that the primary has left.
    fn is_replayed_by(&self, replica: &Node) -> Result<bool> {
        let Self { timeline, position } = self;
        let sql = format!(
            "select case when not pg_is_in_recovery() then true \
             when pg_get_wal_replay_pause_state() <> 'not paused' then true \
             else pg_last_wal_replay_lsn() >= '{position}' \
             and exists (select from pg_stat_wal_receiver where received_tli = {timeline}) end"
        );
        match replica.run_sql("postgres", &sql) {
            Ok(answer) => Ok(answer == "t"),
            Err(error) if error.is_wrong_state() => Ok(true),
            // It restarts its recovery, and answers again in a moment.
            Err(error) if error.is_sql() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of timeline {}", self.position, self.timeline)
    }
}
