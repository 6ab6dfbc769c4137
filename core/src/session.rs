//! A session: what one user wrote and saw, so that no later answer is older.

use std::fmt;
use std::sync::Arc;

use crate::manifold::Manifold;
use crate::terms::error::Result;
use crate::terms::floors::{Floors, Written};
use crate::terms::memory::Memory;

/// What one user wrote and saw. Reads with the session include both, whichever node answers them.
///
/// A session remembers where in the write-ahead log its last write is, and which node answered its last
/// load. So a later load includes its writes, and never goes back behind an earlier load. While the
/// node is known to be fresh that costs nothing: no message more than the query's own.
///
/// Cheap to clone; all clones are one session. It belongs to the manifold that made it.
///
/// There are two ways to read and write with it: bound to a handle ([`Manifold::with_session`]), or
/// around a future ([`Session::scope`]).
///
/// ```no_run
/// # use diesel_manifold::Manifold;
/// # async fn example(manifold: &Manifold) {
/// # let work = async {};
/// let session = manifold.session();
/// session.clone().scope(work).await; // every call in it reads and writes with this session
/// let token = session.token().await; // and it goes on from there, in another process, too
/// # }
/// ```
#[derive(Clone)]
pub struct Session {
    manifold: Manifold,
    memory: Arc<Memory>,
    /// Its writes as they were when it came from the token store.
    recalled: Option<Written>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.memory).finish()
    }
}

impl Session {
    pub(crate) fn new(manifold: Manifold, memory: Memory) -> Self {
        Self {
            manifold,
            memory: Arc::new(memory),
            recalled: None,
        }
    }

    pub(crate) fn recalled(self, recalled: Option<Written>) -> Self {
        Self { recalled, ..self }
    }

    pub(crate) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// Saves this session in the token store, unless it still has the floors that it was `known` by.
    pub(crate) async fn save(&self, key: &[u8], known: Option<&Floors>) -> Result<()> {
        let calls = self.manifold.calls();
        calls
            .save_token(key, &self.memory, self.recalled, known)
            .await
    }

    /// This session for another process: signed text for a cookie, a header or a job's payload, 140
    /// characters of base64url. [`Manifold::session_from`] reads it.
    ///
    /// What the session was shown is bounded by a position first, which another process can compare: if
    /// the last poll does not tell one yet, its node is asked, a round trip.
    ///
    /// # Errors
    ///
    /// `is_configuration` if no token key is configured; `is_lagging` if neither the node that answered
    /// last nor the primary tells its position within
    /// [`ReadSettings::deadline`](crate::ReadSettings::deadline).
    ///
    /// # Cancel safety
    ///
    /// Dropped, the session is as it was.
    pub async fn token(&self) -> Result<String> {
        self.manifold.calls().seal(&self.memory).await
    }

    /// The token without telling of a lost write. Whoever takes it along has no place for an error: the answer that
    /// it goes out with is made already, and acknowledges the write. The client's next request is told.
    #[cfg(feature = "tower")]
    pub(crate) async fn untold_token(&self) -> Result<String> {
        self.manifold.calls().seal_untold(&self.memory).await
    }

    /// The token without asking anybody: what the session was shown is left out as far as no position
    /// bounds it.
    #[cfg(feature = "tower")]
    pub(crate) fn known_token(&self) -> Result<String> {
        self.manifold.calls().seal_known(&self.memory)
    }

    /// Takes in the floors of a token. None is ever lowered.
    ///
    /// # Errors
    ///
    /// As [`Manifold::session_from`]; then the session is as it was.
    pub fn merge(&self, token: &str) -> Result<()> {
        self.manifold.calls().open(&self.memory, token)
    }

    /// Counts what this session wrote and was shown: as long as it stays the same, so does what the
    /// token says.
    pub fn changes(&self) -> u64 {
        self.memory.changes()
    }

    /// Runs `future` with this session around it: every call in it that is not bound to another
    /// session reads and writes with this one.
    ///
    /// It is a task-local: a task that `future` spawns does not inherit it. Give that one a scope of
    /// its own: `tokio::spawn(session.clone().scope(work))`.
    ///
    /// # Cancel safety
    ///
    /// As safe as `future`.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        let calls = Arc::clone(self.manifold.calls());
        calls.with_memory(self.memory, future).await
    }
}
