//! What the pools themselves ask a server.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::dsl::{case_when, not};
use diesel::expression::ValidGrouping;
use diesel::pg::data_types::PgLsn;
use diesel::pg::{Pg, PgValue, sql_types};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::Error;
use diesel::sql_types::{Integer, Nullable, SqlType, Text};
use diesel::{
    AppearsOnTable, Expression, NullableExpressionMethods, QueryDsl, QueryResult,
    SelectableExpression,
};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, RunQueryDsl};

#[cfg(feature = "traps")]
mod trapped;

use crate::terms::sighting::Incarnation;
use crate::terms::trap::Trapped;

/// An expression of its own that is always this SQL: diesel keeps nothing prepared that contains raw SQL.
macro_rules! fixed {
    ($name:ident -> $type:ty, $sql:literal) => {
        impl Expression for $name {
            type SqlType = $type;
        }

        impl<Source> SelectableExpression<Source> for $name {}
        impl<Source> AppearsOnTable<Source> for $name {}

        impl QueryFragment<Pg> for $name {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_sql($sql);
                Ok(())
            }
        }
    };
}

diesel::define_sql_function! {
    /// The name of the database.
    fn current_database() -> Text;
}
diesel::define_sql_function! {
    /// The id of the running transaction, if it has changed anything yet.
    fn pg_current_xact_id_if_assigned() -> Nullable<Xid8>;
}
diesel::define_sql_function! {
    /// Where the next record of the primary's log will be written.
    fn pg_current_wal_insert_lsn() -> sql_types::PgLsn;
}
diesel::define_sql_function! {
    /// How far a standby has replayed; stays as it was when it is promoted.
    fn pg_last_wal_replay_lsn() -> Nullable<sql_types::PgLsn>;
}
diesel::define_sql_function! {
    /// Whether the server is a standby.
    fn pg_is_in_recovery() -> Bool;
}
diesel::define_sql_function! {
    /// The name of the file with this position: timeline, log, segment, eight hex digits each.
    fn pg_walfile_name(lsn: sql_types::PgLsn) -> Text;
}
diesel::table! {
    /// Of its columns the one that tells the timeline; a role needs `pg_monitor` to see it.
    pg_stat_wal_receiver (pid) {
        pid -> Nullable<Integer>,
        received_tli -> Nullable<Integer>,
    }
}

diesel::define_sql_function! {
    /// The first of the two that is not null; the second is not asked for if it is the first.
    fn coalesce(first: Nullable<Integer>, second: Nullable<Integer>) -> Nullable<Integer>;
}

/// The timeline that a standby has written down: it has been on it, though it may be on a later one by now.
/// It is read from a file, and everybody may ask for it. `pg_control_checkpoint()` knows the last
/// restartpoint, `pg_control_recovery()` the last page that left the memory
/// ([functions](https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-CONTROLDATA)).
///
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
struct OnDisk;

fixed! {
    OnDisk -> Nullable<Integer>,
    "greatest((SELECT timeline_id FROM pg_control_checkpoint()), \
     (SELECT min_recovery_end_timeline FROM pg_control_recovery()))"
}

/// When the postmaster started.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
pub struct Started;

fixed! { Started -> Text, "pg_postmaster_start_time()::text" }

/// When the checkpointer was started: with the postmaster, and after each crash of a backend.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
pub struct Recovered;

fixed! {
    Recovered -> Nullable<Text>,
    "(SELECT backend_start::text FROM pg_stat_activity WHERE backend_type = 'checkpointer')"
}

/// PostgreSQL's `xid8`, which diesel does not know; its OIDs are fixed in `pg_type.dat`.
#[derive(Debug, SqlType, QueryId)]
#[diesel(postgres_type(oid = 5069, array_oid = 271))]
pub struct Xid8;

/// The id of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromSqlRow)]
pub struct Xid(u64);

impl FromSql<Xid8, Pg> for Xid {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(u64::from_be_bytes(value.as_bytes().try_into()?)))
    }
}

impl Xid {
    /// The id as the server writes it.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Runs the id query once, so that it is prepared on this connection. Unprepared, the id would be
/// asked for only after COMMIT had left, and a lost outcome could not be asked for.
pub async fn prepare_commit(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    before_commit(conn).await.map(drop)
}

/// The id of the running transaction, if it has changed anything, and a place in the log before its
/// commit.
///
/// Like the one below it is built of typed functions only: diesel keeps such a query prepared, but
/// not one with raw SQL in it.
pub async fn before_commit<C>(conn: &mut C) -> QueryResult<(Option<Xid>, u64)>
where
    C: AsyncConnectionCore<Backend = Pg>,
{
    let query = diesel::select((
        pg_current_xact_id_if_assigned(),
        pg_current_wal_insert_lsn(),
    ));
    let (xid, PgLsn(lsn)) = query.get_result(conn).await?;
    Ok((xid, lsn))
}

/// Which run of a server answers.
pub async fn incarnation<C>(conn: &mut C) -> QueryResult<Incarnation>
where
    C: AsyncConnectionCore<Backend = Pg>,
{
    let query = diesel::select((Started, Recovered));
    let (started, recovered): (String, Option<String>) = query.get_result(conn).await?;
    Ok(Incarnation::new(&started, recovered.as_deref()))
}

/// Where a server says it is, in its own terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whereabouts {
    /// Whether it is a standby.
    pub standby: bool,
    /// How far a standby has replayed, or where a primary inserts. `None`: it has replayed nothing
    /// since its start.
    pub lsn: Option<u64>,
    /// The timeline, of a standby that receives nothing, or does not show it to our role, the one it was on
    /// for certain. `None`: it does not tell that either.
    pub timeline: Option<u32>,
    /// How far a primary had replayed when it was promoted.
    pub promoted_at: Option<u64>,
}

/// Whether the server answers at all.
pub async fn answers<C>(conn: &mut C) -> QueryResult<()>
where
    C: AsyncConnectionCore<Backend = Pg>,
{
    let query = diesel::select(current_database());
    query.get_result::<String>(conn).await.map(drop)
}

/// Role and position, in one question that a primary and a standby both answer.
#[cfg_attr(
    not(feature = "traps"),
    expect(unused_variables, reason = "nothing is asked wrongly")
)]
pub async fn whereabouts<C>(conn: &mut C, trapped: Trapped) -> QueryResult<Whereabouts>
where
    C: AsyncConnectionCore<Backend = Pg>,
{
    #[cfg(feature = "traps")]
    if let Some(trap) = trapped.question() {
        return trapped::whereabouts(conn, trap).await;
    }
    found(conn).await
}

async fn found<C>(conn: &mut C) -> QueryResult<Whereabouts>
where
    C: AsyncConnectionCore<Backend = Pg>,
{
    type Row = (
        bool,
        Option<PgLsn>,
        Option<String>,
        Option<i32>,
        Option<PgLsn>,
    );
    let inserting = pg_current_wal_insert_lsn();
    let received = pg_stat_wal_receiver::table
        .select(pg_stat_wal_receiver::received_tli)
        .single_value();
    let following = coalesce(received, OnDisk);
    // PostgreSQL evaluates the branch that it takes, and only that: each would fail on the other role.
    let query = diesel::select((
        pg_is_in_recovery(),
        case_when(pg_is_in_recovery(), pg_last_wal_replay_lsn()).otherwise(inserting.nullable()),
        case_when(
            not(pg_is_in_recovery()),
            pg_walfile_name(inserting).nullable(),
        ),
        case_when(pg_is_in_recovery(), following),
        pg_last_wal_replay_lsn(),
    ));
    let (standby, lsn, file, followed, replayed): Row = query.get_result(conn).await?;
    let timeline = match file {
        Some(file) => Some(timeline_of(&file)?),
        None => followed.and_then(|timeline| u32::try_from(timeline).ok()),
    };
    Ok(Whereabouts {
        standby,
        lsn: lsn.map(|PgLsn(lsn)| lsn),
        timeline,
        promoted_at: replayed.filter(|_| !standby).map(|PgLsn(lsn)| lsn),
    })
}

/// The timeline in the name of a file of the log.
fn timeline_of(file: &str) -> QueryResult<u32> {
    u32::from_str_radix(file.get(..8).unwrap_or_default(), 16)
        .map_err(|error| Error::DeserializationError(Box::new(error)))
}
