//! A request's *visit*: it arrives with its tokens, and its answer leaves with a new one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;

use crate::manifold::Manifold;
use crate::session::Session;
use crate::terms::clock::Moment;
use crate::terms::error::Error;
use crate::terms::floors::Floors;
use crate::tower::carrier::{Carrier, Place};

/// Between two warnings. The cause is a node that does not answer, and each request would say so.
const QUIET: Duration = Duration::from_secs(60);

/// Where requests arrive and answers leave.
#[derive(Debug)]
pub struct Desk {
    pub manifold: Manifold,
    pub carrier: Carrier,
    /// Whether a request with a bad token is answered 400.
    pub refuses: bool,
    /// When it was last told that a token could not be made.
    pub warned: Mutex<Option<Moment>>,
}

/// One request, from its arrival to its answer.
#[derive(Debug)]
pub struct Visit {
    pub session: Session,
    /// The tokens that it brought.
    brought: Vec<String>,
    /// Where it brought something that is none. Each gets a new one, or the next request would have
    /// the same trouble.
    bad: Vec<Place>,
    changes: u64,
    floors: Floors,
}

impl Visit {
    /// Whether it brought something that is no token of ours.
    pub fn is_bad(&self) -> bool {
        !self.bad.is_empty()
    }

    /// Whether the request wrote: everything but what it was shown comes from writes.
    fn wrote(&self) -> bool {
        let written = |floors| Floors {
            seen: None,
            ..floors
        };
        written(self.session.memory().floors()) != written(self.floors)
    }
}

impl Desk {
    /// A request arrives.
    pub fn arrive(&self, headers: &HeaderMap) -> Visit {
        let found = self.carrier.find(headers);
        let session = if found.texts.is_empty() {
            self.manifold.session_of_process()
        } else {
            self.manifold.session()
        };
        let mut brought = Vec::with_capacity(found.texts.len());
        let mut bad = Vec::new();
        for (place, text) in found.texts {
            // What is not UTF-8 is no token either, and is told as any other such text.
            let text = String::from_utf8_lossy(text);
            match session.merge(&text) {
                Ok(()) => brought.push(text.into_owned()),
                Err(error) => {
                    tracing::debug!(%error, "a client's session cannot be read");
                    bad.push(place);
                }
            }
        }
        if let Some(place) = found.more {
            tracing::debug!("a client brings more tokens of sessions than are looked at");
            bad.push(place);
        }
        if !bad.is_empty() {
            self.manifold.calls().require_now(session.memory());
        }
        let (changes, floors) = (session.changes(), session.memory().floors());
        Visit {
            session,
            brought,
            bad,
            changes,
            floors,
        }
    }

    /// Its answer leaves.
    pub async fn leave(&self, visit: &Visit, headers: &mut HeaderMap) {
        if !visit.is_bad() && visit.session.changes() == visit.changes {
            return;
        }
        let token = match visit.session.untold_token().await {
            Ok(token) => token,
            Err(error) => {
                self.warn(&error);
                if visit.is_bad() {
                    // It would ask for less than "as of now", which the bad one goes on to mean.
                    return;
                }
                match visit.session.known_token() {
                    Ok(token) => token,
                    Err(_) => return,
                }
            }
        };
        if !visit.is_bad() && visit.brought.contains(&token) {
            return;
        }
        let mut places = visit.bad.clone();
        if places.is_empty() || visit.wrote() {
            places.push(self.carrier.place(visit.wrote()));
        }
        for place in [Place::Written, Place::Seen] {
            if places.contains(&place) {
                self.carrier.put(place, &token, headers);
            }
        }
    }

    fn warn(&self, error: &Error) {
        let now = self.manifold.calls().pools.now();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_some_and(|then| now.since(then) < QUIET) {
            return;
        }
        *warned = Some(now);
        drop(warned);
        tracing::warn!(
            %error,
            "no node tells where it is, so answers go out with tokens that leave out what the request was \
             shown: another process may show the client less; told once a minute"
        );
    }
}
