//! Nothing is left behind, however the owner goes.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use manifold_compose::Cluster;
use rustix::process::{Pid, Signal, getpgid, kill_process};

use crate::owner::Owner;
use crate::support::{assert_nothing_left, eventually, processes_of, segment_exists, segment_of};

#[test]
fn a_dropped_cluster_leaves_nothing_even_with_frozen_and_killed_servers() {
    let cluster = Cluster::start().unwrap();
    let directory = cluster.directory().to_owned();
    let segments = ["primary", "replica-1", "replica-2"].map(|node| segment_of(&directory, node));
    assert!(processes_of(&directory).len() > 10);
    cluster.replica(0).freeze().unwrap();
    cluster.replica(1).kill().unwrap();
    cluster.redis().unwrap().freeze().unwrap();
    drop(cluster);
    assert!(!directory.exists());
    assert_eq!(processes_of(&directory), []);
    assert!(
        !segments.iter().any(|id| segment_exists(id)),
        "shared memory is left"
    );
}

#[test]
fn a_panic_leaves_nothing() {
    let mut directory = None;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let cluster = Cluster::start().unwrap();
        directory = Some(cluster.directory().to_owned());
        panic!("as a failing test does");
    }));
    assert!(panicked.is_err());
    assert_nothing_left(&directory.unwrap());
}

#[test]
fn an_owner_that_is_killed_or_interrupted_leaves_nothing() {
    for signal in [Signal::KILL, Signal::INT, Signal::TERM] {
        let mut owner = Owner::spawn("wait", &[]);
        let directory = owner.directory();
        assert!(processes_of(&directory).len() > 10);
        owner.signal(signal);
        owner.process.wait().unwrap();
        assert_nothing_left(&directory);
    }
}

#[test]
fn an_owner_that_is_killed_leaves_nothing_even_with_frozen_and_killed_servers() {
    let mut owner = Owner::spawn("broken", &[]);
    let directory = owner.directory();
    let segments = ["primary", "replica-1", "replica-2"].map(|node| segment_of(&directory, node));
    owner.signal(Signal::KILL);
    owner.process.wait().unwrap();
    assert_nothing_left(&directory);
    assert!(
        !segments.iter().any(|id| segment_exists(id)),
        "shared memory is left"
    );
}

#[test]
fn an_owner_that_is_killed_during_a_base_backup_leaves_nothing() {
    if !Path::new("/proc/self/cmdline").exists() {
        return;
    }
    let mut owner = Owner::spawn("rejoining", &[]);
    let directory = owner.directory();
    // Frozen, so that it does not end before the owner.
    eventually("a base backup is taken", || {
        let backups = processes_of(&directory).into_iter().filter(|pid| {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            // The program only: the watchdog has its name among its arguments, and must not be frozen itself.
            let program = arguments.split(|byte| *byte == 0).next();
            program.is_some_and(|program| program.ends_with(b"/pg_basebackup"))
        });
        let frozen = backups.map(|pid| {
            let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            kill_process(pid, Signal::STOP).is_ok()
        });
        frozen.fold(false, |any, one| any | one)
    });
    owner.signal(Signal::KILL);
    owner.process.wait().unwrap();
    assert_nothing_left(&directory);
}

#[test]
fn an_owner_that_is_killed_leaves_nothing_of_what_stood_before_the_nodes() {
    let mut owner = Owner::spawn("fronts", &[]);
    let directory = owner.directory();
    owner.signal(Signal::KILL);
    owner.process.wait().unwrap();
    assert_nothing_left(&directory);
}

#[test]
fn an_owner_that_aborts_leaves_nothing() {
    let mut owner = Owner::spawn("abort", &[]);
    let directory = owner.directory();
    owner.process.wait().unwrap();
    assert_nothing_left(&directory);
}

#[test]
fn ctrl_c_in_a_terminal_reaches_the_owner_only() {
    let mut owner = Owner::spawn("wait", &[]);
    let group = getpgid(Pid::from_raw(i32::try_from(owner.process.id()).unwrap())).unwrap();
    let pids = processes_of(&owner.directory());
    assert!(pids.len() > 10);
    for pid in pids {
        let pid = Pid::from_raw(i32::try_from(pid).unwrap());
        // One that ended since the table was read is in no group.
        assert_ne!(getpgid(pid).ok(), Some(group), "{pid:?}");
    }
}
