//! A session for each user, from the token store: the client carries nothing.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use tower_layer::Layer;

use crate::calls::token::store::Quiet;
use crate::session::Session;
use crate::terms::floors::Floors;
use crate::token_store::TokenStore;
use crate::tower::service::{SessionService, Way};

/// Tells the key of a request's user.
type KeyOf = Arc<dyn Fn(&Parts) -> Option<Vec<u8>> + Send + Sync>;

/// A session for each user, kept in Redis under a key of the application: [`TokenStore`] tells what it
/// includes.
///
/// ```no_run
/// # fn example(manifold: &diesel_manifold::Manifold) -> diesel_manifold::Result<()> {
/// use diesel_manifold::tower::StoreLayer;
///
/// /// What your authentication has put into the request.
/// #[derive(Clone)]
/// struct User(i64);
///
/// let store = manifold.token_store()?;
/// let sessions = StoreLayer::new(&store, |request| {
///     let User(id) = request.extensions.get()?;
///     Some(format!("user-{id}"))
/// });
/// # Ok(()) }
/// ```
///
/// It stands where a [`SessionLayer`](super::SessionLayer) would, outermost of everything that calls a
/// repository, but inside of what tells who the user is. A request with a key gets the user's session, and
/// what the request has moved of it is saved before the answer goes out, by [`TokenStore::save`]. If that
/// fails, the answer goes out all the same, because its writes are committed; an event says so, and the
/// token is tried again in the background. A request without a key is answered as one without a token, and
/// nothing is saved of it: a handler that logs somebody in may do that, with the session of the request's
/// extensions.
///
/// Requests of one user at the same time are merged, none takes another's floor away. **Not covered**: a
/// request that the client gives up before its answer; what the body does when it is streamed afterwards,
/// and tasks that still run.
#[derive(Clone)]
pub struct StoreLayer {
    store: TokenStore,
    key_of: KeyOf,
}

impl StoreLayer {
    /// Sessions of `store`, by what `key_of` says of a request: its user's key; `None` if it has none.
    ///
    /// What is not authenticated is no key: a client who names another user's gets no answer that is not his,
    /// but makes that user's answers, and his own, fresher and slower than they need be.
    pub fn new<K: Into<Vec<u8>>>(
        store: &TokenStore,
        key_of: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        Self {
            store: store.clone(),
            key_of: Arc::new(move |parts| key_of(parts).map(Into::into)),
        }
    }
}

impl fmt::Debug for StoreLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreLayer").field(&self.store).finish()
    }
}

impl<S> Layer<S> for StoreLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        let archive = Archive {
            layer: self.clone(),
            said_lagging: Quiet::default(),
        };
        SessionService::new(inner, Arc::new(Way::Stored(archive)))
    }
}

/// Where users' sessions are fetched, and brought back.
#[derive(Debug)]
pub struct Archive {
    layer: StoreLayer,
    said_lagging: Quiet,
}

/// One request with the session of its user.
#[derive(Debug)]
pub struct Loan {
    pub session: Session,
    /// Under which it is brought back.
    key: Option<Vec<u8>>,
    changes: u64,
    floors: Floors,
}

impl Archive {
    /// A request arrives.
    pub async fn arrive(&self, parts: &Parts) -> Loan {
        let key = (self.layer.key_of)(parts);
        let session = match &key {
            Some(key) => self.layer.store.session(key).await,
            None => self.layer.store.manifold().session_of_process(),
        };
        Loan {
            changes: session.changes(),
            floors: session.memory().floors(),
            session,
            key,
        }
    }

    /// Its answer leaves.
    pub async fn leave(&self, loan: &Loan) {
        let Some(key) = &loan.key else { return };
        if loan.session.changes() == loan.changes {
            return;
        }
        let calls = self.layer.store.manifold().calls();
        match loan.session.save(key, Some(&loan.floors)).await {
            // Whoever finds Redis silent says so.
            Err(error) if error.is_lagging() && self.said_lagging.ends(calls.pools.now()) => {
                tracing::warn!(
                    %error,
                    "no node tells where it is, so what a request was shown is missing in its user's token: \
                     another process may show the user less; told once a minute"
                );
            }
            _ => {}
        }
    }
}
