//! The table of the harness, and the repository that the sessions use.

use std::time::Duration;

use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Double};
use diesel_manifold::Manifold;
use diesel_manifold::prelude::*;

use crate::World;
use crate::history::record::Vector;

diesel::table! {
    register (key) { key -> Integer, value -> BigInt, }
}

diesel::table! {
    log (key, number) { key -> Integer, number -> BigInt, }
}

/// A value of a row, by raw SQL.
#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

/// Makes the tables in the world's database: the register with a row for each session, the log of all writes, and a
/// sequence that can fill the servers' log.
pub fn create(world: &World, sessions: usize) {
    let sql = format!(
        "CREATE TABLE register (key int PRIMARY KEY, value bigint NOT NULL);
         INSERT INTO register SELECT key, 0 FROM generate_series(0, {sessions} - 1) key;
         CREATE TABLE log (key int NOT NULL, number bigint NOT NULL);
         CREATE SEQUENCE hot;
         ALTER TABLE register OWNER TO app;
         ALTER TABLE log OWNER TO app;"
    );
    world.sql(world.acting_primary(), &sql);
    world.caught_up();
}

/// The writes that are there: row and number, as often as they were written. One that a failover lost is not.
pub fn surviving(world: &World) -> Vec<(usize, i64)> {
    let rows = world.sql(world.acting_primary(), "SELECT key, number FROM log");
    let parsed = rows.lines().map(|row| {
        let (key, number) = row.split_once('|').expect("two columns");
        let key = key.parse().expect("a key");
        (key, number.parse().expect("a number"))
    });
    parsed.collect()
}

/// The register, through one process.
#[derive(Clone)]
pub struct Register {
    db: Manifold,
}

impl Register {
    /// The register of a manifold.
    pub fn new(db: Manifold) -> Self {
        Self { db }
    }

    /// Its manifold.
    pub fn db(&self) -> &Manifold {
        &self.db
    }
}

#[repository]
impl Register {
    /// All values in the order of their keys.
    #[read]
    pub async fn all(&self, conn: &mut ReadConn<'_>) -> Result<Vector> {
        let all = register::table.order(register::key).select(register::value);
        Ok(all.load(conn).await?)
    }

    /// The same by a statement that takes `lasting`; it shows what was there when it began.
    #[read]
    pub async fn all_slowly(&self, conn: &mut ReadConn<'_>, lasting: Duration) -> Result<Vector> {
        // `pg_sleep` answers `void`, so it is only compared with NULL; in a subquery it runs once.
        let sql = "SELECT value FROM register WHERE (SELECT pg_sleep($1)) IS NOT NULL ORDER BY key";
        let all = diesel::sql_query(sql)
            .into_boxed::<Pg>()
            .bind::<Double, _>(lasting.as_secs_f64());
        let values: Vec<Value> = all.assert_read_only().load(conn).await?;
        Ok(values.into_iter().map(|it| it.value).collect())
    }

    /// One value.
    #[cached(ttl = "30s")]
    pub async fn one(&self, conn: &mut ReadConn<'_>, row: i32) -> Result<i64> {
        let one = register::table.find(row).select(register::value);
        Ok(one.first(conn).await?)
    }

    /// Writes a value; `lazy` means that it is acknowledged before it is on disk, and `open` is how long
    /// the transaction stays open behind the update.
    #[write(invalidates(one(row)))]
    pub async fn put(
        &self,
        conn: &mut WriteConn<'_>,
        row: i32,
        value: i64,
        lazy: bool,
        open: Duration,
    ) -> Result<()> {
        if lazy {
            let lazily = diesel::sql_query("SET LOCAL synchronous_commit = off");
            lazily.execute(conn).await?;
        }
        // An earlier write whose outcome is in doubt must not come out on top of a later one.
        let older = register::table.find(row).filter(register::value.lt(value));
        let put = diesel::update(older).set(register::value.eq(value));
        put.execute(conn).await?;
        let said = (log::key.eq(row), log::number.eq(value));
        let say = diesel::insert_into(log::table).values(said);
        say.execute(conn).await?;
        if !open.is_zero() {
            let pause = diesel::sql_query("SELECT pg_sleep($1)");
            pause
                .bind::<Double, _>(open.as_secs_f64())
                .execute(conn)
                .await?;
        }
        Ok(())
    }
}
