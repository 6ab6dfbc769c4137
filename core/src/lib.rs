//! Scale the reads of a PostgreSQL application by annotating the repository methods it already has.
//!
//! `#[read]` runs on a replica, `#[write]` on the primary, `#[cached]` answers from this process
//! (L1) or from Redis (L2) before it asks a replica, and a mutation through a [`ReadConn`] does not
//! compile. diesel and diesel-async underneath.
//!
//! ```
//! use diesel_manifold::{Cacheable, Manifold, prelude::*};
//! use serde::{Deserialize, Serialize};
//! use std::sync::Arc;
//!
//! diesel::table! { albums (id) { id -> Integer, title -> Text, } }
//!
//! #[derive(Clone, Queryable, Serialize, Deserialize, Cacheable)]
//! pub struct Album { id: i32, title: String }
//!
//! pub struct Albums { db: Manifold }
//!
//! #[repository]
//! impl Albums {
//!     /// Albums after `after`, in id order.
//!     #[read]
//!     pub async fn page(&self, conn: &mut ReadConn<'_>, after: i32) -> Result<Vec<Album>> {
//!         Ok(albums::table.filter(albums::id.gt(after)).order(albums::id).load(conn).await?)
//!     }
//!
//!     #[cached(ttl = "2m")] // implies #[read]
//!     pub async fn by_id(&self, conn: &mut ReadConn<'_>, id: i32) -> Result<Option<Arc<Album>>> {
//!         Ok(albums::table.find(id).first(conn).await.optional()?.map(Arc::new))
//!     }
//!
//!     #[write(invalidates(by_id(id)))]
//!     pub async fn rename(&self, conn: &mut WriteConn<'_>, id: i32, title: &str) -> Result<Album> {
//!         let update = diesel::update(albums::table.find(id)).set(albums::title.eq(title));
//!         Ok(update.get_result(conn).await?)
//!     }
//! }
//!
//! # async fn example() -> diesel_manifold::Result<()> {
//! let albums = Albums { db: Manifold::from_env().await? };
//! let album = albums.by_id(7).await?;          // L1, else L2, else a replica
//! albums.rename(7, "Kind of Blue").await?;     // the primary, in a transaction
//! # Ok(()) }
//! ```
//!
//! The parameter `conn` is not part of the public method. Beside each method stands `<name>_on(&self,
//! conn, ..)`, which runs on a connection that you have: so bodies compose in one transaction, see
//! [`Manifold::transaction`].
//!
//! # The words
//!
//! One word, one meaning; types, files and log fields use the same.
//!
//! * **manifold**: the handle that repositories hold, [`Manifold`].
//! * **call**: one invocation of an annotated method, by its [`Name`].
//! * **endpoint**: where a node is reached, and what stands before it: [`Endpoint`]; behind an **opaque** one, a pooler or a
//!   balancer, each transaction may be another server's.
//! * **node**: what is reached at one endpoint, a PostgreSQL server as a rule, see [`NodeStatus`]; its **role** is what it says
//!   it is, and one that is **outside** is on a timeline that came to its end.
//! * **timeline**: a stretch of the log; each promotion begins one.
//! * **lease**: a borrowed connection that knows its node and whether it may be given back.
//! * **route**: who answered a call, and why: [`Route`], told by [`routes`] and [`Read`].
//! * **position**: a place in the write-ahead log, on a timeline: [`Position`].
//! * **sighting**: where a node was when it was asked; it vouches for connections that were open then.
//! * **stamp**: a lower bound, an answer includes everything before it.
//! * **reach**: an upper bound, an answer shows nothing behind it; asked for after the last row, on the
//!   same node.
//! * **floor**: what an answer must include.
//! * **session**: what one user wrote and saw, as floors and the node that answered last: [`Session`].
//! * **token**: a session's floors, portable and signed; or in Redis, in the **token store**: [`TokenStore`].
//! * **marker**: what tells a token store that forgot from one in which nobody saved anything.
//! * **policy**: how fresh an answer must be: [`Policy`].
//! * **key**: a cached call written down, `shop::Albums::by_id(7i32)`: [`Key`].
//! * **generation**: what an invalidation bumps; a load that began under an older one is not kept.
//! * **fence**: the position behind which this process invalidated a key; older answers are no hits here.
//! * **sequence**: the number of a write's invalidations, in an **epoch**: the era of whoever counts.
//! * **flight**: the one load in progress for a key; the right to lead it is a **baton**.
//! * **entry**: a value at rest in Redis, with its stamp, its reach and its times.
//!
//! # Features
//!
//! * `tls`, on by default: TLS to PostgreSQL and Redis, see [`docs::tls`].
//! * `tower`: a session for each client or user of an HTTP service, by a layer for axum and its like.
//! * `metrics`: counts calls (`manifold_calls_total`, by call, node, role and reason), and tells how long
//!   they waited for a fresh node, how often their body ran and how old the answer is at most
//!   (`manifold_call_wait_seconds`, `manifold_call_attempts`, `manifold_answer_age_seconds`), through the
//!   facade of the crate [`metrics`](https://docs.rs/metrics). A hit in L1 then pays for it, too.
//! * `migrations`: `Manifold::migrate`, which keeps reads from replicas that have not replayed a migration.
//! * `uuid`, `chrono`, `serde_json`: [`CacheKey`] and [`Cacheable`] for the types of these crates.

// 4: what the world touches.
mod builder;
mod discovery;
pub mod docs;
#[doc(hidden)]
pub mod macro_support;
mod manifold;
pub mod prelude;
mod session;
mod token_store;
#[cfg(feature = "tower")]
pub mod tower;
// 3: the journeys.
mod calls;
// 2: the rooms.
mod cache;
mod pools;
mod query;
// 1: what they decide by.
mod rules;
// 0: the nouns.
mod terms;

pub use builder::Builder;
pub use cache::shared::inspection::{Place, SharedCache, StoredAnswer, StoredPage};
pub use cache::shared::link::ping_redis;
pub use diesel_manifold_macros::{CacheKey, Cacheable, Repository, repository};
pub use discovery::{Discovery, Resolve, Resolving};
pub use manifold::Manifold;
pub use manifold::repository::Repository;
pub use pools::connect::connect;
pub use pools::status::{NodeStatus, PoolStatus};
pub use query::conn::{CanExecute, QueryConn, ReadConn, ReadPipe, WriteConn};
pub use query::dsl::RunQueryDsl;
pub use query::futures as return_futures;
pub use query::permission::{ReadOnlyQuery, RunsOn, kind};
pub use query::raw_sql::{AssertReadOnly, AssertReadOnlyExt};
pub use session::Session;
pub use terms::cacheable::Cacheable;
pub use terms::call::{Isolation, Name};
pub use terms::clock::{Clock, Moment};
pub use terms::endpoint::Endpoint;
pub use terms::error::{Error, Result};
pub use terms::fingerprint::Fingerprint;
pub use terms::key::{CacheKey, IntoKeys, Key, KeyWriter};
pub use terms::outcome::Outcome;
pub use terms::policy::{Consistency, Policy};
pub use terms::position::Position;
pub use terms::route::{Read, Reason, Role, Route, Source, routes};
pub use terms::settings::{
    AllOut, Balance, CacheSettings, PoolSettings, ReadSettings, Settings, TokenStoreSettings,
    WriteSettings,
};
pub use terms::stored::StoredName;
pub use terms::token::key::TokenKey;
#[cfg(feature = "traps")]
#[doc(hidden)]
pub use terms::trap::Trap;
pub use terms::wire::Wire;
pub use token_store::TokenStore;
