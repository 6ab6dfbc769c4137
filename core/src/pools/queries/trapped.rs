//! Where a server is, found out in the ways that look right and are not: what
//! [`Trap`](crate::terms::trap::Trap) tells of.
//!
//! Like the right one it is one query of typed functions, so that it is prepared and goes out in one
//! message.

use diesel::QueryResult;
use diesel::data_types::PgTimestamp;
use diesel::dsl::{case_when, not};
use diesel::pg::data_types::PgLsn;
use diesel::pg::{Pg, sql_types};
use diesel::query_builder::QueryId;
use diesel::sql_types::SqlType;
use diesel::{NullableExpressionMethods, QueryDsl};
use diesel_async::{AsyncConnectionCore, RunQueryDsl};

use crate::pools::queries::{
    Whereabouts, Xid, Xid8, pg_current_wal_insert_lsn, pg_is_in_recovery, pg_last_wal_replay_lsn,
    pg_stat_wal_receiver, pg_walfile_name, timeline_of,
};
use crate::terms::trap::Trap;

diesel::define_sql_function! {
    /// How far the log is written out.
    fn pg_current_wal_lsn() -> sql_types::PgLsn;
}
diesel::define_sql_function! {
    /// How far a standby has received the log.
    fn pg_last_wal_receive_lsn() -> Nullable<sql_types::PgLsn>;
}
diesel::define_sql_function! {
    /// When the last transaction that a standby has replayed was committed, by the primary's clock.
    fn pg_last_xact_replay_timestamp() -> Nullable<Timestamptz>;
}
diesel::define_sql_function! {
    /// The time.
    fn clock_timestamp() -> Timestamptz;
}
diesel::define_sql_function! {
    /// What this statement sees.
    fn pg_current_snapshot() -> Snapshot;
}
diesel::define_sql_function! {
    /// The first id behind those that it sees.
    fn pg_snapshot_xmax(snapshot: Snapshot) -> Xid8;
}

/// PostgreSQL's `pg_snapshot`, which diesel does not know; its OIDs are fixed in `pg_type.dat`.
#[derive(Debug, SqlType, QueryId)]
#[diesel(postgres_type(oid = 5038, array_oid = 5039))]
pub struct Snapshot;

/// Where a standby is that counts as not behind, whatever is needed.
const NOT_BEHIND: u64 = 1 << 48;

/// A standby whose last commit is no older counts as not behind, in microseconds.
const YOUNG: i64 = 1_000_000;

/// Role and position, by the wrong way that the trap is about.
pub async fn whereabouts<C>(conn: &mut C, trap: Trap) -> QueryResult<Whereabouts>
where
    C: AsyncConnectionCore<Backend = Pg>,
{
    type Row = (
        (bool, Option<String>, Option<i32>),
        (Option<PgLsn>, Option<PgLsn>, Option<PgLsn>, Option<PgLsn>),
        (Option<PgTimestamp>, PgTimestamp, Xid),
    );
    let (inserting, standby) = (pg_current_wal_insert_lsn(), pg_is_in_recovery());
    let receiver = pg_stat_wal_receiver::table
        .select(pg_stat_wal_receiver::received_tli)
        .single_value();
    let query = diesel::select((
        (
            standby,
            case_when(not(standby), pg_walfile_name(inserting).nullable()),
            case_when(standby, receiver),
        ),
        (
            case_when(not(standby), inserting.nullable()),
            case_when(not(standby), pg_current_wal_lsn().nullable()),
            pg_last_wal_receive_lsn(),
            pg_last_wal_replay_lsn(),
        ),
        (
            pg_last_xact_replay_timestamp(),
            clock_timestamp(),
            pg_snapshot_xmax(pg_current_snapshot()),
        ),
    ));
    let ((standby, file, timeline), (inserted, written, heard, replayed), rest): Row =
        query.get_result(conn).await?;
    let (committed, now, xmax) = rest;
    let is_young = committed.is_some_and(|then| now.0 - then.0 < YOUNG);
    let honest = if standby { replayed } else { inserted };
    let honest = honest.map(|PgLsn(lsn)| lsn);
    let lsn = match trap {
        // Not a place in the log at all; but it is used like one, on both sides.
        Trap::StandbySnapshot => Some(xmax.get()),
        Trap::ReceiveIsReplay if standby && heard == replayed => Some(NOT_BEHIND),
        Trap::ReplayTimestamp if standby && is_young => Some(NOT_BEHIND),
        Trap::WriteLsnToken if !standby => written.map(|PgLsn(lsn)| lsn),
        _ => honest,
    };
    let timeline = match file {
        Some(file) => Some(timeline_of(&file)?),
        None => timeline.and_then(|timeline| u32::try_from(timeline).ok()),
    };
    Ok(Whereabouts {
        standby,
        lsn,
        timeline,
        promoted_at: None,
    })
}
