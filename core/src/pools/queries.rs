//! What the pools themselves ask a server.

use diesel::QueryResult;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::data_types::PgLsn;
use diesel::pg::{Pg, PgValue, sql_types};
use diesel::query_builder::QueryId;
use diesel::result::Error;
use diesel::sql_types::SqlType;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, RunQueryDsl};

use crate::terms::position::Position;

diesel::define_sql_function! {
    /// The id of the running transaction, if it has changed anything yet.
    fn pg_current_xact_id_if_assigned() -> Nullable<Xid8>;
}
diesel::define_sql_function! {
    /// Where the next record of the primary's log will be written.
    fn pg_current_wal_insert_lsn() -> sql_types::PgLsn;
}
diesel::define_sql_function! {
    /// The name of the file with this position: timeline, log, segment, eight hex digits each.
    fn pg_walfile_name(lsn: sql_types::PgLsn) -> Text;
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

/// Runs both position and id query once, so that they are prepared on this connection. Unprepared,
/// the id would be asked for only after COMMIT had left, and a lost outcome could not be asked for.
pub async fn prepare(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    current_xid(conn).await?;
    current_position(conn).await?;
    Ok(())
}

/// The id of the running transaction, if it has changed anything.
///
/// Like the position below it is built of typed functions only: diesel keeps such a query prepared,
/// but not one with raw SQL in it.
pub async fn current_xid<C>(conn: &mut C) -> QueryResult<Option<Xid>>
where
    C: AsyncConnectionCore<Backend = Pg>,
{
    diesel::select(pg_current_xact_id_if_assigned())
        .get_result(conn)
        .await
}

/// The position up to which the log is filled.
pub async fn current_position<C>(conn: &mut C) -> QueryResult<Position>
where
    C: AsyncConnectionCore<Backend = Pg>,
{
    let query = diesel::select((
        pg_current_wal_insert_lsn(),
        pg_walfile_name(pg_current_wal_insert_lsn()),
    ));
    let (PgLsn(lsn), file): (PgLsn, String) = query.get_result(conn).await?;
    let timeline = u32::from_str_radix(file.get(..8).unwrap_or_default(), 16)
        .map_err(|error| Error::DeserializationError(Box::new(error)))?;
    Ok(Position::new(timeline, lsn))
}
