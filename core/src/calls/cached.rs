//! The journey of a `#[cached]` read: L1, else join or lead the one load for this key; who leads
//! looks in L2, else reads the database, and keeps the answer.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::cache::flight::{Baton, Seat};
use crate::cache::shared::SharedGeneration;
use crate::cache::{AnyValue, Far};
use crate::calls::Calls;
use crate::calls::body::ReadBody;
use crate::terms::cacheable::Cacheable;
use crate::terms::call::CachedCall;
use crate::terms::key::Key;
use crate::terms::outcome::Outcome;
use crate::terms::route::{Reason, Route, Source};

/// The weight of a value that could not be encoded, in bytes.
const UNENCODED: usize = 4096;

type Answer<B> = <<B as ReadBody>::Output as Outcome>::Ok;

impl Calls {
    /// Answers a cached read.
    ///
    /// An answer in L1 costs no allocation beyond the clone of the value: no future is boxed, no
    /// text formatted.
    pub async fn cached<B>(&self, call: &CachedCall, key: Key, body: B) -> B::Output
    where
        B: ReadBody,
        Answer<B>: Cacheable,
    {
        let name = call.read.name;
        if self.has_running_write() {
            // Inside a transaction the cache is neither read nor filled.
            self.say_read_in_write(name);
            return self.load(&call.read, body).await.output;
        }
        if let Some(answer) = self.cache.near(&key) {
            Route::report(name, Reason::Cached, 0, || Source::L1);
            return Outcome::from_result(Ok(answer));
        }
        // From here on there is something to wait for. Boxed for the same reason as the read's.
        let journey: BoxFuture<'_, _> = Box::pin(self.miss(call, key, body));
        journey.await
    }

    async fn miss<B>(&self, call: &CachedCall, key: Key, body: B) -> B::Output
    where
        B: ReadBody,
        Answer<B>: Cacheable,
    {
        let name = call.read.name;
        let baton = match self.cache.board(&key).await {
            Seat::Lead(baton) => baton,
            Seat::Alone => return self.load(&call.read, body).await.output,
            Seat::Landed(value, source) => match value.downcast_ref::<Answer<B>>() {
                Some(answer) => {
                    Route::report(name, Reason::Joined, 0, || source);
                    return Outcome::from_result(Ok(answer.clone()));
                }
                None => return self.load(&call.read, body).await.output,
            },
        };
        // The flight before ours may have landed between our look and our seat.
        if let Some(answer) = self.cache.near::<Answer<B>>(&key) {
            Route::report(name, Reason::Cached, 0, || Source::L1);
            baton.land(Arc::new(answer.clone()), Source::L1);
            return Outcome::from_result(Ok(answer));
        }
        let seen = match self.cache.far::<Answer<B>>(&key).await {
            Far::Hit(answer, left, weight) => {
                Route::report(name, Reason::Cached, 0, || Source::L2);
                let value: AnyValue = Arc::new(answer.clone());
                (self.cache).keep_near(&key, baton.generation(), Arc::clone(&value), weight, left);
                baton.land(value, Source::L2);
                return Outcome::from_result(Ok(answer));
            }
            Far::Miss(seen) => seen,
        };
        let loaded = self.load(&call.read, body).await;
        match (loaded.output.answer(), loaded.source) {
            (Some(answer), Some(source)) if loaded.whole => {
                self.keep(call, &key, baton, seen, answer, source).await;
            }
            // Errors belong to one caller and are never kept.
            _ => baton.fail(),
        }
        loaded.output
    }

    /// Keeps a loaded answer: L1, then everybody who waits, then L2.
    async fn keep<T: Cacheable>(
        &self,
        call: &CachedCall,
        key: &Key,
        baton: Baton,
        seen: Option<SharedGeneration>,
        answer: &T,
        source: Source,
    ) {
        let value: AnyValue = Arc::new(answer.clone());
        if !answer.is_worth_keeping() {
            baton.land(value, source);
            return;
        }
        let encoded = postcard::to_allocvec(answer);
        let weight = encoded.as_ref().map_or(UNENCODED, Vec::len);
        (self.cache).keep_near(
            key,
            baton.generation(),
            Arc::clone(&value),
            weight,
            call.ttl,
        );
        baton.land(value, source);
        match (encoded, seen) {
            (Ok(payload), Some(seen)) => {
                self.cache
                    .keep_far::<T>(key, &seen, &payload, call.ttl)
                    .await;
            }
            (Ok(_), None) => {}
            (Err(error), _) => tracing::warn!(
                call = %call.read.name, %error,
                "this answer cannot be encoded by postcard, so it stays in L1; a `serde` attribute \
                 that needs a self-describing format (`flatten`, `untagged`) does that"
            ),
        }
    }
}
