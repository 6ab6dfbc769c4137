//! Looking at the servers. Each question has its bound, and nothing is changed.

use std::future::Future;
use std::time::Duration;

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use super::address::Address;
use super::facts::{Facts, Node, Primary, Redis, Replica, Slot};
use super::{judge, library};
use crate::lag::PATIENCE;
use crate::lag::question::{Link, Lsn, Receiver, Role, one_line};
use crate::servers::Servers;

/// How long a replica may take to replay what the primary had, and the primary to end a record.
pub const CATCH_UP: Duration = Duration::from_secs(5);
/// Between two questions meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

/// What the migrations create.
pub const TABLES: [&str; 6] = ["artist", "album", "song", "blog", "post", "comment"];

/// A slot is told by the walreceiver; while there is none, or we may not see it, by the setting.
const SETUP: &str = "\
    SELECT current_database()::text AS database, \
        (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS started, \
        coalesce((SELECT slot_name FROM pg_stat_wal_receiver), \
            current_setting('primary_slot_name')) AS slot, \
        (SELECT setting <> '' FROM pg_settings WHERE name = 'primary_conninfo') AS has_upstream, \
        ARRAY(SELECT name FROM unnest($1) name WHERE to_regclass(name) IS NULL) AS missing_tables, \
        ARRAY(SELECT name FROM unnest($1 || '__diesel_schema_migrations'::text) name \
            WHERE NOT has_table_privilege(to_regclass(name), 'SELECT')) AS unreadable_tables, \
        has_table_privilege(to_regclass('__diesel_schema_migrations'), 'SELECT') AS has_versions";
const VERSIONS: &str = "SELECT version FROM __diesel_schema_migrations";
const SLOTS: &str = "\
    SELECT slot_name::text AS name, active, wal_status IS NOT DISTINCT FROM 'lost' AS is_lost \
    FROM pg_replication_slots WHERE slot_type = 'physical'";

#[derive(QueryableByName)]
struct SetupRow {
    #[diesel(sql_type = Text)]
    database: String,
    #[diesel(sql_type = BigInt)]
    started: i64,
    #[diesel(sql_type = Nullable<Text>)]
    slot: Option<String>,
    #[diesel(sql_type = Nullable<Bool>)]
    has_upstream: Option<bool>,
    #[diesel(sql_type = Array<Text>)]
    missing_tables: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    unreadable_tables: Vec<String>,
    /// NULL if there is no such table.
    #[diesel(sql_type = Nullable<Bool>)]
    has_versions: Option<bool>,
}

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = Text)]
    version: String,
}

#[derive(QueryableByName)]
struct SlotRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    active: bool,
    #[diesel(sql_type = Bool)]
    is_lost: bool,
}

/// Finds out all there is to know about the servers; `versions` are the migrations they should have.
pub async fn at(servers: &Servers, versions: &[String]) -> Facts {
    let ((mut primary, mut link), redis) = tokio::join!(
        at_primary(&servers.primary),
        at_redis(servers.redis.as_deref())
    );
    let replicas = at_replicas(servers, primary.moment).await;
    if primary.node.is_ok() {
        ask_again(&mut primary, &mut link).await;
    }
    let library = if judge::is_fit_primary(&primary, versions) {
        let fit = replicas
            .iter()
            .zip(&servers.replicas)
            .filter(|(replica, _)| judge::is_fit_replica(replica, &primary, versions));
        let fit = fit.map(|(replica, url)| (replica.name.as_str(), url.as_str()));
        Some(library::look(servers, &fit.collect::<Vec<_>>()).await)
    } else {
        None
    };
    Facts {
        primary,
        replicas,
        redis,
        library,
    }
}

async fn at_primary(url: &str) -> (Primary, Link) {
    let mut link = Link::new(url);
    let mut primary = Primary {
        address: Address::of(url, 5432),
        node: node(&mut link).await,
        slots: Vec::new(),
        moment: None,
        afterwards: None,
    };
    if primary.node.is_ok() {
        primary.moment = moment(&mut link).await;
    }
    (primary, link)
}

/// What says something about a replica only when it is asked after that: a replica is never ahead,
/// and one that streams uses its slot.
async fn ask_again(primary: &mut Primary, link: &mut Link) {
    let asking = async {
        let answer = link.ask().await?;
        Ok((answer.role, slots(link).await?))
    };
    match in_time(asking).await {
        Ok((role, slots)) => {
            primary.slots = slots;
            if let Role::Primary(written) = role {
                primary.afterwards = Some(written.flushed);
            }
        }
        Err(error) => primary.node = Err(error),
    }
}

async fn at_replicas(servers: &Servers, moment: Option<Lsn>) -> Vec<Replica> {
    let mut looking = JoinSet::new();
    for (at, url) in servers.replicas.iter().enumerate() {
        let mut link = Link::new(url);
        looking.spawn(async move {
            let node = match node(&mut link).await {
                Ok(node) => caught_up(&mut link, node, moment).await,
                Err(error) => Err(error),
            };
            (at, node)
        });
    }
    let mut nodes = looking.join_all().await;
    nodes.sort_by_key(|(at, _)| *at);
    let nodes = nodes.into_iter().zip(&servers.replicas);
    let replicas = nodes.map(|((at, node), url)| Replica {
        name: format!("replica-{}", at + 1),
        address: Address::of(url, 5432),
        node,
    });
    replicas.collect()
}

async fn node(link: &mut Link) -> Result<Node, String> {
    let answer = in_time(link.ask()).await?;
    let (setup, versions) = in_time(setup(link)).await?;
    Ok(Node {
        answer,
        started: setup.started,
        database: setup.database,
        slot: setup.slot.filter(|slot| !slot.is_empty()),
        has_upstream: setup.has_upstream,
        missing_tables: setup.missing_tables,
        unreadable_tables: setup.unreadable_tables,
        versions,
    })
}

async fn setup(link: &mut Link) -> Result<(SetupRow, Vec<String>), String> {
    let conn = link.connected().await?;
    let setup = sql_query(SETUP).bind::<Array<Text>, _>(TABLES.as_slice());
    let setup: SetupRow = setup.get_result(conn).await.map_err(said)?;
    let versions = if setup.has_versions == Some(true) {
        let rows: Vec<VersionRow> = sql_query(VERSIONS).load(conn).await.map_err(said)?;
        rows.into_iter().map(|row| row.version).collect()
    } else {
        Vec::new()
    };
    Ok((setup, versions))
}

async fn slots(link: &mut Link) -> Result<Vec<Slot>, String> {
    let conn = link.connected().await?;
    let rows: Vec<SlotRow> = sql_query(SLOTS).load(conn).await.map_err(said)?;
    let slots = rows.into_iter().map(|row| Slot {
        name: row.name,
        active: row.active,
        is_lost: row.is_lost,
    });
    Ok(slots.collect())
}

/// The primary's position, once it has one that a replica can have replayed.
async fn moment(link: &mut Link) -> Option<Lsn> {
    let asking = async {
        let mut pauses = interval(PAUSE);
        let mut inserted = None;
        loop {
            pauses.tick().await;
            let Role::Primary(written) = link.ask().await.ok()?.role else {
                return None;
            };
            let replayable = written.replayable();
            // What was inserted when we first asked, once that is on disk.
            let first = *inserted.get_or_insert(written.inserted);
            let first = Some(first).filter(|first| *first <= written.flushed);
            if let Some(moment) = replayable.or(first) {
                return Some(moment);
            }
        }
    };
    timeout(CATCH_UP, asking).await.ok().flatten()
}

/// The replica when it has replayed the primary's moment, or when that does not come.
async fn caught_up(link: &mut Link, mut node: Node, moment: Option<Lsn>) -> Result<Node, String> {
    let waiting = async {
        let mut pauses = interval(PAUSE);
        while may_catch_up(&node, moment) {
            pauses.tick().await;
            node.answer = in_time(link.ask()).await?;
        }
        Ok(())
    };
    if let Ok(Err(error)) = timeout(CATCH_UP, waiting).await {
        return Err(error);
    }
    // The tables may have come meanwhile.
    let (setup, versions) = in_time(setup(link)).await?;
    node.missing_tables = setup.missing_tables;
    node.unreadable_tables = setup.unreadable_tables;
    node.versions = versions;
    Ok(node)
}

fn may_catch_up(node: &Node, moment: Option<Lsn>) -> bool {
    match &node.answer.role {
        Role::Primary(_) => false,
        Role::Replica(replay) => {
            moment.is_some_and(|moment| replay.replayed < Some(moment))
                && !replay.paused
                && replay.receiver != Receiver::None
        }
    }
}

async fn at_redis(url: Option<&str>) -> Redis {
    let Some(url) = url else {
        return Redis::NotConfigured;
    };
    let address = Address::of(url, 6379);
    match diesel_manifold::ping_redis(url).await {
        Ok(()) => Redis::Answers(address),
        Err(error) => Redis::Fails(address, one_line(&error.to_string())),
    }
}

async fn in_time<T>(asking: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    match timeout(PATIENCE, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {PATIENCE:?}")),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn said(error: diesel::result::Error) -> String {
    one_line(&error.to_string())
}
