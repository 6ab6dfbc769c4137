//! A session for each client of an HTTP service: a layer of [tower](https://docs.rs/tower).
//!
//! ```no_run
//! # async fn example() -> diesel_manifold::Result<()> {
//! use diesel_manifold::{Manifold, tower::SessionLayer};
//!
//! let manifold = Manifold::from_env().await?; // with MANIFOLD_TOKEN_KEY
//! let sessions = SessionLayer::new(&manifold)?; // for `Router::layer` of axum, and its like
//! # Ok(()) }
//! ```
//!
//! Where the service knows its users, their tokens may be in Redis instead, and clients carry nothing:
//! [`StoreLayer`]. The rest of this page is about tokens that clients carry.
//!
//! A client brings its token along, in a cookie or in a header; its request is answered with the session
//! around it ([`Session::scope`](crate::Session::scope)), so handlers call their repositories and know
//! nothing of it; and if the request has moved the session, the answer brings the new token. So the next
//! request sees what this one wrote, and its loads do not go back behind this one's, whichever process
//! answers.
//!
//! # What a request gets
//!
//! | it brings | its session |
//! |---|---|
//! | a token, or several | all of their floors |
//! | none | what this process has written, as calls without a session: the client was never here, or keeps no cookies |
//! | a text that is no token of ours | everything acknowledged before now, whatever else it brings; an event tells why (at `debug`), and the answer has a new token. Or 400, see [`SessionLayer::refuse_bad_tokens`] |
//!
//! More than 8 tokens count as one that cannot be read: what is not looked at could ask for anything, and
//! a floor is never lowered.
//!
//! The session is in the request's extensions, too, for a handler that spawns, because a task does not inherit
//! the scope: `Extension(session): Extension<Session>`, then `tokio::spawn(session.scope(work))`.
//!
//! The layer stands outermost of everything that calls a repository. In axum, `Router::layer` covers the routes
//! that were added before it; what lies outside of it (an authentication that queries) has no session, and an
//! answer that is made there (a timeout) brings no token, although the write may have been committed.
//!
//! # What an answer says
//!
//! The token as it is when the inner service has answered. **Not covered**: what the body does when it is
//! streamed afterwards, and tasks that still run. An answer brings a token only if that says more than
//! those of the request do, or is signed with a newer key. An answer with a status of failure is an
//! answer like others; the inner service's error brings none.
//!
//! To make it costs a question to the node that answered, a round trip, if the request has read from the
//! database and the node has not been asked since: another process must know where it was. If neither that
//! node nor the primary answers within [`ReadSettings::deadline`](crate::ReadSettings::deadline), the token
//! has the session's writes, and what this request was shown is missing in it; a warning says so, once a
//! minute at most.
//!
//! # Requests at the same time
//!
//! Requests that a browser sends before it has the answers of the earlier ones carry the same token, and it
//! keeps the last answer's. So the cookie is two: a request that wrote sets `manifold-session`, one that
//! only read sets `manifold-session-seen`, and both are merged on the way in. An answer that only read takes
//! no write's floor away. **Not covered**, of requests under way at the same time:
//!
//! * two writes whose answers overtake one another: the client keeps the floor of one of them. If its commit
//!   is the later one, that includes the other's;
//! * two reads: the next request may be shown less than one of them was, not less than the other.
//!
//! A client with a header decides itself: it sends all the tokens that it has got since, in several headers
//! or in one, separated by commas.
//!
//! # Caches on the way
//!
//! An answer with a token belongs to one client. A shared cache that hands it to another one, cookie
//! included, replaces that one's session; by default they do not keep what sets a cookie.

mod carrier;
mod service;
mod stored;
mod visit;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderName;
use tower_layer::Layer;

use crate::manifold::Manifold;
use crate::terms::error::{Error, Result};

pub use service::SessionService;
pub use stored::StoreLayer;

use carrier::{Carrier, Cookie};
use service::Way;
use visit::Desk;

/// A session for each client: the [module](self) has the whole story.
///
/// By default its token travels in a cookie: `HttpOnly; SameSite=Lax; Path=/`, until the browser ends.
#[derive(Debug, Clone)]
pub struct SessionLayer {
    manifold: Manifold,
    carrier: Carrier,
    refuses: bool,
}

impl SessionLayer {
    /// Sessions of `manifold`, by a cookie `manifold-session`.
    ///
    /// # Errors
    ///
    /// `is_configuration` if `manifold` has no token key.
    pub fn new(manifold: &Manifold) -> Result<Self> {
        // Without a key no answer could have a token, and nobody would notice.
        manifold.session().known_token()?;
        Ok(Self {
            manifold: manifold.clone(),
            carrier: Carrier::Cookie(Cookie::named("manifold-session")),
            refuses: false,
        })
    }

    /// By a cookie of another name, and a second one whose name has `-seen` behind it.
    ///
    /// # Errors
    ///
    /// `is_configuration` if it is no name of a cookie.
    pub fn cookie(mut self, name: &str) -> Result<Self> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(Error::configuration(
                format!("`{name}` is no name of a cookie"),
                "use letters, digits, `-` and `_`",
            ));
        }
        self.carrier = Carrier::Cookie(match self.carrier {
            Carrier::Cookie(cookie) => cookie.renamed(name),
            Carrier::Header(_) => Cookie::named(name),
        });
        Ok(self)
    }

    /// By a header, for APIs and from service to service: `header("x-manifold-session")`. The client
    /// sends back what it got.
    ///
    /// # Errors
    ///
    /// `is_configuration` if it is no name of a header.
    pub fn header(mut self, name: &str) -> Result<Self> {
        let parsed = HeaderName::from_bytes(name.as_bytes());
        self.carrier = Carrier::Header(parsed.map_err(|_| {
            Error::configuration(
                format!("`{name}` is no name of a header"),
                "use letters, digits and `-`",
            )
        })?);
        Ok(self)
    }

    /// The cookie is sent over HTTPS only. Default: over HTTP, too. A header is not concerned.
    #[must_use]
    pub fn secure(mut self) -> Self {
        if let Carrier::Cookie(cookie) = &mut self.carrier {
            cookie.secure = true;
        }
        self
    }

    /// The browser keeps the cookie so long, in whole seconds. Default: until it ends. A client without
    /// its cookie is one that was never here; so keep it for longer than a replica may lag. A header is
    /// not concerned.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        if let Carrier::Cookie(cookie) = &mut self.carrier {
            cookie.max_age = Some(age);
        }
        self
    }

    /// Answers 400 with a plain text to a request that brings what is no token of ours. The answer has a
    /// token to go on with, of a session as of now. Default: the request is answered with that session.
    #[must_use]
    pub fn refuse_bad_tokens(mut self) -> Self {
        self.refuses = true;
        self
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        let desk = Desk {
            manifold: self.manifold.clone(),
            carrier: self.carrier.clone(),
            refuses: self.refuses,
            warned: Mutex::default(),
        };
        SessionService::new(inner, Arc::new(Way::Carried(desk)))
    }
}
