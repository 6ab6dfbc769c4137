//! A look into Redis by hand: which answers are there, what one of them is, and dropping them.
//!
//! It has a connection of its own, so that no call's operation waits behind a listing, and says what
//! went wrong, which a call never has to.

use std::fmt;
use std::time::Duration;

use redis::Script;

use super::link::Link;
use super::{Shared, field};
use crate::cache::Cache;
use crate::cache::entry::{self, Entry};
use crate::terms::cacheable::Cacheable;
use crate::terms::error::Result;
use crate::terms::key::Key;
use crate::terms::stored::StoredName;

/// Names that Redis looks at for one page: it runs nothing else meanwhile.
const PAGE: usize = 100;

/// More values under one key than versions of a program are ever deployed at once.
const MOST_VALUES: usize = 64;

/// Time to live, and size and beginning of each value, of hashes that look like ours.
const LOOK: &str = r"
local found = {}
for at, key in ipairs(KEYS) do
  local values = {}
  local fields = redis.pcall('HLEN', key)
  if type(fields) == 'number' and fields <= tonumber(ARGV[1]) then
    for _, field in ipairs(redis.call('HKEYS', key)) do
      if string.sub(field, 1, 2) == 'v:' then
        local size = redis.call('HSTRLEN', key, field)
        if size <= tonumber(ARGV[2]) then
          local head = string.sub(redis.call('HGET', key, field), 1, tonumber(ARGV[3]))
          table.insert(values, {size, head})
        end
      end
    end
  end
  found[at] = {redis.call('PTTL', key), values}
end
return found";

/// What [`LOOK`] tells of a key: its time to live in milliseconds, and its values.
type Look = (i64, Vec<(u64, Vec<u8>)>);
/// A cursor and names.
type Scan = (u64, Vec<Vec<u8>>);

/// The answers in Redis, for whoever operates it: [`Manifold::shared_cache`](crate::Manifold::shared_cache).
///
/// Only names of this manifold's [`namespace`](crate::Manifold::namespace) are seen. Nothing that is
/// asked here fills L1 or counts as a hit.
///
/// # Errors
///
/// Of every method: `is_unreachable` if Redis does not answer within 2 s, `is_configuration` if it
/// refuses the user of its URL.
pub struct SharedCache<'m> {
    cache: &'m Cache,
    shared: &'m Shared,
    link: Link,
    look: Script,
    prefix: Vec<u8>,
}

impl fmt::Debug for SharedCache<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedCache({:?})", self.shared)
    }
}

/// An answer at rest in Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredAnswer {
    /// What its key is called.
    pub name: StoredName,
    /// How long it may still be served.
    pub time_left: Duration,
    /// Its size in bytes, encoded; of all versions together.
    pub bytes: u64,
    /// How many versions there are: programs whose type has another shape keep a value each.
    pub versions: usize,
}

/// Some of the answers in Redis, and where the others begin.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoredPage {
    /// In no order. It may be empty, and others follow.
    pub answers: Vec<StoredAnswer>,
    /// Where to go on; `None` if these were the last.
    pub next: Option<Place>,
}

/// A place in the listing; the default is its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place(u64);

impl<'m> SharedCache<'m> {
    /// Connects.
    pub(in crate::cache) async fn open(cache: &'m Cache, shared: &'m Shared) -> Result<Self> {
        let opened = Self {
            link: shared.link.another(),
            look: Script::new(LOOK),
            // A manifold knows its database before anybody has it.
            prefix: shared.prefix().unwrap_or_default(),
            cache,
            shared,
        };
        opened.link.ping().await?;
        Ok(opened)
    }

    /// A page of the answers whose name begins with `prefix`; empty is all of them.
    ///
    /// Redis is asked for about 100 names at a time, by SCAN. An answer that is there from the first
    /// page to the last is on one of them; if Redis grows or shrinks its table meanwhile, perhaps on
    /// two. A key that only remembers an invalidation holds no answer, and is not listed.
    ///
    /// # Cancel safety
    ///
    /// Dropped, nothing has happened.
    pub async fn page(&self, prefix: &str, from: Place) -> Result<StoredPage> {
        let (names, next) = self.names(prefix, from).await?;
        let answers = self.look(names).await?;
        Ok(StoredPage { answers, next })
    }

    /// The answer of this name, if there is one that may still be served.
    ///
    /// # Cancel safety
    ///
    /// Dropped, nothing has happened.
    pub async fn describe(&self, name: &StoredName) -> Result<Option<StoredAnswer>> {
        Ok(self.look(vec![name.clone()]).await?.pop())
    }

    /// The value under `key`, if there is one of this type that may still be served. `T` is what the
    /// method's `Ok` holds:
    ///
    /// ```ignore
    /// let album = cache.peek::<Option<Arc<Album>>>(&Albums::by_id_key(&7)).await?;
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped, nothing has happened.
    pub async fn peek<T: Cacheable>(&self, key: &Key) -> Result<Option<T>> {
        let mut asked = redis::cmd("HGET");
        asked
            .arg(self.full(&StoredName::from(key)))
            .arg(field(T::FINGERPRINT));
        let bytes: Option<Vec<u8>> = self
            .link
            .ask(async |mut connection| asked.query_async(&mut connection).await)
            .await?;
        let value = bytes.and_then(|bytes| self.cache.decode(&bytes));
        Ok(value.map(|(value, ..)| value))
    }

    /// Drops the answers of these names, as a write that declares them does: a load that is under way
    /// in any process is not stored. Tells how many answers there were.
    ///
    /// This process's own L1 is emptied. That of another process serves what it has for at most its
    /// [`local_ttl`](crate::CacheSettings::local_ttl).
    ///
    /// # Cancel safety
    ///
    /// Dropped, or failed, some of them may be cleared; clear again.
    pub async fn clear(&self, names: &[StoredName]) -> Result<usize> {
        // What is dropped here first cannot come back from Redis and stay: at the end, however that
        // comes, it is dropped here again.
        let _again = Near(self.cache);
        self.cache.invalidate_all_near();
        let mut cleared = 0;
        for batch in names.chunks(PAGE) {
            cleared += self.look(batch.to_vec()).await?.len();
            let full: Vec<_> = batch.iter().map(|name| self.full(name)).collect();
            let call = self.shared.invalidation(&full);
            let _: i64 = self
                .link
                .ask(async |mut connection| call.invoke_async(&mut connection).await)
                .await?;
        }
        Ok(cleared)
    }

    /// Drops the answers whose name begins with `prefix`; empty is all of this manifold, and of no
    /// other. Tells how many there were. For the rest it is as [`clear`](Self::clear).
    ///
    /// A load that is under way for a key that Redis does not know yet is not refused: only naming
    /// the key does that.
    ///
    /// # Cancel safety
    ///
    /// Dropped, or failed, some of them may be cleared; clear again.
    pub async fn clear_prefix(&self, prefix: &str) -> Result<usize> {
        let (mut cleared, mut place) = (0, Some(Place::default()));
        while let Some(from) = place {
            let (names, next) = self.names(prefix, from).await?;
            cleared += self.clear(&names).await?;
            place = next;
        }
        Ok(cleared)
    }

    /// Some names with the prefix, whatever is under them, and where the others begin.
    async fn names(&self, prefix: &str, from: Place) -> Result<(Vec<StoredName>, Option<Place>)> {
        let mut pattern = literal(&self.full(&StoredName::from(prefix)));
        pattern.push(b'*');
        let mut asked = redis::cmd("SCAN");
        asked.arg(from.0).arg("MATCH").arg(pattern);
        asked.arg("COUNT").arg(PAGE).arg("TYPE").arg("hash");
        let (cursor, found): Scan = self
            .link
            .ask(async |mut connection| asked.query_async(&mut connection).await)
            .await?;
        let names = found.iter().filter_map(|name| {
            let name = name.strip_prefix(&*self.prefix)?;
            Some(StoredName::new(name))
        });
        Ok((names.collect(), (cursor != 0).then_some(Place(cursor))))
    }

    /// The answers among these names.
    async fn look(&self, names: Vec<StoredName>) -> Result<Vec<StoredAnswer>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let largest = self.shared.settings.max_value_bytes + entry::PAYLOAD;
        let mut call = self.look.prepare_invoke();
        for name in &names {
            call.key(self.full(name));
        }
        call.arg(MOST_VALUES).arg(largest).arg(entry::PAYLOAD);
        let looks: Vec<Look> = self
            .link
            .ask(async |mut connection| call.invoke_async(&mut connection).await)
            .await?;
        let now_ms = self.shared.clock.wall_ms();
        let answers = names.into_iter().zip(looks);
        Ok(answers
            .filter_map(|(name, look)| answer(name, &look, now_ms))
            .collect())
    }

    fn full(&self, name: &StoredName) -> Vec<u8> {
        [&self.prefix, name.as_bytes()].concat()
    }
}

/// Empties L1 when it is dropped.
struct Near<'m>(&'m Cache);

impl Drop for Near<'_> {
    fn drop(&mut self) {
        self.0.invalidate_all_near();
    }
}

/// What there is under a name; `None` if nothing may be served any more.
fn answer(name: StoredName, (ttl_ms, values): &Look, now_ms: u64) -> Option<StoredAnswer> {
    let served = values.iter().filter_map(|(bytes, head)| {
        let left = Entry::parse(head)?.time_left(now_ms)?;
        Some((*bytes, left))
    });
    let (mut bytes, mut versions, mut time_left) = (0, 0, Duration::ZERO);
    for (size, left) in served {
        bytes += size;
        versions += 1;
        time_left = time_left.max(left);
    }
    // Negative: it has none, because somebody took it away.
    if let Ok(ttl_ms) = u64::try_from(*ttl_ms) {
        time_left = time_left.min(Duration::from_millis(ttl_ms));
    }
    (versions > 0).then_some(StoredAnswer {
        name,
        time_left,
        bytes,
        versions,
    })
}

/// A pattern that matches just these bytes.
fn literal(bytes: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(bytes.len() + 1);
    for byte in bytes {
        if b"*?[]\\".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern
}
