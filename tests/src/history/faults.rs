//! What can happen to a server, and how it is undone.

use manifold_compose::{Node, Redis};

use crate::World;

/// Something that happens to a server, for a while.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// How it is called in a report.
    pub name: &'static str,
    /// How long it lasts, in milliseconds: at least, at most.
    pub lasts: (u64, u64),
    /// Brings it about, and undoes it; each returns when it is so.
    pub deed: Deed,
}

/// What is done, and to whom.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// To a node.
    Node {
        /// Brings it about.
        begin: fn(&World, &Node) -> Outcome,
        /// Undoes it.
        end: fn(&World, &Node) -> Outcome,
    },
    /// To Redis.
    Redis {
        /// Brings it about.
        begin: fn(&Redis) -> Outcome,
        /// Undoes it.
        end: fn(&Redis) -> Outcome,
    },
}

/// The cluster's own errors: the fault could not be brought about, or not undone.
pub type Outcome = manifold_compose::Result<()>;

impl Fault {
    /// The same, lasting from `least` to `most` milliseconds.
    #[must_use]
    pub const fn lasting(mut self, least: u64, most: u64) -> Self {
        self.lasts = (least, most);
        self
    }
}

/// The replica goes on answering, from what it knew.
pub const PAUSE: Fault = Fault {
    name: "pause",
    lasts: (20, 900),
    deed: Deed::Node {
        begin: |_, node| node.pause_replay(),
        end: |_, node| node.resume_replay(),
    },
};

/// The replica dies, and comes back from where its last restartpoint was.
pub const KILL: Fault = Fault {
    name: "kill",
    lasts: (20, 500),
    deed: Deed::Node {
        begin: |_, node| node.kill(),
        end: |_, node| node.start(),
    },
};

/// The replica stops answering; nothing tells its clients.
pub const FREEZE: Fault = Fault {
    name: "freeze",
    lasts: (20, 400),
    deed: Deed::Node {
        begin: |_, node| node.freeze(),
        end: |_, node| node.thaw(),
    },
};

/// The replica hears nothing from the primary, replays what it has, and goes on answering.
pub const CUT: Fault = Fault {
    name: "cut",
    lasts: (50, 900),
    deed: Deed::Node {
        begin: |_, node| node.cut_walreceiver(),
        end: |_, node| node.restore_walreceiver(),
    },
};

/// One of the replica's backends dies. Its server starts recovery again, and for a moment it answers from
/// an older state than before.
pub const CRASH: Fault = Fault {
    name: "crash",
    lasts: (0, 50),
    deed: Deed::Node {
        begin: crash,
        end: |_, node| node.wait_ready(),
    },
};

/// The same, and the replica is slow to replay what it has to go over again: all the while it answers
/// from the past.
pub const CRASH_AND_LAG: Fault = Fault {
    name: "crash and lag",
    lasts: (100, 600),
    deed: Deed::Node {
        begin: |world, node| {
            set_delay(node, "3s")?;
            crash_some_backend_soon(world, node)?;
            node.wait_ready()
        },
        end: |_, node| set_delay(node, "0"),
    },
};

/// The replica makes each commit visible a little late, as one that is busy.
pub const DELAY: Fault = Fault {
    name: "delay",
    lasts: (100, 900),
    deed: Deed::Node {
        begin: |_, node| set_delay(node, "5ms"),
        end: |_, node| set_delay(node, "0"),
    },
};

/// The same, later than a session needs from its write to its next read even where everything is slow.
pub const LONGER_DELAY: Fault = Fault {
    name: "longer delay",
    deed: Deed::Node {
        begin: |_, node| set_delay(node, "15ms"),
        end: |_, node| set_delay(node, "0"),
    },
    ..DELAY
};

/// The same, and much later: another replica shows more all the while.
pub const LONG_DELAY: Fault = Fault {
    name: "long delay",
    deed: Deed::Node {
        begin: |_, node| set_delay(node, "50ms"),
        end: |_, node| set_delay(node, "0"),
    },
    ..DELAY
};

/// The primary waits for a replica that does not exist: commits are in the log, and on the replicas, while
/// the primary does not show them yet.
pub const SYNCHRONOUS_WAIT: Fault = Fault {
    name: "synchronous wait",
    lasts: (150, 450),
    deed: Deed::Node {
        begin: |_, node| set_synchronous(node, "ANY 2 (\"replica-1\", ghost)"),
        end: |_, node| set_synchronous(node, ""),
    },
};

/// Redis dies, and comes back empty.
pub const REDIS_KILL: Fault = Fault {
    name: "Redis killed",
    lasts: (20, 500),
    deed: Deed::Redis {
        begin: Redis::kill,
        end: Redis::start,
    },
};

/// Redis stops answering; nothing tells its clients.
pub const REDIS_FREEZE: Fault = Fault {
    name: "Redis frozen",
    lasts: (20, 400),
    deed: Deed::Redis {
        begin: Redis::freeze,
        end: Redis::thaw,
    },
};

/// Redis forgets everything, and is none the wiser.
pub const REDIS_FLUSH: Fault = Fault {
    name: "Redis flushed",
    lasts: (0, 0),
    deed: Deed::Redis {
        begin: Redis::flush,
        end: |_| Ok(()),
    },
};

/// What Redis goes through in a full run.
pub const OF_REDIS: &[Fault] = &[REDIS_KILL, REDIS_FREEZE, REDIS_FLUSH];

/// What a replica of a full run goes through.
pub const OF_REPLICAS: &[Fault] = &[
    PAUSE,
    KILL,
    FREEZE,
    CUT,
    CRASH,
    CRASH_AND_LAG,
    DELAY,
    LONG_DELAY,
];

/// What a crashed replica shall have to go over again, in bytes. It takes about a fifth of a second, and all
/// that time the replica shows the past.
const TO_GO_OVER_AGAIN: u64 = 10 << 20;

/// As much log in records that touch one page only: they take time to replay, and no page has to leave the
/// replica's memory for them, from where on it could not go back behind that.
const FILL_THE_LOG: &str = "SELECT count(setval('hot', n)) FROM generate_series(1, 120000) n";

/// No checkpoint comes by itself while a run lasts.
const KEEP_THE_LOG: &str = "ALTER SYSTEM SET max_wal_size = '2GB'; SELECT pg_reload_conf()";

/// How often it is looked whether a replica has replayed so much; each look starts a process, and the crash is as
/// real if it has not.
const LOOKS: usize = 100;

/// How often a backend is looked for, because connections come and go meanwhile.
const ATTEMPTS: usize = 5;

/// What [`CRASH`] needs from the cluster: a replica goes back to its last restartpoint, and with the small
/// log of these clusters that would be wherever it just was. So there is one now, and none later.
pub fn prepare(world: &World) {
    for node in world.cluster().nodes() {
        keep_the_log(world, node);
        world.sql(node, "CHECKPOINT");
        world.caught_up();
    }
}

/// A node that was made anew has forgotten it.
pub(super) fn keep_the_log(world: &World, node: &Node) {
    world.sql(node, KEEP_THE_LOG);
}

fn crash(world: &World, node: &Node) -> Outcome {
    if to_go_over_again(world, node) < TO_GO_OVER_AGAIN {
        world.sql(world.acting_primary(), FILL_THE_LOG);
        for _ in 0..LOOKS {
            if to_go_over_again(world, node) >= TO_GO_OVER_AGAIN {
                break;
            }
        }
    }
    crash_some_backend_soon(world, node)
}

fn crash_some_backend_soon(world: &World, node: &Node) -> Outcome {
    let mut crashed = crash_some_backend(world, node);
    for _ in 1..ATTEMPTS {
        if crashed.is_ok() {
            break;
        }
        crashed = crash_some_backend(world, node);
    }
    crashed
}

/// How much of the log lies between where the replica's recovery would begin to answer and where it is.
fn to_go_over_again(world: &World, node: &Node) -> u64 {
    let bytes = world.sql(
        node,
        "SELECT (pg_last_wal_replay_lsn() - greatest(redo_lsn, min_recovery_end_lsn))::bigint \
         FROM pg_control_checkpoint(), pg_control_recovery()",
    );
    bytes.parse().unwrap_or(0)
}

/// Whichever it is: all of them end with it. A replica that nobody uses has a background writer at least, whose
/// end is the same crash. An error if the connection was closed in between.
fn crash_some_backend(world: &World, node: &Node) -> Outcome {
    let backend = world.sql(
        node,
        "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
         AND backend_type IN ('client backend', 'background writer') \
         ORDER BY backend_type = 'client backend' DESC LIMIT 1",
    );
    node.crash_backend(backend.parse().expect("a process id"))
}

pub(super) fn set_delay(node: &Node, delay: &str) -> Outcome {
    // Commits alone wait, not the records before them.
    let sql =
        format!("ALTER SYSTEM SET recovery_min_apply_delay = '{delay}'; SELECT pg_reload_conf()");
    node.run_sql("postgres", &sql).map(drop)
}

fn set_synchronous(node: &Node, names: &str) -> Outcome {
    let sql =
        format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'; SELECT pg_reload_conf()");
    node.run_sql("postgres", &sql).map(drop)
}
