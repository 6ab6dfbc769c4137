//! What to do. Commands run as they are, as the superuser `postgres`; words in `<>` are the reader's.

use super::address::Address;
use super::facts::{Node, Primary, Slot};

pub fn start_node(name: &str) -> String {
    format!(
        "start it: `compose/cluster start {name}`, or `pg_ctl start -D <its data directory>`; if it \
         runs, correct its URL"
    )
}

pub fn psql(address: &Address, database: &str, statements: &[&str]) -> String {
    let Address { host, port } = address;
    let statements = statements.iter().map(|sql| format!(" -c \"{sql}\""));
    let statements: String = statements.collect();
    format!("psql -h {host} -p {port} -U postgres -d {database}{statements}")
}

pub fn promote(address: &Address) -> String {
    let promote = psql(address, "postgres", &["SELECT pg_promote()"]);
    format!("let DATABASE_PRIMARY_URL lead to the primary; if there is none: {promote}")
}

pub fn create_slot(primary: &Address, slot: &str) -> String {
    let create = format!("SELECT pg_create_physical_replication_slot('{slot}')");
    psql(primary, "postgres", &[&create])
}

pub fn use_slot(primary: &Address, replica: &Address, slot: &str) -> String {
    let setting = format!("ALTER SYSTEM SET primary_slot_name = '{slot}'");
    let set = psql(replica, "postgres", &[&setting, "SELECT pg_reload_conf()"]);
    format!("{} && {set}", create_slot(primary, slot))
}

pub fn correct_url() -> String {
    "correct its URL in DATABASE_REPLICA_URLS".to_owned()
}

pub fn lead_to(address: &Address) -> String {
    format!("let DATABASE_PRIMARY_URL lead to it, {address}")
}

/// Only of a server whose data nobody needs: the advice says that it is gone then.
pub fn rebuild(primary: &Address, slot: &str) -> String {
    let Address { host, port } = primary;
    format!(
        "make it a replica of the primary, which deletes what is on it now: pg_basebackup -h {host} -p {port} -U replicator -R \
         -S {slot} -D <an empty data directory>"
    )
}

pub fn resume(replica: &Address) -> String {
    psql(replica, "postgres", &["SELECT pg_wal_replay_resume()"])
}

/// For a replica that was told of another server, or of none.
pub fn follow(name: &str, replica: &Address, primary: &Address) -> String {
    let Address { host, port } = primary;
    let setting = format!(
        "ALTER SYSTEM SET primary_conninfo = 'host={host} port={port} user=replicator \
         password=<its password> application_name={name}'"
    );
    psql(replica, "postgres", &[&setting, "SELECT pg_reload_conf()"])
}

/// Of a replica that follows another primary, which has a later timeline.
pub fn lead_to_promoted() -> String {
    "it follows one that was promoted: let DATABASE_PRIMARY_URL lead to that, and stop the old \
     primary"
        .to_owned()
}

/// Of two histories of one cluster: nobody but the reader knows which one is to stay.
pub fn find_out() -> String {
    "find out which of the two has the data to keep, then correct DATABASE_PRIMARY_URL or \
     DATABASE_REPLICA_URLS"
        .to_owned()
}

/// Of a replica that does not stream, by what keeps it from that.
pub fn stream(name: &str, replica: &Address, node: &Node, primary: &Primary) -> String {
    let slot = node.slot.as_deref();
    match slot.map(|slot| (slot, find(&primary.slots, slot))) {
        Some((slot, None)) => return create_slot(&primary.address, slot),
        Some((slot, Some(found))) if found.is_lost => return rebuild(&primary.address, slot),
        _ => {}
    }
    if node.has_upstream == Some(false) {
        return follow(name, replica, &primary.address);
    }
    format!("its log says why: `compose/cluster logs {name}`, or in <its data directory>/log")
}

pub fn find<'s>(slots: &'s [Slot], name: &str) -> Option<&'s Slot> {
    slots.iter().find(|slot| slot.name == name)
}

pub fn prepare() -> String {
    "cargo run -p example-app: its start creates them".to_owned()
}

/// Granted on the primary, whose replicas then have it.
pub fn let_read(primary: &Address, node: &Node) -> String {
    let grant = format!(
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}",
        node.answer.who
    );
    psql(primary, &node.database, &[&grant])
}

pub fn start_redis(address: &Address) -> String {
    format!(
        "start it: `compose/cluster start redis`, or `redis-server --port {}`; if it runs, correct \
         REDIS_URL",
        address.port
    )
}
