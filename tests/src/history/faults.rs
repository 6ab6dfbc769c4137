//! What can happen to a node, and how it is undone.

use manifold_compose::Node;

use crate::World;

/// Something that happens to a node, for a while.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// How it is called in a report.
    pub name: &'static str,
    /// How long it lasts, in milliseconds: at least, at most.
    pub lasts: (u64, u64),
    /// Brings it about, and returns when it is so.
    pub begin: fn(&World, &Node) -> Outcome,
    /// Undoes it.
    pub end: fn(&World, &Node) -> Outcome,
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
    begin: |_, node| node.pause_replay(),
    end: |_, node| node.resume_replay(),
};

/// The replica dies, and comes back from where its last restartpoint was.
pub const KILL: Fault = Fault {
    name: "kill",
    lasts: (20, 500),
    begin: |_, node| node.kill(),
    end: |_, node| node.start(),
};

/// The replica stops answering; nothing tells its clients.
pub const FREEZE: Fault = Fault {
    name: "freeze",
    lasts: (20, 400),
    begin: |_, node| node.freeze(),
    end: |_, node| node.thaw(),
};

/// The replica hears nothing from the primary, replays what it has, and goes on answering.
pub const CUT: Fault = Fault {
    name: "cut",
    lasts: (50, 900),
    begin: |_, node| node.cut_walreceiver(),
    end: |_, node| node.restore_walreceiver(),
};

/// One of the replica's backends dies. Its server starts recovery again, and for a moment it answers from
/// an older state than before.
pub const CRASH: Fault = Fault {
    name: "crash",
    lasts: (0, 50),
    begin: crash,
    end: |_, node| node.wait_ready(),
};

/// The primary waits for a replica that does not exist: commits are in the log, and on the replicas, while
/// the primary does not show them yet.
pub const SYNCHRONOUS_WAIT: Fault = Fault {
    name: "synchronous wait",
    lasts: (50, 300),
    begin: |world, node| {
        set_synchronous(world, node, "ANY 2 (\"replica-1\", ghost)");
        Ok(())
    },
    end: |world, node| {
        set_synchronous(world, node, "");
        Ok(())
    },
};

/// What a replica of a full run goes through.
pub const OF_REPLICAS: &[Fault] = &[PAUSE, KILL, FREEZE, CUT, CRASH];

/// How often the hot table is rewritten before a crash. Each time is about half a megabyte of log, and the
/// more the replica has to replay again, the longer it shows the past.
const REWRITES: usize = 40;

/// How often a backend is looked for, because connections come and go meanwhile.
const ATTEMPTS: usize = 5;

fn crash(world: &World, node: &Node) -> Outcome {
    // The restartpoint is here, so recovery begins here.
    world.sql(world.primary(), "CHECKPOINT");
    world.cluster().wait_replayed()?;
    world.sql(node, "CHECKPOINT");
    let rewrites: Vec<_> = (0..REWRITES)
        .map(|round| format!("UPDATE hot SET filler = repeat('{}', 100)", round % 10))
        .collect();
    world.sql(world.primary(), &rewrites.join(";"));
    world.cluster().wait_replayed()?;
    let mut crashed = crash_some_backend(world, node);
    for _ in 1..ATTEMPTS {
        if crashed.is_ok() {
            break;
        }
        crashed = crash_some_backend(world, node);
    }
    crashed
}

/// Whichever it is: all of them end with it. An error if its connection was closed in between.
fn crash_some_backend(world: &World, node: &Node) -> Outcome {
    let backend = world.sql(
        node,
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' \
         ORDER BY pid = pg_backend_pid() LIMIT 1",
    );
    node.crash_backend(backend.parse().expect("a process id"))
}

fn set_synchronous(world: &World, node: &Node, names: &str) {
    let sql =
        format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'; SELECT pg_reload_conf()");
    world.sql(node, &sql);
}
