//! Facts as they should be, and each fault.

use super::super::facts::{Cached, Reads, Slot};
use super::*;
use crate::lag::question::{Answer, Lsn, Receiver, Replay, Written};

const VERSIONS: [&str; 2] = ["1", "2"];

fn node(role: Role) -> Node {
    Node {
        answer: Answer {
            who: "app".to_owned(),
            system: 7,
            role,
        },
        started: 0,
        database: "app".to_owned(),
        slot: Some("replica_1".to_owned()),
        has_upstream: Some(true),
        missing_tables: Vec::new(),
        unreadable_tables: Vec::new(),
        versions: VERSIONS.map(str::to_owned).to_vec(),
    }
}

fn address(port: &str) -> Address {
    Address {
        host: "db".to_owned(),
        port: port.to_owned(),
    }
}

fn written(timeline: u32) -> Written {
    Written {
        timeline,
        inserted: Lsn(0x500),
        flushed: Lsn(0x500),
        page: 8192,
    }
}

/// A primary, one replica, and Redis, as they should be.
fn sound() -> Facts {
    let written = written(1);
    let replay = Replay {
        timeline: 1,
        received: Some(Lsn(0x500)),
        replayed: Some(Lsn(0x500)),
        paused: false,
        receiver: Receiver::Streaming,
    };
    let reads = Reads {
        replica: "replica-1".to_owned(),
        answered: 4,
        of: 4,
        error: None,
    };
    let cached = Cached {
        album: 1,
        first: "replica-1".to_owned(),
        second: "l2".to_owned(),
    };
    Facts {
        primary: Primary {
            address: address("1"),
            node: Ok(node(Role::Primary(written))),
            slots: vec![Slot {
                name: "replica_1".to_owned(),
                active: true,
                is_lost: false,
            }],
            moment: Some(Lsn(0x500)),
            afterwards: Some(Lsn(0x500)),
        },
        replicas: vec![Replica {
            name: "replica-1".to_owned(),
            address: address("2"),
            node: Ok(Node {
                started: 1,
                ..node(Role::Replica(replay))
            }),
        }],
        redis: Redis::Answers(address("3")),
        library: Some(Ok(Library {
            reads: vec![reads],
            cache: Ok(vec![cached]),
        })),
    }
}

fn replica(facts: &mut Facts) -> &mut Node {
    facts.replicas[0].node.as_mut().unwrap()
}

fn replay(facts: &mut Facts) -> &mut Replay {
    match &mut replica(facts).answer.role {
        Role::Replica(replay) => replay,
        Role::Primary(_) => panic!("it is a replica"),
    }
}

/// What else is not decided of a replica that takes writes.
fn takes_writes(facts: &mut Facts, timeline: u32) {
    replica(facts).answer.role = Role::Primary(written(timeline));
    library(facts).reads.clear();
}

/// A second replica, as sound as the first: on this port, started at this time, with this slot.
fn add(facts: &mut Facts, port: &str, started: i64, slot: &str) {
    let first = facts.replicas[0].node.clone().unwrap();
    facts.replicas.push(Replica {
        name: "replica-2".to_owned(),
        address: address(port),
        node: Ok(Node {
            started,
            slot: Some(slot.to_owned()),
            ..first
        }),
    });
    facts.primary.slots.push(Slot {
        name: "replica_2".to_owned(),
        active: true,
        is_lost: false,
    });
    library(facts).reads.push(Reads {
        replica: "replica-2".to_owned(),
        answered: 4,
        of: 8,
        error: None,
    });
}

fn library(facts: &mut Facts) -> &mut Library {
    facts.library.as_mut().unwrap().as_mut().unwrap()
}

/// What does not pass: `server question`, and in which words.
fn complaints(facts: &Facts) -> Vec<(String, String)> {
    let checks = checks(facts, &VERSIONS.map(str::to_owned));
    let complaints = checks.into_iter().filter_map(|check| {
        let said = match check.outcome {
            Pass(_) => return None,
            Outcome::Fail { why, fix } => format!("{why} => {fix}"),
            NotChecked(why) => format!("not checked: {why}"),
        };
        Some((format!("{} {}", check.server, check.question), said))
    });
    complaints.collect()
}

#[test]
fn servers_as_they_should_be_pass_all_checks() {
    assert_eq!(complaints(&sound()), []);
}

/// What is wrong, and each check that does not pass with a word of what it says.
type Case = (fn(&mut Facts), &'static [(&'static str, &'static str)]);

macro_rules! writing {
    ($said:literal) => {
        [
            ("replica-1 is a replica", $said),
            ("replica-1 has the primary's data", "is a primary"),
            ("replica-1 has a slot", "is a primary"),
            ("replica-1 streams", "is a primary"),
            ("replica-1 replays", "is a primary"),
            ("replica-1 has the tables", "is a primary"),
            ("replica-1 answers reads", "is a primary"),
        ]
    };
}

/// Of nodes, and what is between them.
#[rustfmt::skip]
const STREAMING: &[Case] = &[
    (|facts| facts.replicas[0].node = Err("gone".to_owned()), &[
        ("replica-1 answers", "db:2: gone => start it: `compose/cluster start replica-1`"),
        ("replica-1 is a replica", "not checked: replica-1 does not answer"),
        ("replica-1 has the primary's data", "not checked: replica-1 does not answer"),
        ("replica-1 has a slot", "not checked: replica-1 does not answer"),
        ("replica-1 streams", "not checked: replica-1 does not answer"),
        ("replica-1 replays", "not checked: replica-1 does not answer"),
        ("replica-1 has the tables", "not checked: replica-1 does not answer"),
        ("replica-1 answers reads", "not checked: replica-1 does not answer"),
    ]),
    (|facts| { facts.primary.node = Err("gone".to_owned()); facts.library = None; }, &[
        ("primary answers", "db:1: gone => start it"),
        ("primary is a primary", "not checked: it does not answer"),
        ("primary has the tables", "not checked: it does not answer"),
        ("replica-1 has the primary's data", "not checked: the primary does not answer"),
        ("replica-1 has a slot", "not checked: the primary does not answer"),
        ("replica-1 replays", "not checked: the primary does not answer"),
        ("replica-1 answers reads", "not checked: the primary does not answer"),
        ("redis shares what is cached", "not checked: the primary does not answer"),
    ]),
    (|facts| replica(facts).answer.system = -1, &[
        ("replica-1 has the primary's data", "of another cluster, system 18446744073709551615;"),
        ("replica-1 has a slot", "not checked: it is of another cluster"),
        ("replica-1 streams", "not checked: it is of another cluster"),
        ("replica-1 replays", "not checked: it is of another cluster"),
    ]),
    (|facts| replica(facts).slot = None, &[
        ("replica-1 has a slot", "primary_slot_name = 'replica_1'"),
    ]),
    (|facts| replay(facts).timeline = 2, &[
        ("replica-1 has the primary's data", "it is on timeline 2, the primary on 1 => it follows one that was promoted: let DATABASE_PRIMARY_URL lead"),
        ("replica-1 has a slot", "not checked: it has another history"),
        ("replica-1 streams", "not checked: it has another history"),
        ("replica-1 replays", "not checked: it has another history"),
    ]),
    (|facts| { facts.primary.node = Ok(node(Role::Primary(written(2)))); }, &[
        ("replica-1 has the primary's data", "it is on timeline 1, the primary on 2 => psql -h db -p 2 -U postgres -d postgres -c \"ALTER SYSTEM SET primary_conninfo = 'host=db port=1 "),
        ("replica-1 has a slot", "not checked: it has another history"),
        ("replica-1 streams", "not checked: it has another history"),
        ("replica-1 replays", "not checked: it has another history"),
    ]),
    // Without a walreceiver its timeline may be one of long ago.
    (|facts| { replay(facts).timeline = 2; replay(facts).receiver = Receiver::None; }, &[
        ("replica-1 streams", "it has no walreceiver"),
    ]),
    (|facts| facts.primary.afterwards = Some(Lsn(0x4FF)), &[
        ("replica-1 has the primary's data", "it is at 0/500, and the primary later at 0/4FF: it has another history => find out which"),
        ("replica-1 has a slot", "not checked: it has another history"),
        ("replica-1 streams", "not checked: it has another history"),
        ("replica-1 replays", "not checked: it has another history"),
    ]),
    (|facts| facts.primary.slots[0].active = false, &[
        ("replica-1 has a slot", "nobody uses `replica_1` on the primary: it streams from another server => psql -h db -p 2 "),
    ]),
    (|facts| { facts.primary.slots[0].active = false; replay(facts).receiver = Receiver::None; }, &[
        ("replica-1 has a slot", "nobody uses `replica_1` on the primary => its log says why"),
        ("replica-1 streams", "it has no walreceiver => its log says why"),
    ]),
    (|facts| { facts.primary.slots[0].is_lost = true; replay(facts).receiver = Receiver::None; }, &[
        ("replica-1 has a slot", "thrown away what `replica_1` needs => make it a replica"),
        ("replica-1 streams", "pg_basebackup -h db -p 1 -U replicator -R -S replica_1"),
    ]),
];

/// Of a replica that takes writes. Whose it is decides what to do; no advice destroys a primary.
#[rustfmt::skip]
const WRITING: &[Case] = &[
    (|facts| { takes_writes(facts, 1); replica(facts).started = 0; }, &writing!(
        "it is the primary => correct its URL in DATABASE_REPLICA_URLS"
    )),
    (|facts| takes_writes(facts, 2), &writing!(
        "it takes writes on timeline 2, the primary on 1 => it was promoted: let DATABASE_PRIMARY_URL lead to it"
    )),
    (|facts| takes_writes(facts, 1), &writing!(
        "it takes writes => make it a replica of the primary, which deletes what is on it now: pg_basebackup"
    )),
    (|facts| { takes_writes(facts, 1); replica(facts).answer.system = 8; }, &writing!(
        "it takes writes, in another cluster => correct its URL in DATABASE_REPLICA_URLS"
    )),
    (|facts| { takes_writes(facts, 1); facts.primary.node = Err("gone".to_owned()); facts.library = None; }, &[
        ("primary answers", "db:1: gone => start it"),
        ("primary is a primary", "not checked: it does not answer"),
        ("primary has the tables", "not checked: it does not answer"),
        ("replica-1 is a replica", "the primary does not answer => if it was promoted, let DATABASE_PRIMARY_URL lead to it"),
        ("replica-1 has the primary's data", "not checked: replica-1 is a primary"),
        ("replica-1 has a slot", "not checked: replica-1 is a primary"),
        ("replica-1 streams", "not checked: replica-1 is a primary"),
        ("replica-1 replays", "not checked: replica-1 is a primary"),
        ("replica-1 has the tables", "not checked: replica-1 is a primary"),
        ("replica-1 answers reads", "not checked: replica-1 is a primary"),
        ("redis shares what is cached", "not checked: the primary does not answer"),
    ]),
];

/// Of a role that may read nothing anywhere.
#[rustfmt::skip]
const UNREADABLE: &[Case] = &[
    (|facts| {
        facts.primary.node.as_mut().unwrap().unreadable_tables.push("song".to_owned());
        replica(facts).unreadable_tables.push("song".to_owned());
        facts.library = None;
    }, &[
        ("primary has the tables", "`app` may not read song => psql -h db -p 1"),
        ("replica-1 has the tables", "not checked: its tables may not be read on the primary either"),
        ("replica-1 answers reads", "not checked: the primary's tables may not be read"),
        ("redis shares what is cached", "not checked: the primary's tables may not be read"),
    ]),
];

/// Of two replicas.
#[rustfmt::skip]
const TWICE: &[Case] = &[
    (|facts| add(facts, "4", 2, "replica_2"), &[]),
    (|facts| add(facts, "2", 1, "replica_1"), &[
        ("replica-2 is a replica", "it is the same server as replica-1 => correct its URL in DATABASE_REPLICA_URLS"),
    ]),
    // By another name of its host.
    (|facts| add(facts, "4", 1, "replica_1"), &[
        ("replica-2 is a replica", "it is the same server as replica-1"),
    ]),
    // It does not always answer.
    (|facts| { add(facts, "2", 1, "replica_1"); facts.replicas[0].node = Err("gone".to_owned()); }, &[
        ("replica-1 answers", "gone"),
        ("replica-1 is a replica", "not checked"),
        ("replica-1 has the primary's data", "not checked"),
        ("replica-1 has a slot", "not checked"),
        ("replica-1 streams", "not checked"),
        ("replica-1 replays", "not checked"),
        ("replica-1 has the tables", "not checked"),
        ("replica-1 answers reads", "not checked"),
        ("replica-2 is a replica", "it is the same server as replica-1"),
    ]),
    (|facts| add(facts, "4", 2, "replica_1"), &[
        ("replica-2 has a slot", "`replica_1` is what replica-1 uses, and one slot serves one replica => psql -h db -p 1 "),
    ]),
];

/// Of what a replica does with what it receives.
#[rustfmt::skip]
const REPLAYING: &[Case] = &[
    (|facts| replay(facts).receiver = Receiver::Unseen, &[
        ("replica-1 streams", "psql -h db -p 1 -U postgres -d postgres -c \"GRANT pg_monitor TO app\""),
    ]),
    (|facts| replay(facts).paused = true, &[
        ("replica-1 replays", "psql -h db -p 2 -U postgres -d postgres -c \"SELECT pg_wal_replay_resume()\""),
    ]),
    (|facts| replay(facts).replayed = Some(Lsn(0x4FF)), &[
        ("replica-1 replays", "it is at 0/4FF, and the primary was at 0/500 5s before => watch it"),
    ]),
    (|facts| replay(facts).replayed = None, &[
        ("replica-1 replays", "it has replayed nothing"),
    ]),
    (|facts| facts.primary.moment = None, &[
        ("replica-1 replays", "not checked: the primary was in the middle of a record"),
    ]),
    (|facts| replica(facts).versions.truncate(1), &[
        ("replica-1 has the tables", "database `app` has no migration 2 => watch it"),
    ]),
    (|facts| replica(facts).unreadable_tables.push("song".to_owned()), &[
        ("replica-1 has the tables", "`app` may not read song => psql -h db -p 1 -U postgres -d app -c \"GRANT SELECT"),
    ]),
    (|facts| { replica(facts).versions.clear(); replica(facts).database = "x".to_owned(); }, &[
        ("replica-1 has the tables", "the primary's is `app` => let its URL in DATABASE_REPLICA_URLS end with /app"),
    ]),
];

/// Of the library's reads and the cache.
#[rustfmt::skip]
const READING: &[Case] = &[
    (|facts| library(facts).reads.clear(), &[
        ("replica-1 answers reads", "not checked"),
    ]),
    (|facts| library(facts).reads[0].answered = 0, &[
        ("replica-1 answers reads", "none of 4 reads came from it"),
    ]),
    (|facts| library(facts).reads[0].error = Some("no".to_owned()), &[
        ("replica-1 answers reads", "it answered no"),
    ]),
    (|facts| facts.library = Some(Err("no".to_owned())), &[
        ("replica-1 answers reads", "the library does not connect: no"),
        ("redis shares what is cached", "the library does not connect: no"),
    ]),
    (|facts| library(facts).cache.as_mut().unwrap()[0].second = "replica-1".to_owned(), &[
        ("redis shares what is cached", "and in a second instance from replica-1"),
    ]),
    (|facts| library(facts).cache = Err("no".to_owned()), &[
        ("redis shares what is cached", "a cached read failed: no"),
    ]),
    (|facts| library(facts).cache = Ok(Vec::new()), &[
        ("redis shares what is cached", "not checked: the primary has no album to read"),
    ]),
    (|facts| facts.redis = Redis::Fails(address("3"), "gone".to_owned()), &[
        ("redis answers", "db:3: gone => start it: `compose/cluster start redis`, or `redis-server --port 3`"),
        ("redis shares what is cached", "not checked: redis does not answer"),
    ]),
    (|facts| { facts.redis = Redis::NotConfigured; facts.replicas.clear(); }, &[
        ("replicas are there", "none is configured => export DATABASE_REPLICA_URLS="),
        ("redis answers", "none is configured => export REDIS_URL="),
        ("redis shares what is cached", "not checked: there is no redis"),
    ]),
];

#[test]
fn each_fault_is_found_by_its_checks_and_by_no_other() {
    let cases = [STREAMING, WRITING, TWICE, UNREADABLE, REPLAYING, READING].concat();
    for (at, (break_it, expected)) in cases.into_iter().enumerate() {
        let mut facts = sound();
        break_it(&mut facts);
        let complaints = complaints(&facts);
        let found = complaints.iter().map(|(check, _)| check.as_str());
        let wanted = expected.iter().map(|(check, _)| *check);
        assert!(found.eq(wanted), "case {at}: {complaints:#?}");
        for ((check, said), (_, word)) in complaints.iter().zip(expected) {
            assert!(said.contains(word), "case {at}, {check}: {said}");
        }
    }
}
