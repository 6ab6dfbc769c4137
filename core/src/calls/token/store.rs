//! A session's way through the token store: out of Redis at the beginning of a request, and back into it
//! before the user has the answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::cache::shared::Shared;
use crate::cache::shared::link::Silence;
use crate::cache::shared::tokens::{Found, Saved};
use crate::calls::Calls;
use crate::rules::recall::{self, Look, Token};
use crate::terms::clock::Moment;
use crate::terms::error::{Error, Result};
use crate::terms::floors::{Floors, Written};
use crate::terms::marker::Marker;
use crate::terms::memory::Memory;
use crate::terms::position::Position;
use crate::terms::token;

/// The shortest time that Redis can keep a key for.
const SHORTEST: Duration = Duration::from_millis(1);
/// Between two events of a kind that each request of an outage would tell.
const QUIET: Duration = Duration::from_secs(60);

/// What is known of the store, and told of it.
#[derive(Debug)]
pub struct StoreState {
    /// One permit: one task asks the primary for all.
    placing: Arc<Semaphore>,
    /// What is being tried again, under its keys: this process knows it meanwhile. As many as redeliveries.
    unsaved: Mutex<HashMap<Vec<u8>, Unsaved>>,
    said_evicts: AtomicBool,
    said_silent: Quiet,
    said_foreign: Quiet,
    said_lost: Quiet,
}

/// Floors that Redis has not acknowledged.
#[derive(Debug, Default)]
struct Unsaved {
    floors: Floors,
    /// How many redeliveries there are of them.
    count: usize,
}

impl StoreState {
    fn unsaved(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Unsaved>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on sessions under `key` include `floors`; `epoch` is this process's.
    fn hold(&self, key: &[u8], floors: &Floors, epoch: u64) {
        let mut unsaved = self.unsaved();
        let held = unsaved.entry(key.to_vec()).or_default();
        held.floors.merge(floors, epoch);
        held.count += 1;
    }

    /// One redelivery is over.
    fn release(&self, key: &[u8]) {
        let mut unsaved = self.unsaved();
        if let Some(held) = unsaved.get_mut(key) {
            held.count -= 1;
            if held.count == 0 {
                unsaved.remove(key);
            }
        }
    }
}

/// Tells something once a minute at most.
#[derive(Debug, Default)]
pub struct Quiet(Mutex<Option<Moment>>);

impl Quiet {
    /// Whether it may be told now.
    pub fn ends(&self, now: Moment) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = told.is_none_or(|then| now.since(then) >= QUIET);
        if ends {
            *told = Some(now);
        }
        ends
    }
}

impl Default for StoreState {
    fn default() -> Self {
        Self {
            placing: Arc::new(Semaphore::new(1)),
            unsaved: Mutex::default(),
            said_evicts: AtomicBool::new(false),
            said_silent: Quiet::default(),
            said_foreign: Quiet::default(),
            said_lost: Quiet::default(),
        }
    }
}

impl Calls {
    /// Whether the manifold is configured so that there can be a store.
    pub fn check_store(&self) -> Result<()> {
        (self.cache).shared_or("the token store keeps its tokens there")?;
        let (ttl, history) = (self.tokens.ttl, self.pools.reading().history);
        if !(SHORTEST..=history).contains(&ttl) {
            return Err(Error::configuration(
                format!("`token_store.ttl` is {ttl:?}, and `read.history` {history:?}"),
                format!(
                    "set it from {SHORTEST:?} to `read.history`: nobody knows where the primary was earlier"
                ),
            ));
        }
        Ok(())
    }

    /// What the session under `key` must include, and which of it are its own writes. What cannot be known is
    /// everything up to now.
    pub async fn recall(self: &Arc<Self>, key: &[u8]) -> (Memory, Option<Written>) {
        let memory = Memory::default();
        // Before Redis is asked: what is saved meanwhile it tells itself.
        let unsaved = self.store.unsaved().get(key).map(|held| held.floors);
        if let Some(floors) = unsaved {
            memory.merge(&floors, self.epoch);
        }
        let Some(found) = self.look_up(key).await else {
            self.require_now(&memory);
            return (memory, None);
        };
        // After the answer: what is absent was saved a whole `ttl` before Redis was asked.
        let now = self.pools.now();
        let look = self.understand(found);
        let recall = recall::recall(&look, self.tokens.ttl);
        memory.merge(&recall.floors, self.epoch);
        match recall.forgotten {
            Some(position) => self.include(&memory, position),
            None => self.place_marker(look.marker),
        }
        let since = (!recall.ago.is_zero()).then(|| now.earlier(recall.ago));
        match since.and_then(|since| self.pools.survey().required(since)) {
            Some(position) => self.include(&memory, position),
            None => self.require_now(&memory),
        }
        (memory, recall.floors.written)
    }

    /// Loads and hits must include what lies before `position`: nobody knows which of it is the user's own.
    fn include(&self, memory: &Memory, position: Position) {
        let floors = Floors {
            seen: Some(position),
            cached: Some(position),
            ..Floors::default()
        };
        memory.merge(&floors, self.epoch);
    }

    async fn look_up(&self, key: &[u8]) -> Option<Found> {
        match self.cache.shared()?.look(key, self.tokens.ttl).await {
            Ok(found) => Some(found),
            Err(silence) => {
                self.note_silence(&silence);
                None
            }
        }
    }

    /// What was found, in the words of the rule.
    fn understand(&self, found: Found) -> Look {
        if found.evicts && !self.store.said_evicts.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "Redis evicts keys when its memory is full, so a session without a token may have lost it, \
                 and asks the primary where it is; set its `maxmemory-policy` to `noeviction`"
            );
        }
        let heard = |bytes: Vec<u8>| match token::heard(self.tokens.system, &bytes) {
            Ok(floors) => Token::Present(floors),
            Err(flaw) => {
                self.note_foreign(&flaw.to_string());
                Token::Foreign
            }
        };
        Look {
            token: found.token.map_or(Token::Absent, heard),
            marker: found.marker,
            evicts: found.evicts,
        }
    }

    /// Has a marker placed, by who asks the primary first.
    fn place_marker(self: &Arc<Self>, marker: Marker) {
        let Ok(permit) = Arc::clone(&self.store.placing).try_acquire_owned() else {
            return;
        };
        let calls = Arc::clone(self);
        // Spawned so that no session waits for the primary. One at a time; it ends within the deadline of
        // a read and an operation on Redis.
        tokio::spawn(async move {
            let (Some(shared), Some(position)) = (calls.cache.shared(), calls.now_at().await)
            else {
                return;
            };
            let text = marker.placed(position, calls.tokens.ttl);
            if let Ok(true) = shared.place(&marker, &text).await {
                tracing::info!(
                    %position,
                    "the token store is new, or has forgotten: each session from it includes what was \
                     acknowledged before now"
                );
            }
            drop(permit);
        });
    }

    /// Where the primary is now, if it says so in time.
    async fn now_at(&self) -> Option<Position> {
        let deadline = self.pools.reading().deadline;
        let asked = Box::pin(self.pools.place_unless(None));
        let asked = tokio::time::timeout(deadline, asked);
        asked.await.ok().flatten()
    }

    /// Saves what `memory` says under `key`, unless that is what was `known` of it. `recalled` are the writes
    /// with which it came from the store.
    pub async fn save_token(
        self: &Arc<Self>,
        key: &[u8],
        memory: &Memory,
        recalled: Option<Written>,
        known: Option<&Floors>,
    ) -> Result<()> {
        let shared = (self.cache).shared_or("the token store keeps its tokens there")?;
        let settled = self.settle(memory).await;
        if memory.hit_floor().lost {
            // It would ask for less than "as of now", which what is stored goes on to mean.
            return settled.and(Err(Error::lagging(self.pools.reading().deadline)));
        }
        let floors = memory.floors();
        if known == Some(&floors) {
            return settled;
        }
        if let Err(silence) = self.merge_stored(shared, key, &floors, recalled).await {
            self.note_silence(&silence);
            self.merge_later(key, floors, recalled);
            return Err(silence.into_error("the token store in Redis"));
        }
        settled
    }

    /// Merges `floors` into what is stored.
    async fn merge_stored(
        &self,
        shared: &Shared,
        key: &[u8],
        floors: &Floors,
        recalled: Option<Written>,
    ) -> Result<(), Silence> {
        let saved = |floors| Saved {
            said: token::said(self.tokens.system, floors),
            epoch: self.epoch,
            ttl: self.tokens.ttl,
            recalled: token::said_written(recalled).to_vec(),
        };
        if shared.save(key, &saved(floors), false).await? {
            return Ok(());
        }
        // What was there before it may have said more. Only what includes everything takes its place.
        self.note_foreign("is no token");
        let Some(position) = self.now_at().await else {
            return Err(Silence::new(
                "something else is under the key, and the primary does not tell where it is",
            ));
        };
        let mut floors = *floors;
        floors.saw(position);
        floors.raise_cached(position);
        shared.save(key, &saved(&floors), true).await?;
        Ok(())
    }

    /// Goes on trying in the background, for as long as tokens are kept: what was written longer ago each
    /// session includes anyway.
    fn merge_later(self: &Arc<Self>, key: &[u8], floors: Floors, recalled: Option<Written>) {
        let Ok(permit) = Arc::clone(&self.redeliveries).try_acquire_owned() else {
            self.note_lost();
            return;
        };
        self.store.hold(key, &floors, self.epoch);
        let (calls, key) = (Arc::clone(self), key.to_vec());
        // Spawned so that the answer can go out: its write is committed. It ends with its time or the
        // manifold, and the permit bounds how many there are.
        tokio::spawn(async move {
            let attempt = || async {
                let Some(shared) = calls.cache.shared() else {
                    return false;
                };
                let merging = calls.merge_stored(shared, &key, &floors, recalled);
                merging.await.is_ok()
            };
            if !calls.try_again(calls.tokens.ttl, attempt).await {
                calls.note_lost();
            }
            calls.store.release(&key);
            drop(permit);
        });
    }

    fn note_silence(&self, silence: &Silence) {
        if self.store.said_silent.ends(self.pools.now()) {
            tracing::warn!(
                error = %silence,
                "the token store does not answer: sessions from it include everything up to now, which the \
                 primary is asked for; tokens that it did not acknowledge are tried again in the background, \
                 and until then another process that it answers may show their users less; told once a minute"
            );
        }
    }

    fn note_foreign(&self, why: &str) {
        if self.store.said_foreign.ends(self.pools.now()) {
            tracing::warn!(
                "what is stored in the place of a token {why}: its session includes everything up to now, and \
                 the next token takes its place; told once a minute"
            );
        }
    }

    fn note_lost(&self) {
        if self.store.said_lost.ends(self.pools.now()) {
            tracing::error!(
                ttl = ?self.tokens.ttl,
                "a session's token was not saved: another process may show its user less, until the write is \
                 older than `ttl`; told once a minute"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_again_is_known_until_the_last_try_is_over() {
        let store = StoreState::default();
        let at = |lsn| Floors {
            seen: Some(Position::new(1, lsn)),
            ..Floors::default()
        };
        let known = |key: &[u8]| store.unsaved().get(key).map(|held| held.floors);
        for lsn in [20, 10] {
            store.hold(b"user", &at(lsn), 7);
        }
        store.hold(b"other", &at(5), 7);
        assert_eq!(known(b"user"), Some(at(20)));
        store.release(b"user");
        assert_eq!(known(b"user"), Some(at(20)), "one of them may be the later");
        store.release(b"user");
        assert_eq!((known(b"user"), known(b"other")), (None, Some(at(5))));
    }

    #[test]
    fn what_is_quiet_is_told_once_a_minute() {
        let quiet = Quiet::default();
        let at = |seconds| Moment::default().after(Duration::from_secs(seconds));
        let told: Vec<_> = [0, 1, 59, 60, 61, 200]
            .into_iter()
            .filter(|&s| quiet.ends(at(s)))
            .collect();
        assert_eq!(told, [0, 60, 200]);
    }
}
