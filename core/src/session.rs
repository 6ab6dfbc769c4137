//! A session: what one user wrote and saw, so that no later answer is older.

use std::fmt;
use std::sync::Arc;

use crate::manifold::Manifold;
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
/// # let handler = async {};
/// let session = manifold.session();
/// session.scope(handler).await; // every call in it reads and writes with this session
/// # }
/// ```
#[derive(Clone)]
pub struct Session {
    manifold: Manifold,
    memory: Arc<Memory>,
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
        }
    }

    pub(crate) fn memory(&self) -> &Arc<Memory> {
        &self.memory
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
