//! Signals to a whole server.
//!
//! PostgreSQL is a family of processes: the postmaster, which is our child, and its children, each in a session of its own.
//! So a signal to a process group reaches only the postmaster, and the children are found by their parent. We stop the
//! postmaster before we look: then it neither starts another child nor buries a dead one, and no number found is reused.

use std::process::Child;
use std::time::Duration;

use rustix::process::Signal;

use crate::error::Result;
use crate::processes::{descendants, living, signal};
use crate::wait;

/// Until the kernel has taken down killed processes, which may have much memory to give back.
const DEATH_LIMIT: Duration = Duration::from_secs(10);

/// Stops the postmaster, then its children, until a look finds no new one.
pub(super) fn hold_family(child: &Child) -> Vec<u32> {
    signal(child.id(), Signal::STOP);
    let mut held = Vec::new();
    loop {
        let found = descendants(child.id());
        if found.iter().all(|pid| held.contains(pid)) {
            return held;
        }
        for pid in &found {
            signal(*pid, Signal::STOP);
        }
        held = found;
    }
}

/// Lets all of them go on.
pub(super) fn thaw_family(child: &Child) {
    for pid in descendants(child.id()) {
        signal(pid, Signal::CONT);
    }
    signal(child.id(), Signal::CONT);
}

/// Kills all of them, and returns when none is left.
pub(super) fn kill_family(child: &mut Child) -> Result<()> {
    let members = hold_family(child);
    for pid in &members {
        signal(*pid, Signal::KILL);
    }
    signal(child.id(), Signal::KILL);
    // Fails only if somebody else collected our child, and then it is just as gone.
    let _ = child.wait();
    // A member that is still dying holds the shared memory, and a server started again would refuse.
    wait::until_true(
        "killed processes to be gone",
        DEATH_LIMIT,
        wait::CHEAP,
        || Ok(living(&members).is_empty()),
    )
}

/// Kills one of them, unless the number is none of theirs.
pub(super) fn kill_member(child: &Child, member: u32) -> bool {
    signal(child.id(), Signal::STOP);
    let found = descendants(child.id()).contains(&member);
    if found {
        signal(member, Signal::KILL);
    }
    signal(child.id(), Signal::CONT);
    found
}
