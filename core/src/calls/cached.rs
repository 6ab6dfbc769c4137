//! The journey of a `#[cached]` read: L1, else join or lead the one load for this key; who leads
//! looks in L2, else reads the database, and keeps the answer. At each place the answer must include
//! what the caller was promised.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::cache::flight::{Baton, Seat};
use crate::cache::shared::SharedGeneration;
use crate::cache::{AnyValue, Far, Fill};
use crate::calls::Calls;
use crate::calls::body::ReadBody;
use crate::calls::caller::Caller;
use crate::calls::need::HitNeed;
use crate::calls::read::Wanted;
use crate::calls::telemetry;
use crate::terms::bounds::{Bounds, Origin};
use crate::terms::cacheable::Cacheable;
use crate::terms::call::{CachedCall, Name};
use crate::terms::key::Key;
use crate::terms::outcome::Outcome;
use crate::terms::policy::Consistency;
use crate::terms::route::{Reason, Route, Source};

/// The weight of a value that could not be encoded, in bytes.
const UNENCODED: usize = 4096;

type Answer<B> = <<B as ReadBody>::Output as Outcome>::Ok;

impl Calls {
    /// Answers a cached read.
    ///
    /// An answer in L1 costs no allocation beyond the clone of the value: no future is boxed, no
    /// text formatted.
    pub async fn cached<B>(
        &self,
        caller: &Caller,
        call: &CachedCall,
        key: Key,
        body: B,
    ) -> B::Output
    where
        B: ReadBody,
        Answer<B>: Cacheable,
    {
        let name = call.read.name;
        if self.has_running_write() {
            // Inside a transaction the cache is neither read nor filled.
            self.say_read_in_write(name);
            return self.alone(caller, call, body).await;
        }
        let policy = caller.policy.unwrap_or(call.read.policy);
        if policy.consistency == Consistency::Strong {
            // Only the primary's own answer is one.
            return self.alone(caller, call, body).await;
        }
        let need = match self.hit_need(caller, policy) {
            Ok(need) => need,
            Err(error) => return Outcome::failed(error),
        };
        if let Some((answer, bounds)) = self.cache.near(&key, |bounds| need.is_met_by(bounds)) {
            self.report_hit(name, Reason::Cached, Source::L1, &bounds);
            return Outcome::from_result(Ok(answer));
        }
        // From here on there is something to wait for. Boxed for the same reason as the read's.
        let journey: BoxFuture<'_, _> = Box::pin(self.miss(caller, call, key, need, body));
        journey.await
    }

    /// Answers from the database, and keeps nothing.
    async fn alone<B: ReadBody>(&self, caller: &Caller, call: &CachedCall, body: B) -> B::Output {
        let wanted = Wanted::default();
        (self.load(caller, &call.read, body, wanted).await).output
    }

    async fn miss<B>(
        &self,
        caller: &Caller,
        call: &CachedCall,
        key: Key,
        need: HitNeed,
        body: B,
    ) -> B::Output
    where
        B: ReadBody,
        Answer<B>: Cacheable,
    {
        let name = call.read.name;
        let baton = match self.cache.board(&key).await {
            Seat::Lead(baton) => baton,
            Seat::Landed(value, origin) if need.is_met_by(&origin.bounds) => {
                match value.downcast_ref::<Answer<B>>() {
                    Some(answer) => {
                        let Origin { source, bounds } = origin;
                        self.report_hit(name, Reason::Joined, source, &bounds);
                        return Outcome::from_result(Ok(answer.clone()));
                    }
                    None => return self.alone(caller, call, body).await,
                }
            }
            // The flight's answer does not include what this caller was promised, or there is none.
            Seat::Landed(..) | Seat::Alone => return self.fenced(caller, call, &key, body).await,
        };
        // The flight before ours may have landed between our look and our seat.
        let near = (self.cache).near::<Answer<B>>(&key, |bounds| need.is_met_by(bounds));
        if let Some((answer, bounds)) = near {
            self.report_hit(name, Reason::Cached, Source::L1, &bounds);
            let source = Source::L1;
            baton.land(Arc::new(answer.clone()), Origin { source, bounds });
            return Outcome::from_result(Ok(answer));
        }
        let far = (self.cache).far::<Answer<B>>(&key, |bounds| need.is_met_by(bounds));
        let seen = match far.await {
            Far::Hit(answer, bounds, ttl, weight) => {
                self.report_hit(name, Reason::Cached, Source::L2, &bounds);
                let value: AnyValue = Arc::new(answer.clone());
                let fill = Fill {
                    value: Arc::clone(&value),
                    bounds,
                    weight,
                    ttl,
                };
                self.cache.keep_near(&key, baton.generation(), fill);
                let source = Source::L2;
                baton.land(value, Origin { source, bounds });
                return Outcome::from_result(Ok(answer));
            }
            Far::Miss(seen) => seen,
        };
        let wanted = Wanted {
            floor: self.cache.fence(&key),
            stamp: true,
            reach: seen.is_some(),
            ..Wanted::default()
        };
        let loaded = self.load(caller, &call.read, body, wanted).await;
        match (loaded.output.answer(), loaded.origin) {
            (Some(answer), Some(origin)) if loaded.whole => {
                self.keep(call, &key, baton, seen, answer, origin).await;
            }
            // Errors belong to one caller and are never kept.
            _ => baton.fail(),
        }
        loaded.output
    }

    /// Answers from the database, not older than this process's invalidation of the key, and keeps
    /// nothing.
    async fn fenced<B: ReadBody>(
        &self,
        caller: &Caller,
        call: &CachedCall,
        key: &Key,
        body: B,
    ) -> B::Output {
        let wanted = Wanted {
            floor: self.cache.fence(key),
            ..Wanted::default()
        };
        (self.load(caller, &call.read, body, wanted).await).output
    }

    /// Keeps a loaded answer: L1, then everybody who waits, then L2.
    async fn keep<T: Cacheable>(
        &self,
        call: &CachedCall,
        key: &Key,
        baton: Baton,
        seen: Option<SharedGeneration>,
        answer: &T,
        origin: Origin,
    ) {
        let value: AnyValue = Arc::new(answer.clone());
        if !answer.is_worth_keeping() {
            baton.land(value, origin);
            return;
        }
        let encoded = postcard::to_allocvec(answer);
        let fill = Fill {
            value: Arc::clone(&value),
            bounds: origin.bounds,
            weight: encoded.as_ref().map_or(UNENCODED, Vec::len),
            ttl: call.ttl,
        };
        (self.cache).keep_near(key, baton.generation(), fill.clone());
        baton.land(value, origin);
        match (encoded, seen) {
            (Ok(payload), Some(seen)) => {
                self.cache.keep_far::<T>(key, &seen, &payload, &fill).await;
            }
            (Ok(_), None) => {}
            (Err(error), _) => tracing::warn!(
                call = %call.read.name, %error,
                "this answer cannot be encoded by postcard, so it stays in L1; a `serde` attribute \
                 that needs a self-describing format (`flatten`, `untagged`) does that"
            ),
        }
    }

    /// Tells whoever observes this task of an answer that no node was asked for.
    fn report_hit(&self, name: Name, reason: Reason, source: Source, bounds: &Bounds) {
        telemetry::told(|| Route {
            stamp: bounds.stamp,
            age: (bounds.stamp).and_then(|stamp| self.pools.survey().age(stamp, self.pools.now())),
            ..Route::new(name, source, reason)
        });
    }
}
