//! What can happen to a node, and the way back from it; the one from a promotion is in `rejoining`.

use std::time::Duration;

use rustix::process::Signal;

use super::{Node, Upstream};
use crate::error::{Kind, Result};
use crate::processes;
use crate::wait;

/// Until a node has done what it was told: paused, promoted, lost its walreceiver.
const FAULT_LIMIT: Duration = Duration::from_secs(10);

/// How long a walreceiver may take to go because of the new setting. With replay paused nobody tells it, and we end it.
const RELOAD_GRACE: Duration = Duration::from_millis(200);

impl Node {
    /// Starts it again after `kill` or `stop`, with the same port, data and role, and waits until it accepts connections.
    ///
    /// So a primary in whose place another node was promoted comes back as a primary on its old timeline, and takes writes.
    /// [`Node::rejoin`] brings it back as a standby.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_wrong_state`] if it is running, [`crate::Error::is_not_started`] with the end of its log.
    pub fn start(&self) -> Result<()> {
        self.server.start(|pid| Ok(self.accepts_connections(pid)))
    }

    /// SIGKILL to all its processes at once, as the kernel does when memory runs out. Nothing happens if it is down.
    pub fn kill(&self) -> Result<()> {
        self.server.kill()
    }

    /// A fast shutdown, in order: sessions end with 57P01, a checkpoint is written. Nothing happens if it is down.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_timed_out`] after 10 s: a primary waits for its replicas, so thaw those first.
    pub fn stop(&self) -> Result<()> {
        self.server.stop(Signal::INT)
    }

    /// SIGSTOP to all its processes: connections stay open, new ones are accepted by the kernel, and nobody answers.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_wrong_state`] if it is down.
    pub fn freeze(&self) -> Result<()> {
        self.server.freeze()
    }

    /// Lets a frozen node go on. Nothing happens to another.
    pub fn thaw(&self) -> Result<()> {
        self.server.thaw()
    }

    /// Stops replay on a replica: it goes on receiving WAL and answering reads, from what it knew.
    pub fn pause_replay(&self) -> Result<()> {
        self.require_replica()?;
        self.run_sql("postgres", "select pg_wal_replay_pause()")?;
        let waiting_for = format!("{} to pause replay", self.name());
        wait::until_true(&waiting_for, FAULT_LIMIT, wait::DEAR, || {
            Ok(self.run_sql("postgres", "select pg_get_wal_replay_pause_state()")? == "paused")
        })
    }

    /// Lets replay go on.
    pub fn resume_replay(&self) -> Result<()> {
        self.require_replica()?;
        self.run_sql("postgres", "select pg_wal_replay_resume()")
            .map(drop)
    }

    /// Makes a replica a primary on a new timeline. What it had not received is not in it; the other nodes are not told, and
    /// a primary that runs remains one. The way back is [`Node::rejoin`].
    pub fn promote(&self) -> Result<()> {
        self.require_replica()?;
        let limit = FAULT_LIMIT.as_secs();
        if self.run_sql("postgres", &format!("select pg_promote(true, {limit})"))? != "t" {
            let waiting_for = format!("{} to be promoted", self.name());
            return Err(Kind::TimedOut {
                waiting_for,
                limit: FAULT_LIMIT,
                detail: String::new(),
            }
            .into());
        }
        *self.upstream() = Upstream::Nobody;
        Ok(())
    }

    /// Makes a replica follow another node, for example one that was promoted; its slot there is created if missing.
    ///
    /// A replica that has replayed more of the old timeline than the promoted one had cannot follow it; its log says that the
    /// new timeline forked off before. That one needs [`Node::rejoin`].
    pub fn follow(&self, upstream: &Node) -> Result<()> {
        self.require_replica()?;
        self.reserve_slot_on(upstream)?;
        self.set_connection_info(&self.connection_info(upstream.port()))?;
        *self.upstream() = Upstream::Following(upstream.port());
        Ok(())
    }

    /// Ends a replica's walreceiver and keeps it from coming back: the network to its upstream is gone. It goes on
    /// answering reads, and replays what it has received already.
    pub fn cut_walreceiver(&self) -> Result<()> {
        let port = self.require_replica()?;
        self.set_connection_info("")?;
        *self.upstream() = Upstream::CutFrom(port);
        let receiver = || self.run_sql("postgres", "select pid from pg_stat_wal_receiver");
        let gone = || Ok(receiver()?.is_empty().then_some(()));
        if wait::until(RELOAD_GRACE, wait::DEAR, gone)?.is_some() {
            return Ok(());
        }
        let waiting_for = format!("the walreceiver of {} to end", self.name());
        wait::until_true(&waiting_for, FAULT_LIMIT, wait::DEAR, || {
            let receiver = receiver()?;
            if let Ok(pid) = receiver.parse() {
                processes::signal(pid, Signal::TERM);
            }
            Ok(receiver.is_empty())
        })
    }

    /// Undoes [`Node::cut_walreceiver`] and returns at once; [`crate::Cluster::wait_replayed`] waits until it has caught up.
    pub fn restore_walreceiver(&self) -> Result<()> {
        let port = self.require_replica()?;
        self.set_connection_info(&self.connection_info(port))?;
        *self.upstream() = Upstream::Following(port);
        Ok(())
    }

    /// SIGKILL to one backend, by its `pg_backend_pid()`. PostgreSQL then ends all sessions and starts recovery again; a
    /// replica serves older rows for a moment afterwards. [`Node::wait_ready`] waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// Refuses a process id that is none of this node's.
    pub fn crash_backend(&self, pid: u32) -> Result<()> {
        if self.server.kill_member(pid)? {
            return Ok(());
        }
        let rule = "this node has no process of that number; ask `select pg_backend_pid()` on the connection";
        Err(Kind::Invalid {
            what: "backend",
            given: pid.to_string(),
            rule,
        }
        .into())
    }

    /// Creates its slot there if it is missing. From then on the upstream keeps the WAL that this node has not received.
    pub(super) fn reserve_slot_on(&self, upstream: &Self) -> Result<()> {
        let slot = self.slot();
        let sql = format!(
            "select pg_create_physical_replication_slot('{slot}', true) \
             where not exists (select from pg_replication_slots where slot_name = '{slot}')"
        );
        upstream.run_sql("postgres", &sql).map(drop)
    }

    /// The port of its upstream, cut off or not.
    fn require_replica(&self) -> Result<u16> {
        match *self.upstream() {
            Upstream::Following(port) | Upstream::CutFrom(port) => Ok(port),
            Upstream::Nobody => {
                let state = "a primary".to_owned();
                Err(Kind::WrongState {
                    server: self.name().to_owned(),
                    wanted: "a replica",
                    state,
                }
                .into())
            }
        }
    }

    fn set_connection_info(&self, info: &str) -> Result<()> {
        let sql = format!("alter system set primary_conninfo = '{info}'; select pg_reload_conf()");
        self.run_sql("postgres", &sql).map(drop)
    }
}
