//! L2: answers in Redis, shared by all processes on the same database. This file and its folder are
//! all that knows Redis.
//!
//! One hash for each key, so that a value and its key's generation share a slot, a time to live and
//! an eviction:
//!
//! ```text
//! mf:{namespace}:{method}({arguments})     for example mf:7301..42.shop.prod:shop::Albums::by_id(7i32)
//!   g                                      the generation: the last invalidation's mark
//!   v:{fingerprint}                        the entry for values of that shape
//! ```
//!
//! Values are kept by the fingerprint of their type and generations are not: during a rolling deploy
//! the old program invalidates the new one's values, too.
//!
//! Failing is missing. Each operation of a call has its time, a breaker leaves a failing Redis alone,
//! and no error leaves this file. Looking into Redis by hand is another matter: `inspection` says what
//! went wrong.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script, ScriptInvocation};

use crate::rules::breaker::{Breaker, Limits};
use crate::terms::clock::Clock;
use crate::terms::error::Result;
use crate::terms::fingerprint::Fingerprint;
use crate::terms::key::Key;
use crate::terms::namespace::Namespace;
use crate::terms::settings::CacheSettings;
use crate::terms::stored::StoredName;

pub mod inspection;
pub mod link;
mod mark;
pub mod tokens;

use link::{Link, Silence};
use mark::Marks;
use tokens::Tokens;

/// For the first answer, connecting included.
const START: Duration = Duration::from_secs(2);

/// Keys invalidated by one script call; Redis runs nothing else meanwhile.
const BATCH: usize = 500;

/// Stores an entry if the key's generation is still the one that was seen, and keeps the hash as
/// long as its longest-lived entry.
///
/// Redis forgets an invalidation after a while. A fill that saw the key longer ago than half of that
/// might have missed one that is forgotten by now, so it is refused, by Redis's own clock: the
/// command may have lain in a socket since it was sent.
const FILL: &str = r"
local now = redis.call('TIME')
if now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[5] > tonumber(ARGV[6]) then return 0 end
if (redis.call('HGET', KEYS[1], 'g') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 1";

/// Drops all entries of the keys and marks them with a new generation.
const INVALIDATE: &str = r"
for _, key in ipairs(KEYS) do
  redis.call('DEL', key)
  redis.call('HSET', key, 'g', ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2])
end
return #KEYS";

/// The second level.
pub struct Shared {
    link: Link,
    namespace: OnceLock<Namespace>,
    breaker: Mutex<Breaker>,
    fill: Script,
    invalidate: Script,
    tokens: Tokens,
    marks: Marks,
    clock: Clock,
    settings: CacheSettings,
}

/// A key's generation in Redis, as it was before the load.
#[derive(Debug, Clone)]
pub struct SharedGeneration {
    mark: Vec<u8>,
    /// When it was seen, in milliseconds of Redis's clock.
    at_ms: u64,
}

/// Seconds and microseconds, as TIME tells them.
type Time = (u64, u64);
/// A key's generation and entry.
type Hash = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Redis's answer about a key.
#[derive(Debug)]
pub struct Found {
    /// The generation to fill with.
    pub generation: SharedGeneration,
    /// The entry, if there is one of the right shape.
    pub bytes: Option<Vec<u8>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared({:?})", self.namespace.get())
    }
}

impl Shared {
    /// The second level at `url`; nothing is connected yet.
    pub fn new(url: &str, settings: CacheSettings, clock: Clock) -> Result<Self> {
        Ok(Self {
            link: Link::new(url)?,
            namespace: OnceLock::new(),
            breaker: Mutex::new(Breaker::new()),
            fill: Script::new(FILL),
            invalidate: Script::new(INVALIDATE),
            tokens: Tokens::new(),
            marks: Marks::new(),
            clock,
            settings,
        })
    }

    /// From now on keys belong to `namespace`. Fails if Redis does not answer.
    pub async fn open(&self, namespace: Namespace) -> Result<(), Silence> {
        // A second namespace cannot come: a manifold is opened once.
        let _ = self.namespace.set(namespace);
        // Connecting takes longer than an operation, and it happens here once.
        let ping = (self.link).run(async |mut m| redis::cmd("PING").query_async(&mut m).await);
        let late = |_| Err(Silence::new(format!("no answer within {START:?}")));
        (tokio::time::timeout(START, ping).await).unwrap_or_else(late)
    }

    /// Looks `key` up. `None`: Redis did not answer.
    pub async fn find(&self, key: &Key, shape: Fingerprint) -> Option<Found> {
        let name = self.name(key)?;
        let mut asked = redis::pipe();
        asked.cmd("TIME");
        asked.cmd("HMGET").arg(name).arg("g").arg(field(shape));
        let (now, (mark, bytes)): (Time, Hash) = self
            .bounded(async |mut m| asked.query_async(&mut m).await)
            .await?;
        Some(Found {
            generation: SharedGeneration {
                mark: mark.unwrap_or_default(),
                at_ms: now.0.saturating_mul(1000) + now.1 / 1000,
            },
            bytes,
        })
    }

    /// Stores `entry`, unless its key was invalidated since `seen`.
    pub async fn fill(
        &self,
        key: &Key,
        shape: Fingerprint,
        seen: &SharedGeneration,
        entry: &[u8],
        ttl: Duration,
    ) {
        let Some(name) = self.name(key) else { return };
        let mut call = self.fill.key(name);
        call.arg(&seen.mark)
            .arg(field(shape))
            .arg(entry)
            .arg(milliseconds(ttl))
            .arg(seen.at_ms)
            .arg(milliseconds(self.settings.invalidation_memory / 2));
        // Whether it was stored or refused makes no difference to the caller.
        let _: Option<i64> = self.run(&call).await;
    }

    /// Drops all values of `keys`. False if Redis did not acknowledge all of them.
    pub async fn invalidate(&self, keys: &[Key]) -> bool {
        for batch in keys.chunks(BATCH) {
            let names: Option<Vec<_>> = batch.iter().map(|key| self.name(key)).collect();
            let Some(names) = names else { return false };
            if self.run::<i64>(&self.invalidation(&names)).await.is_none() {
                return false;
            }
        }
        true
    }

    /// The call that drops all values of the keys of these names. At most [`BATCH`].
    fn invalidation(&self, names: &[Vec<u8>]) -> ScriptInvocation<'_> {
        let mut call = self.invalidate.prepare_invoke();
        for name in names {
            call.key(name);
        }
        call.arg(self.marks.next())
            .arg(milliseconds(self.settings.invalidation_memory));
        call
    }

    async fn run<T: redis::FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Option<T> {
        self.bounded(async |mut m| call.invoke_async(&mut m).await)
            .await
    }

    /// Runs an operation within its time, if the breaker admits it. `None`: it has no answer.
    async fn bounded<T>(
        &self,
        operation: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> Option<T> {
        self.attempt(async |connection, _| operation(connection).await)
            .await
            .ok()
    }

    /// The same, for who wants to know why there is no answer, and over which connection it came.
    async fn attempt<T>(
        &self,
        operation: impl AsyncFnOnce(MultiplexedConnection, u64) -> RedisResult<T>,
    ) -> Result<T, Silence> {
        let limits = Limits {
            failures: self.settings.breaker_failures,
            open: self.settings.breaker_open,
        };
        if !self.breaker().admits(self.clock.now(), limits) {
            return Err(Silence::new(
                "it did not answer, and is left alone for a while",
            ));
        }
        let limit = self.settings.operation_timeout;
        let late = |_| Err(Silence::new(format!("no answer within {limit:?}")));
        let running = tokio::time::timeout(limit, self.link.run_on(operation));
        let answer = running.await.unwrap_or_else(late);
        match &answer {
            Ok(_) => {
                if self.breaker().answered() {
                    tracing::info!("Redis answers again");
                }
            }
            Err(error) => {
                if self.breaker().failed(self.clock.now(), limits) {
                    tracing::warn!(%error, "Redis left alone");
                }
            }
        }
        answer
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key's name in Redis; `None` before the manifold knows its database.
    fn name(&self, key: &Key) -> Option<Vec<u8>> {
        let mut name = self.prefix()?;
        StoredName::write(key, &mut name);
        Some(name)
    }

    /// What all names of this manifold begin with; `None` before it knows its database.
    fn prefix(&self) -> Option<Vec<u8>> {
        Some(format!("mf:{}:", self.namespace.get()?).into_bytes())
    }
}

fn field(shape: Fingerprint) -> String {
    format!("v:{:016x}", shape.get())
}

fn milliseconds(time: Duration) -> u64 {
    // Redis refuses an expiry of zero.
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
