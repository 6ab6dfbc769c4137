//! The repository that the tests watch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::sql_types::{Bool, Integer, Text};
use diesel_manifold::prelude::*;
use diesel_manifold::{Cacheable, Manifold};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// Its tables, with two albums.
pub const SQL: &str = "
CREATE TABLE album (id serial PRIMARY KEY, title text NOT NULL UNIQUE);
INSERT INTO album (title) VALUES ('Kind of Blue'), ('A Love Supreme');
CREATE FUNCTION who() RETURNS TABLE (standby bool, node text, pid int) LANGUAGE sql AS
  'SELECT pg_is_in_recovery(), current_setting(''cluster_name''), pg_backend_pid()';
CREATE FUNCTION writing() RETURNS int LANGUAGE sql AS
  'INSERT INTO album (title) VALUES (''by a function'') RETURNING id';
ALTER TABLE album OWNER TO app;
";

diesel::table! {
    album (id) { id -> Integer, title -> Text, }
}

diesel::define_sql_function! { fn pg_sleep(seconds: diesel::sql_types::Double) -> Bool; }

/// An album.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Queryable,
    Selectable,
    Identifiable,
    Serialize,
    Deserialize,
    Cacheable,
)]
#[diesel(table_name = album, check_for_backend(diesel::pg::Pg))]
pub struct Album {
    /// Its key.
    pub id: i32,
    /// Its title, unique.
    pub title: String,
}

/// Who answered, in the server's words.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Who {
    /// Whether it is a standby.
    #[diesel(sql_type = Bool)]
    pub standby: bool,
    /// Its name, which is its `cluster_name`.
    #[diesel(sql_type = Text)]
    pub node: String,
    /// The session's process.
    #[diesel(sql_type = Integer)]
    pub pid: i32,
}

/// More than ever pass the door at once.
const GUESTS: u32 = 1000;

/// Albums, with a door in the middle of each load that a test can close.
#[derive(Clone, Repository)]
pub struct Shop {
    db: Manifold,
    loads: Arc<AtomicUsize>,
    door: Arc<Semaphore>,
}

impl Shop {
    /// A shop with its door open.
    pub fn new(db: Manifold) -> Self {
        Self {
            db,
            loads: Arc::default(),
            door: Arc::new(Semaphore::new(GUESTS as usize)),
        }
    }

    /// Its manifold.
    pub fn db(&self) -> &Manifold {
        &self.db
    }

    /// How often a body of `by_id` has read its rows.
    pub fn loads(&self) -> usize {
        // Not a method call: every type has a `load` of the verbs, diesel-async's and ours alike.
        AtomicUsize::load(&self.loads, Ordering::SeqCst)
    }

    /// From now on a body stops behind its query, until the door is opened.
    pub async fn close_door(&self) {
        self.door.acquire_many(GUESTS).await.expect("open").forget();
    }

    /// Lets everybody through again.
    pub fn open_door(&self) {
        self.door.add_permits(GUESTS as usize);
    }
}

#[repository]
impl Shop {
    /// Who answers a read.
    #[read]
    pub async fn who(&self, conn: &mut ReadConn<'_>) -> Result<Who> {
        Ok(diesel::sql_query("SELECT * FROM who()")
            .assert_read_only()
            .get_result(conn)
            .await?)
    }

    /// Who takes a write.
    #[write]
    pub async fn who_writes(&self, conn: &mut WriteConn<'_>) -> Result<Who> {
        Ok(diesel::sql_query("SELECT * FROM who()")
            .get_result(conn)
            .await?)
    }

    /// Holds a read connection for a while.
    #[read]
    pub async fn sleep(&self, conn: &mut ReadConn<'_>, seconds: f64) -> Result<()> {
        // `pg_sleep` answers `void`, so its row is asked for and not its value.
        let query = album::table.filter(pg_sleep(seconds).is_not_null()).count();
        query.get_result::<i64>(conn).await?;
        Ok(())
    }

    /// Calls a function that writes.
    #[read]
    pub async fn write_in_a_function(&self, conn: &mut ReadConn<'_>) -> Result<i32> {
        Ok(diesel::dsl::sql::<Integer>("SELECT writing()")
            .assert_read_only()
            .get_result(conn)
            .await?)
    }

    /// All titles in order of their ids.
    #[read]
    pub async fn titles(&self, conn: &mut ReadConn<'_>) -> Result<Vec<String>> {
        let titles = album::table.order(album::id).select(album::title);
        Ok(titles.load(conn).await?)
    }

    /// One album.
    #[cached(ttl = "2m")]
    pub async fn by_id(&self, conn: &mut ReadConn<'_>, id: i32) -> Result<Option<Arc<Album>>> {
        let found = album::table.find(id).first(conn).await.optional()?;
        self.loads.fetch_add(1, Ordering::SeqCst);
        // The door is open or it is closed for all; nobody closes the semaphore.
        drop(self.door.acquire().await);
        Ok(found.map(Arc::new))
    }

    /// One album; an error if there is none.
    #[cached]
    pub async fn must_be(&self, conn: &mut ReadConn<'_>, id: i32) -> QueryResult<Album> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        album::table.find(id).first(conn).await
    }

    /// Adds an album.
    #[write(invalidates(by_id(ret.id)))]
    pub async fn add(&self, conn: &mut WriteConn<'_>, title: &str) -> Result<Album> {
        let new = diesel::insert_into(album::table).values(album::title.eq(title));
        Ok(new.get_result(conn).await?)
    }

    /// Gives an album another title.
    #[write(invalidates(by_id(id)))]
    pub async fn rename(&self, conn: &mut WriteConn<'_>, id: i32, title: &str) -> Result<Album> {
        let update = diesel::update(album::table.find(id)).set(album::title.eq(title));
        Ok(update.get_result(conn).await?)
    }

    /// Renames two albums in one transaction.
    #[write]
    pub async fn rename_two(
        &self,
        conn: &mut WriteConn<'_>,
        first: (i32, &str),
        second: (i32, &str),
    ) -> Result<()> {
        self.rename_on(conn, first.0, first.1).await?;
        self.rename_on(conn, second.0, second.1).await?;
        Ok(())
    }

    /// Renames an album in a savepoint that rolls back.
    #[write]
    pub async fn rename_in_vain(&self, conn: &mut WriteConn<'_>, id: i32) -> Result<()> {
        let rolled_back: Result<()> = conn
            .transaction(async |conn| {
                self.rename_on(conn, id, "in vain").await?;
                Err(diesel::result::Error::RollbackTransaction.into())
            })
            .await;
        assert!(rolled_back.is_err());
        Ok(())
    }

    /// Swallows the error of a statement.
    #[write(invalidates(by_id(id)))]
    pub async fn swallow(&self, conn: &mut WriteConn<'_>, id: i32) -> Result<()> {
        self.rename_on(conn, id, "swallowed").await?;
        let taken = diesel::insert_into(album::table).values(album::title.eq("A Love Supreme"));
        let _ = taken.execute(conn).await;
        Ok(())
    }

    /// Calls a public write inside of a write.
    #[write]
    pub async fn nested(&self, _conn: &mut WriteConn<'_>, id: i32) -> Result<Album> {
        self.rename(id, "nested").await
    }

    /// Renames without a transaction, then fails.
    #[write(invalidates(by_id(id)), transaction = off)]
    pub async fn rename_and_fail(&self, conn: &mut WriteConn<'_>, id: i32) -> Result<()> {
        self.rename_on(conn, id, "renamed and failed").await?;
        Err(diesel::result::Error::NotFound.into())
    }

    /// Adds an album titled with how many there are; two at once conflict.
    #[write(isolation = serializable, retry = 9)]
    pub async fn add_numbered(&self, conn: &mut WriteConn<'_>) -> Result<i64> {
        let count: i64 = album::table.count().get_result(conn).await?;
        drop(self.door.acquire().await);
        diesel::insert_into(album::table)
            .values(album::title.eq(format!("number {count}")))
            .execute(conn)
            .await?;
        Ok(count)
    }
}
