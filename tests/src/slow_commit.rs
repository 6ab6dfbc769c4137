//! A COMMIT that is under way for as long as a test likes.

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

use crate::{World, until};

/// A deferred trigger that makes COMMIT wait for an advisory lock, so that a test can act while a
/// COMMIT is under way.
pub const SLOW_COMMIT: &str = "
CREATE FUNCTION wait_in_commit() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER wait_in_commit AFTER UPDATE ON album DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION wait_in_commit();
";

/// Sessions of the test's database that are in their COMMIT.
pub const COMMITTING: &str = "FROM pg_stat_activity WHERE datname = current_database() \
                          AND query = 'COMMIT' AND state = 'active' AND wait_event IS NOT NULL";

/// Holds the lock that COMMIT waits for, in a session that ends when this is dropped.
pub struct Held(AsyncPgConnection);

impl Held {
    /// Takes the lock.
    pub async fn new(world: &World) -> Self {
        let mut conn = AsyncPgConnection::establish(&world.url(world.primary()))
            .await
            .unwrap();
        conn.batch_execute("SELECT pg_advisory_lock(42)")
            .await
            .unwrap();
        Self(conn)
    }

    /// Lets COMMIT go on.
    pub async fn release(mut self) {
        self.0
            .batch_execute("SELECT pg_advisory_unlock(42)")
            .await
            .unwrap();
    }
}

/// Waits until a COMMIT is under way.
pub async fn until_committing(world: &World) {
    let count = format!("SELECT count(*) {COMMITTING}");
    until("COMMIT is under way", async || {
        world.sql(world.primary(), &count) == "1"
    })
    .await;
}
