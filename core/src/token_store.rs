//! The store of tokens: sessions in Redis, under keys of the application.

use std::fmt;

use crate::manifold::Manifold;
use crate::session::Session;
use crate::terms::error::Result;

/// Sessions by a key of the application, a user's for example: their tokens are in Redis, and the client
/// carries nothing. By [`Manifold::token_store`]; cheap to clone.
///
/// ```no_run
/// # use diesel_manifold::Manifold;
/// # async fn example(manifold: &Manifold) -> diesel_manifold::Result<()> {
/// # let work = async {};
/// let store = manifold.token_store()?;
/// let session = store.session("user-42").await; // what user 42 wrote and saw, in any process
/// session.clone().scope(work).await;
/// store.save("user-42", &session).await?; // before the user has the answer
/// # Ok(()) }
/// ```
///
/// # What a session from it includes
///
/// | Redis says | the session includes |
/// |---|---|
/// | a token | what it says, and everything that was acknowledged more than [`ttl`](crate::TokenStoreSettings::ttl) ago, 60 s by default |
/// | nothing under the key | everything that was acknowledged more than `ttl` ago: so long every token is kept |
/// | that it has forgotten, was restarted, or is a promoted replica, since anybody looked | everything up to now; and from then on, of every session, everything up to that moment |
/// | nothing under the key, and that it evicts | everything up to now; a warning says so, once |
/// | something that is no token of ours | everything up to now; an event says so |
/// | nothing in time | everything up to now; an event says so |
///
/// "Up to now" is what [`Manifold::session_as_of_now`] says: the primary is asked where it is. So is it
/// while this process has not seen the primary for `ttl`. What a user wrote longer ago is not told apart
/// from what others wrote, so a cached answer that was loaded more than `ttl` ago is no hit.
///
/// A token is saved by merging it into the one that is there, in Redis and at one moment: whichever of two
/// processes comes last, no floor is lowered. Nothing removes a token but time.
///
/// # Not covered
///
/// * A save that Redis did not acknowledge, and another process that Redis answers before it is delivered:
///   that one may show the user less, until the write is older than `ttl`. This process knows it meanwhile.
/// * A Redis that acknowledges and forgets one token but not its marker: a clock set forward by more than
///   1 s and an eighth of `ttl`, or somebody who deletes or writes our keys.
/// * A write that PostgreSQL lost in a failover: each session tells its user that has his token, until it is
///   saved that he was told; one that is everything up to now does not know what he wrote, nor does one after
///   `ttl`.
/// * A process whose clock stood still, on a machine that was suspended, until it has seen the primary again.
/// * Two primaries of Redis at a time, of which the isolated one goes on to be asked: set its
///   `min-replicas-to-write`, then it refuses.
/// * Redis Cluster.
///
/// A token in Redis is not signed: who may write there may as well write the answers that are cached there,
/// and could hide a signed token as well as any other. No token key is needed.
///
/// The Redis is the one of the second level of the cache, with its
/// [`operation_timeout`](crate::CacheSettings::operation_timeout) and its breaker. Its user needs `INFO` and
/// scripts. Keep `maxmemory-policy` at `noeviction`, its default.
#[derive(Clone)]
pub struct TokenStore {
    manifold: Manifold,
}

impl fmt::Debug for TokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenStore")
            .field(&self.manifold.namespace())
            .finish()
    }
}

impl TokenStore {
    pub(crate) fn new(manifold: Manifold) -> Self {
        Self { manifold }
    }

    #[cfg(feature = "tower")]
    pub(crate) fn manifold(&self) -> &Manifold {
        &self.manifold
    }

    /// The session under `key`, any bytes; those of more than 160 appear in Redis as their SHA-256. It never
    /// fails: what cannot be known is everything up to now.
    ///
    /// Nothing is saved but by [`save`](Self::save).
    ///
    /// # Cancel safety
    ///
    /// Dropped, nothing has happened to any token.
    pub async fn session(&self, key: impl AsRef<[u8]>) -> Session {
        let (memory, written) = self.manifold.calls().recall(key.as_ref()).await;
        Session::new(self.manifold.clone(), memory).recalled(written)
    }

    /// Saves `session`, one of this manifold, under `key`: call it when its request has done its work, and
    /// before the user has the answer. What is stored under the key is never lowered.
    ///
    /// What the session was shown is bounded by a position first, as for [`Session::token`].
    ///
    /// # Errors
    ///
    /// `is_unreachable` if Redis did not acknowledge it; it is tried again in the background for `ttl`, and
    /// by [`Manifold::shutdown`] for the last time. As many may be in redelivery as
    /// [`WriteSettings::max_endings`](crate::WriteSettings::max_endings) says; at that bound it is not tried
    /// again, and an event says so. `is_configuration` if Redis refuses its user.
    ///
    /// `is_lagging` if no node told a position in time: the session's writes are saved, and what it was shown
    /// is not; of a session that includes everything up to now, nothing is. Its writes are committed in any
    /// case.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may be saved or not, and is not tried again.
    pub async fn save(&self, key: impl AsRef<[u8]>, session: &Session) -> Result<()> {
        session.save(key.as_ref(), None).await
    }
}
