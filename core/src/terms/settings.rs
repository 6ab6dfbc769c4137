//! Every knob and every bound: unit, default, and what happens at it.

use std::time::Duration;

/// How reads spread over healthy replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Balance {
    /// The better of two random replicas, by latency times connections in use
    /// ([Mitzenmacher 2001](https://doi.org/10.1109/71.963420)).
    #[default]
    PowerOfTwo,
    /// One after another.
    RoundRobin,
}

/// What answers a read that any replica might answer, when none may: all are left out, because they fail
/// or lag, or follow nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AllOut {
    /// The primary, within its pool for reads.
    #[default]
    Primary,
    /// Of those that only lag the one that is furthest, if it includes what the read needs; else the primary.
    Stalest,
    /// Nobody: the read fails with [`is_no_replica`](crate::Error::is_no_replica).
    Fail,
}

/// The settings of a [`Manifold`](crate::Manifold), all with a default.
///
/// ```
/// use diesel_manifold::Settings;
/// use std::time::Duration;
///
/// let mut settings = Settings::default();
/// settings.pool.size = 32;
/// settings.cache.local_ttl = Duration::from_secs(5);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Settings {
    /// How reads spread over healthy replicas. Default: [`Balance::PowerOfTwo`].
    pub balance: Balance,
    /// The connection pools.
    pub pool: PoolSettings,
    /// Where reads run, and how long they wait for that.
    pub read: ReadSettings,
    /// The two levels of the cache.
    pub cache: CacheSettings,
    /// The end of a write.
    pub write: WriteSettings,
    /// The store of tokens.
    pub token_store: TokenStoreSettings,
}

/// The bounds of each node's pool.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PoolSettings {
    /// Connections to the primary for writes, and to each replica for reads. Default 10. At the
    /// bound a call waits, see `wait`.
    pub size: usize,
    /// Connections of the primary's read pool while replicas are configured, the budget for falling
    /// back to it. Default `None`: 20 % of `size`, at least 1. Without replicas it is `size`.
    pub fallback_size: Option<usize>,
    /// How long a call waits for a free connection of one node before it asks the next. Default 1 s.
    /// When no node is left the call fails with `is_busy`.
    pub wait: Duration,
    /// How long opening a connection may take. Default 3 s; then the node counts as unreachable.
    pub connect_timeout: Duration,
    /// `statement_timeout` of every session. Default 30 s; the server then cancels the statement.
    /// Zero: no limit.
    pub statement_timeout: Duration,
    /// Connections kept open per pool even when nobody needs them. Default 1.
    pub min_idle: usize,
    /// An idle connection above `min_idle` is closed after this. Default 10 min.
    pub idle_timeout: Duration,
    /// A connection that idled longer is pinged before it is lent. Default 30 s.
    pub ping_after: Duration,
    /// A connection is replaced when it is older, less up to 10 % so that not all are replaced at
    /// once. Default 30 min. It also bounds the statement cache of the connection.
    pub max_lifetime: Duration,
    /// The first time a failing node is left out. Default 1 s, doubled by each failed probe.
    pub ejection: Duration,
    /// The longest a failing node is left out between two probes. Default 30 s.
    pub max_ejection: Duration,
    /// How long the calls on a node that is removed have to come to their end. Default 30 s; then its
    /// connections are closed all the same, each as soon as its call ends.
    pub drain: Duration,
    /// How often the background task looks after pools and left-out nodes. Default 250 ms.
    pub upkeep: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            size: 10,
            fallback_size: None,
            wait: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(30),
            min_idle: 1,
            idle_timeout: Duration::from_secs(600),
            ping_after: Duration::from_secs(30),
            max_lifetime: Duration::from_secs(1800),
            ejection: Duration::from_secs(1),
            max_ejection: Duration::from_secs(30),
            drain: Duration::from_secs(30),
            upkeep: Duration::from_millis(250),
        }
    }
}

/// The bounds of a read's way to a node that is fresh enough.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReadSettings {
    /// How often each node is asked for its position, in the background and on a connection of its
    /// own; up to 20 % sooner or later, so that not all processes ask at once. Default 100 ms. A read
    /// that needs more than was last heard asks for itself. From 1 ms to 1 h; another is refused.
    pub poll: Duration,
    /// How long one such question may take before the node's position counts as unknown. Default 1 s; less
    /// than 1 ms is refused.
    pub poll_timeout: Duration,
    /// How long a read waits for a replica that is behind, before it asks the primary. Default 25 ms.
    /// A method may say otherwise: `#[read(wait = "1s")]`.
    pub wait: Duration,
    /// How long a read that has waited for a replica in vain goes on, if the primary's read pool is in
    /// use, too: whichever comes first answers. Default 1 s; then it fails with `is_lagging`.
    pub deadline: Duration,
    /// Reads that may wait at once because no replica is fresh enough and the primary's read pool is
    /// in use. Default 1 024. At the bound a read fails with `is_overloaded`.
    pub max_waiting: usize,
    /// A replica that is further behind the primary is left out of every read. Default 5 s; `Duration::MAX`
    /// leaves none out. How far it is behind is known from the positions that the primary told, so
    /// neither an idle primary nor one that is away makes it look old.
    pub eject_lag: Duration,
    /// One that was left out for its lag is taken back when it is no further behind. Default 2.5 s.
    pub readmit_lag: Duration,
    /// What answers while all replicas are left out. Default: [`AllOut::Primary`].
    pub all_out: AllOut,
    /// How long `Manifold::migrate` waits until each replica that may answer has replayed the migrations. Default
    /// 10 s. One that takes longer is not used until it has.
    pub schema_wait: Duration,
    /// How far back `max_staleness` can be proven. Default 60 s; a larger bound counts as this one.
    pub history: Duration,
}

impl Default for ReadSettings {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(100),
            poll_timeout: Duration::from_secs(1),
            wait: Duration::from_millis(25),
            deadline: Duration::from_secs(1),
            max_waiting: 1024,
            eject_lag: Duration::from_secs(5),
            readmit_lag: Duration::from_millis(2500),
            all_out: AllOut::Primary,
            schema_wait: Duration::from_secs(10),
            history: Duration::from_secs(60),
        }
    }
}

/// The bounds of the cache.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CacheSettings {
    /// The weight of L1: bytes of the encoded values and keys it holds. Default 64 MiB. At the bound
    /// moka evicts what is used least.
    pub local_bytes: u64,
    /// The longest L1 serves an entry before it asks L2 again, whatever the entry's own time to
    /// live, and without Redis, too. Default 10 s. It bounds how long *another* process's L1 may miss
    /// an invalidation.
    pub local_ttl: Duration,
    /// How long one operation on Redis may take. Default 50 ms; then it counts as failed, and the
    /// call goes on without Redis.
    pub operation_timeout: Duration,
    /// Failures in a row after which Redis is left alone. Default 5.
    pub breaker_failures: u32,
    /// How long Redis is left alone before one operation tries it again. Default 1 s.
    pub breaker_open: Duration,
    /// The largest encoded value that is sent to Redis. Default 1 MiB; a larger one stays in L1.
    pub max_value_bytes: usize,
    /// How long a call waits for another one that loads the same key, before it loads for itself.
    /// Default 5 s.
    pub flight_wait: Duration,
    /// How long Redis remembers an invalidation. Default 60 s. A load that took more than half of it
    /// is not stored in L2, because the memory could have passed.
    pub invalidation_memory: Duration,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            local_bytes: 64 << 20,
            local_ttl: Duration::from_secs(10),
            operation_timeout: Duration::from_millis(50),
            breaker_failures: 5,
            breaker_open: Duration::from_secs(1),
            max_value_bytes: 1 << 20,
            flight_wait: Duration::from_secs(5),
            invalidation_memory: Duration::from_secs(60),
        }
    }
}

/// The bounds of the end of a write.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WriteSettings {
    /// Keys one transaction may invalidate. Default 10 000; a body that names more is rolled back.
    pub max_invalidations: usize,
    /// How long a lost COMMIT's outcome is asked for. Default 10 s; then the call fails with
    /// `is_outcome_unknown`.
    pub outcome_deadline: Duration,
    /// How long an invalidation that Redis did not acknowledge is tried again in the background.
    /// Default 60 s. Meanwhile this process does not read that key from Redis.
    pub redelivery: Duration,
    /// How long a write waits for a node that takes writes, while none does: after the primary failed and
    /// before another one is promoted. Default 1 s; then it fails with `is_unreachable`, and nothing was sent.
    pub find_primary: Duration,
    /// Writes whose end may be under way at once. Default 1 024. At the bound a write waits before its
    /// COMMIT. As many invalidations may be in redelivery; at that bound one that Redis does not
    /// acknowledge is not tried again, and an event says so.
    pub max_endings: usize,
}

impl Default for WriteSettings {
    fn default() -> Self {
        Self {
            max_invalidations: 10_000,
            outcome_deadline: Duration::from_secs(10),
            redelivery: Duration::from_secs(60),
            find_primary: Duration::from_secs(1),
            max_endings: 1024,
        }
    }
}

/// The bounds of a [`TokenStore`](crate::TokenStore).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TokenStoreSettings {
    /// For how long a token is kept, and tried to be stored again after Redis did not acknowledge it.
    /// Default 60 s. From 1 ms to [`ReadSettings::history`]; another is
    /// refused when the store is asked for, because nobody would know where the primary was then.
    ///
    /// An answer includes everything that was acknowledged longer ago, whoever wrote it. So the shorter it
    /// is, the more recent answers from replicas and caches must be; the longer, the more tokens there are.
    pub ttl: Duration,
}

impl Default for TokenStoreSettings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(60),
        }
    }
}
