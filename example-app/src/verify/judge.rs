//! From facts to checks. No waiting here, and no server.
//!
//! Each check is decided by its own facts. Where those are missing because another check fails, it
//! names that one and is not decided.

use super::address::Address;
use super::facts::{Facts, Library, Node, Primary, Redis, Replica};
use super::fix;
use super::look::TABLES;
use crate::lag::question::{Lsn, Receiver, Role};

mod replica;
#[cfg(test)]
mod tests;

/// One question about one server.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    pub server: String,
    pub question: &'static str,
    pub outcome: Outcome,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With what was seen.
    Pass(String),
    Fail {
        why: String,
        fix: String,
    },
    /// With what keeps it from being decided.
    NotChecked(String),
}

use Outcome::{NotChecked, Pass};

fn fail(why: impl Into<String>, fix: String) -> Outcome {
    Outcome::Fail {
        why: why.into(),
        fix,
    }
}

/// All checks; `versions` are the migrations that a node should have.
pub fn checks(facts: &Facts, versions: &[String]) -> Vec<Check> {
    let primary = &facts.primary;
    let mut checks = vec![
        check(
            "primary",
            "answers",
            answers("primary", &primary.address, &primary.node),
        ),
        check("primary", "is a primary", is_primary(primary)),
        check(
            "primary",
            "has the tables",
            primary_has_tables(primary, versions),
        ),
    ];
    if facts.replicas.is_empty() {
        let fix = "export DATABASE_REPLICA_URLS=<URL of a replica>,<URL of another>".to_owned();
        let outcome = fail("none is configured", fix);
        checks.push(check("replicas", "are there", outcome));
    }
    for replica in &facts.replicas {
        let node = answers(&replica.name, &replica.address, &replica.node);
        checks.push(check(&replica.name, "answers", node));
        checks.extend(replica::checks(replica, facts, versions));
    }
    checks.push(check("redis", "answers", redis_answers(&facts.redis)));
    checks.push(check("redis", "shares what is cached", shares(facts)));
    checks
}

fn check(server: &str, question: &'static str, outcome: Outcome) -> Check {
    Check {
        server: server.to_owned(),
        question,
        outcome,
    }
}

/// Whether reads through the library say anything.
pub fn is_fit_primary(primary: &Primary, versions: &[String]) -> bool {
    let node = primary.node.as_ref();
    node.is_ok_and(|node| is_primary_node(node) && lacks(node, versions).is_none())
}

/// Whether this replica may be asked through the library.
pub fn is_fit_replica(replica: &Replica, primary: &Primary, versions: &[String]) -> bool {
    let (Ok(node), Ok(primary_node)) = (&replica.node, &primary.node) else {
        return false;
    };
    !is_primary_node(node)
        && strange(node, primary).is_none()
        && node.database == primary_node.database
        && lacks(node, versions).is_none()
}

/// Why the primary says nothing about its replicas, if it does not.
fn silence(primary: &Primary) -> Option<&'static str> {
    match &primary.node {
        Err(_) => Some("the primary does not answer"),
        Ok(node) if !is_primary_node(node) => Some("the primary is a replica"),
        Ok(_) => None,
    }
}

fn is_primary_node(node: &Node) -> bool {
    matches!(node.answer.role, Role::Primary(_))
}

/// Two URLs may lead to one server in different words.
fn are_one_server(one: &Node, other: &Node) -> bool {
    one.answer.system == other.answer.system && one.started == other.started
}

/// Why what this node has is not the primary's.
enum Strange {
    System { own: i64, its: i64 },
    Timeline { own: u32, its: u32 },
    Ahead { own: Lsn, its: Lsn },
}

/// A primary that does not answer says nothing of that.
fn strange(node: &Node, primary: &Primary) -> Option<Strange> {
    let primary_node = primary.node.as_ref().ok()?;
    let (own, its) = (node.answer.system, primary_node.answer.system);
    if own != its {
        return Some(Strange::System { own, its });
    }
    let (Role::Replica(replay), Role::Primary(written)) =
        (&node.answer.role, &primary_node.answer.role)
    else {
        return None;
    };
    let (own, its) = (replay.timeline, written.timeline);
    // Only the walreceiver knows it; otherwise it may be one of long ago.
    if replay.receiver == Receiver::Streaming && own != its {
        return Some(Strange::Timeline { own, its });
    }
    let (own, its) = (replay.replayed?, primary.afterwards?);
    (own > its).then_some(Strange::Ahead { own, its })
}

fn answers(name: &str, address: &Address, node: &Result<Node, String>) -> Outcome {
    match node {
        Ok(_) => Pass(address.to_string()),
        Err(why) => fail(format!("{address}: {why}"), fix::start_node(name)),
    }
}

fn is_primary(primary: &Primary) -> Outcome {
    match &primary.node {
        Err(_) => NotChecked("it does not answer".to_owned()),
        Ok(node) if is_primary_node(node) => Pass("it takes writes".to_owned()),
        Ok(_) => fail("it is a replica", fix::promote(&primary.address)),
    }
}

fn primary_has_tables(primary: &Primary, versions: &[String]) -> Outcome {
    let Ok(node) = &primary.node else {
        return NotChecked("it does not answer".to_owned());
    };
    match lacks(node, versions) {
        None => Pass(has_all(versions)),
        Some(why) if node.unreadable_tables.is_empty() => fail(why, fix::prepare()),
        Some(why) => fail(why, fix::let_read(&primary.address, node)),
    }
}

fn has_all(versions: &[String]) -> String {
    format!("{} tables, {} migrations", TABLES.len(), versions.len())
}

/// What a node should have and has not.
fn lacks(node: &Node, versions: &[String]) -> Option<String> {
    let Node { database, .. } = node;
    if !node.missing_tables.is_empty() {
        let tables = node.missing_tables.join(", ");
        return Some(format!("database `{database}` has no table {tables}"));
    }
    if !node.unreadable_tables.is_empty() {
        let (who, tables) = (&node.answer.who, node.unreadable_tables.join(", "));
        return Some(format!("`{who}` may not read {tables}"));
    }
    let missing = versions
        .iter()
        .filter(|version| !node.versions.contains(version));
    let missing: Vec<_> = missing.map(String::as_str).collect();
    let missing = missing.join(", ");
    (!missing.is_empty()).then(|| format!("database `{database}` has no migration {missing}"))
}

/// What keeps the library from being asked, if anything.
fn library(facts: &Facts) -> Result<&Library, Outcome> {
    match &facts.library {
        Some(Ok(library)) => Ok(library),
        Some(Err(why)) => {
            let fix = "see what the log above says".to_owned();
            Err(fail(format!("the library does not connect: {why}"), fix))
        }
        None => {
            let silence = silence(&facts.primary);
            let silence = silence.unwrap_or(match &facts.primary.node {
                Ok(node) if !node.unreadable_tables.is_empty() => {
                    "the primary's tables may not be read"
                }
                _ => "the primary does not have the tables",
            });
            Err(NotChecked(silence.to_owned()))
        }
    }
}

fn redis_answers(redis: &Redis) -> Outcome {
    match redis {
        Redis::Answers(address) => Pass(address.to_string()),
        Redis::Fails(address, why) => fail(format!("{address}: {why}"), fix::start_redis(address)),
        Redis::NotConfigured => fail(
            "none is configured",
            "export REDIS_URL=redis://<host>:6379".to_owned(),
        ),
    }
}

fn shares(facts: &Facts) -> Outcome {
    match &facts.redis {
        Redis::Answers(_) => {}
        Redis::Fails(..) => return NotChecked("redis does not answer".to_owned()),
        Redis::NotConfigured => return NotChecked("there is no redis".to_owned()),
    }
    let cached = match library(facts) {
        Ok(Library {
            cache: Ok(cached), ..
        }) => cached,
        Ok(Library {
            cache: Err(why), ..
        }) => {
            let why = format!("a cached read failed: {why}");
            return fail(why, "see what the log above says".to_owned());
        }
        Err(outcome) => return outcome,
    };
    if let Some(shared) = cached.iter().find(|cached| cached.second == "l2") {
        let (album, first) = (shared.album, &shared.first);
        return Pass(format!(
            "album {album} came from {first}, and in a second instance from l2"
        ));
    }
    match cached.first() {
        None => NotChecked("the primary has no album to read".to_owned()),
        Some(missed) => fail(
            format!(
                "album {} came from {}, and in a second instance from {}",
                missed.album, missed.first, missed.second
            ),
            "see what the log above says of Redis, and whether it evicts: redis-cli -u $REDIS_URL \
             info memory"
                .to_owned(),
        ),
    }
}
