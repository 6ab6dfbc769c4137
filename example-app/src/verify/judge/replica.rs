//! The checks of one replica.

use super::Outcome::{NotChecked, Pass};
use super::{
    Check, Outcome, Strange, are_one_server, check, fail, has_all, library, silence, strange,
};
use crate::lag::question::{Receiver, Replay, Role, Written};
use crate::verify::facts::{Facts, Node, Primary, Reads, Replica};
use crate::verify::fix;
use crate::verify::look::CATCH_UP;

/// The checks of a replica, behind whether it answers.
pub fn checks(replica: &Replica, facts: &Facts, versions: &[String]) -> Vec<Check> {
    let decide = |question, decide: &dyn Fn(&Node, &Replay) -> Outcome| {
        let outcome = match &replica.node {
            Err(_) => NotChecked(format!("{} does not answer", replica.name)),
            Ok(node) => match &node.answer.role {
                Role::Replica(replay) => decide(node, replay),
                Role::Primary(_) => NotChecked(format!("{} is a primary", replica.name)),
            },
        };
        check(&replica.name, question, outcome)
    };
    let primary = &facts.primary;
    vec![
        check(&replica.name, "is a replica", is_replica(replica, facts)),
        decide("has the primary's data", &|node, _| {
            belongs(replica, node, primary)
        }),
        decide("has a slot", &|node, replay| {
            of_another(node, primary).unwrap_or_else(|| has_slot(replica, node, replay, facts))
        }),
        decide("streams", &|node, replay| {
            of_another(node, primary).unwrap_or_else(|| streams(replica, node, replay, primary))
        }),
        decide("replays", &|node, replay| {
            of_another(node, primary).unwrap_or_else(|| replays(replica, node, replay, primary))
        }),
        decide("has the tables", &|node, replay| {
            has_tables(replica, node, replay, primary, versions)
        }),
        decide("answers reads", &|_, _| answers_reads(replica, facts)),
    ]
}

/// What two histories say of positions and slots means nothing to each other.
fn of_another(node: &Node, primary: &Primary) -> Option<Outcome> {
    let why = match strange(node, primary)? {
        Strange::System { .. } => "it is of another cluster",
        Strange::Timeline { .. } | Strange::Ahead { .. } => "it has another history",
    };
    Some(NotChecked(why.to_owned()))
}

fn is_replica(replica: &Replica, facts: &Facts) -> Outcome {
    match &replica.node {
        Err(_) => NotChecked(format!("{} does not answer", replica.name)),
        Ok(node) => match &node.answer.role {
            Role::Primary(written) => takes_writes(replica, node, written, &facts.primary),
            Role::Replica(_) => match same_server(replica, node, &facts.replicas) {
                Some(other) => fail(
                    format!("it is the same server as {other}"),
                    fix::correct_url(),
                ),
                None => Pass("it is in recovery".to_owned()),
            },
        },
    }
}

/// The first replica that is the same server, if it is not this one.
fn same_server<'r>(replica: &Replica, node: &Node, replicas: &'r [Replica]) -> Option<&'r str> {
    let others = replicas
        .iter()
        .take_while(|other| other.name != replica.name);
    let mut same = others.filter(|other| {
        let other_node = other.node.as_ref();
        other.address == replica.address
            || other_node.is_ok_and(|other| are_one_server(node, other))
    });
    same.next().map(|other| other.name.as_str())
}

/// The replica before this one that uses its slot, on a server of its own.
fn sharer<'r>(replica: &Replica, node: &Node, replicas: &'r [Replica]) -> Option<&'r str> {
    let others = replicas
        .iter()
        .take_while(|other| other.name != replica.name);
    let mut sharers = others.filter(|other| {
        let other = other.node.as_ref();
        other.is_ok_and(|other| other.slot == node.slot && !are_one_server(node, other))
    });
    sharers.next().map(|other| other.name.as_str())
}

/// It may be the one that all should write to. Only what is surely behind may be built again.
fn takes_writes(replica: &Replica, node: &Node, own: &Written, primary: &Primary) -> Outcome {
    let Ok(primary_node) = &primary.node else {
        return fail(
            "it takes writes, and the primary does not answer",
            format!("if it was promoted, {}", fix::lead_to(&replica.address)),
        );
    };
    if are_one_server(node, primary_node) {
        return fail("it is the primary", fix::correct_url());
    }
    if node.answer.system != primary_node.answer.system {
        return fail("it takes writes, in another cluster", fix::correct_url());
    }
    match &primary_node.answer.role {
        Role::Replica(_) => fail(
            "it takes writes, and the primary does not",
            fix::lead_to(&replica.address),
        ),
        Role::Primary(its) if own.timeline > its.timeline => fail(
            format!(
                "it takes writes on timeline {}, the primary on {}",
                own.timeline, its.timeline
            ),
            format!("it was promoted: {}", fix::lead_to(&replica.address)),
        ),
        Role::Primary(_) => fail(
            "it takes writes",
            fix::rebuild(&primary.address, &slot_for(replica)),
        ),
    }
}

/// A slot's name has no hyphens.
fn slot_for(replica: &Replica) -> String {
    replica.name.replace('-', "_")
}

fn belongs(replica: &Replica, node: &Node, primary: &Primary) -> Outcome {
    let Ok(primary_node) = &primary.node else {
        return NotChecked("the primary does not answer".to_owned());
    };
    match strange(node, primary) {
        None => Pass(format!(
            "system {}",
            primary_node.answer.system.cast_unsigned()
        )),
        Some(Strange::System { own, its }) => {
            let (own, its) = (own.cast_unsigned(), its.cast_unsigned());
            fail(
                format!("it is of another cluster, system {own}; the primary's is {its}"),
                fix::correct_url(),
            )
        }
        Some(Strange::Timeline { own, its }) => fail(
            format!("it is on timeline {own}, the primary on {its}"),
            if own > its {
                fix::lead_to_promoted()
            } else {
                fix::follow(&replica.name, &replica.address, &primary.address)
            },
        ),
        Some(Strange::Ahead { own, its }) => fail(
            format!("it is at {own}, and the primary later at {its}: it has another history"),
            fix::find_out(),
        ),
    }
}

fn has_slot(replica: &Replica, node: &Node, replay: &Replay, facts: &Facts) -> Outcome {
    let primary = &facts.primary;
    if let Some(silence) = silence(primary) {
        return NotChecked(silence.to_owned());
    }
    let Some(slot) = &node.slot else {
        return fail(
            "it uses none, so the primary throws away what it may still need",
            fix::use_slot(&primary.address, &replica.address, &slot_for(replica)),
        );
    };
    if let Some(other) = sharer(replica, node, &facts.replicas) {
        return fail(
            format!("`{slot}` is what {other} uses, and one slot serves one replica"),
            fix::use_slot(&primary.address, &replica.address, &slot_for(replica)),
        );
    }
    let stream = || fix::stream(&replica.name, &replica.address, node, primary);
    match fix::find(&primary.slots, slot) {
        None => fail(format!("the primary has no slot `{slot}`"), stream()),
        Some(found) if found.is_lost => fail(
            format!("the primary has thrown away what `{slot}` needs"),
            stream(),
        ),
        Some(found) if found.active => Pass(format!("`{slot}` is active")),
        // The primary was asked after the replica.
        Some(_) if replay.receiver == Receiver::Streaming => fail(
            format!("nobody uses `{slot}` on the primary: it streams from another server"),
            fix::follow(&replica.name, &replica.address, &primary.address),
        ),
        Some(_) => fail(format!("nobody uses `{slot}` on the primary"), stream()),
    }
}

fn streams(replica: &Replica, node: &Node, replay: &Replay, primary: &Primary) -> Outcome {
    let why = match &replay.receiver {
        Receiver::Streaming => return Pass("its walreceiver is streaming".to_owned()),
        Receiver::Unseen => {
            let who = &node.answer.who;
            let grant = format!("GRANT pg_monitor TO {who}");
            return fail(
                format!("`{who}` may not see it"),
                fix::psql(&primary.address, "postgres", &[&grant]),
            );
        }
        Receiver::Other(status) => format!("its walreceiver is {status}"),
        Receiver::None => "it has no walreceiver".to_owned(),
    };
    if let Some(silence) = silence(primary) {
        return NotChecked(silence.to_owned());
    }
    fail(
        why,
        fix::stream(&replica.name, &replica.address, node, primary),
    )
}

fn replays(replica: &Replica, node: &Node, replay: &Replay, primary: &Primary) -> Outcome {
    if replay.paused {
        return fail("replay is paused", fix::resume(&replica.address));
    }
    if let Some(silence) = silence(primary) {
        return NotChecked(silence.to_owned());
    }
    let Some(moment) = primary.moment else {
        return NotChecked("the primary was in the middle of a record; ask again".to_owned());
    };
    let why = match replay.replayed {
        Some(replayed) if replayed >= moment => {
            return Pass(format!("it has what the primary had at {moment}"));
        }
        Some(replayed) => format!("it is at {replayed}, and the primary was at {moment}"),
        None => "it has replayed nothing".to_owned(),
    };
    if replay.receiver == Receiver::None {
        let fix = fix::stream(&replica.name, &replica.address, node, primary);
        return fail(why, fix);
    }
    fail(
        format!("{why} {CATCH_UP:?} before"),
        "watch it: cargo run -p example-app -- lag".to_owned(),
    )
}

fn has_tables(
    replica: &Replica,
    node: &Node,
    replay: &Replay,
    primary: &Primary,
    versions: &[String],
) -> Outcome {
    let Some(why) = super::lacks(node, versions) else {
        return Pass(has_all(versions));
    };
    let Ok(primary_node) = &primary.node else {
        return NotChecked(format!("{why}, and the primary does not answer"));
    };
    if node.database != primary_node.database {
        let right = &primary_node.database;
        return fail(
            format!("{why}; the primary's is `{right}`"),
            format!("let its URL in DATABASE_REPLICA_URLS end with /{right}"),
        );
    }
    if super::lacks(primary_node, versions).is_some() {
        let why = if primary_node.unreadable_tables.is_empty() {
            "the primary has no such tables either"
        } else {
            "its tables may not be read on the primary either"
        };
        return NotChecked(why.to_owned());
    }
    let fix = if !node.unreadable_tables.is_empty() {
        fix::let_read(&primary.address, node)
    } else if replay.paused {
        fix::resume(&replica.address)
    } else if replay.receiver == Receiver::Streaming {
        "watch it: cargo run -p example-app -- lag".to_owned()
    } else {
        fix::stream(&replica.name, &replica.address, node, primary)
    };
    fail(why, fix)
}

fn answers_reads(replica: &Replica, facts: &Facts) -> Outcome {
    let library = match library(facts) {
        Ok(library) => library,
        Err(outcome) => return outcome,
    };
    let reads = library.reads.iter();
    match reads
        .into_iter()
        .find(|reads| reads.replica == replica.name)
    {
        None => NotChecked(format!(
            "{} does not have the primary's data and tables",
            replica.name
        )),
        Some(Reads {
            answered,
            of,
            error: None,
            ..
        }) if *answered > 0 => Pass(format!("{answered} of {of} reads")),
        Some(Reads { of, error, .. }) => fail(
            match error {
                Some(error) => format!("it answered {error}"),
                None => format!("none of {of} reads came from it"),
            },
            "see what the log above says of it".to_owned(),
        ),
    }
}
