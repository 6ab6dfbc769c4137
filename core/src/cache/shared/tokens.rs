//! The tokens of sessions in Redis, under the application's keys, and the marker of the store.
//!
//! ```text
//! mf:{namespace}:token:{key}      what a token says, without its tag; a time to live
//! mf:{namespace}:token-marker     see `terms/marker.rs`; none
//! ```
//!
//! They are strings, so who looks at the answers in Redis, which are hashes, does not see them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, RedisResult, Script, ServerErrorKind};

use super::link::Silence;
use super::{Shared, milliseconds};
use crate::terms::clock::Moment;
use crate::terms::marker::Marker;
use crate::terms::stored;

/// How old what the server said of itself may be: who changes its policy while it runs is noticed by
/// then.
const FACTS: Duration = Duration::from_secs(10);

/// Looks at token and marker, at one moment. A marker of another run of the server, or none, is replaced
/// by a new one.
///
/// The first line deletes what is never there. It is a write, so a server refuses the look that may not
/// write: one that was demoted to a replica, or has lost its own (`min-replicas-to-write`), and so may
/// have missed what was saved elsewhere.
const LOOK: &str = r"
redis.call('DEL', KEYS[3])
local marker = redis.pcall('GET', KEYS[2])
local run = type(marker) == 'string' and string.match(marker, '^%S+ (%S+) ')
if run ~= ARGV[1] then
  marker = ARGV[2]
  redis.call('SET', KEYS[2], marker)
end
local token = redis.pcall('GET', KEYS[1])
if type(token) == 'table' then token = '' end
return {marker, token}";

/// Places a marker, if it is still the one that was seen.
const PLACE: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1";

/// Merges a token into the one that is there, by the rules of `Floors::merge`: ours is ARGV[1], and
/// ARGV[2] the epoch that its process knows. Something that is no token of this version and cluster is
/// replaced only if ARGV[4] says so.
///
/// The writes of ARGV[5] are those with which our session came from here. If no others are there, ours take
/// their place: they include them, or they were judged in between, and their user is not told again that
/// they are lost.
///
/// Positions are big endian with the timeline first, and zero if they are missing: so the later one is
/// the one whose bytes come later. They are compared one by one, because Lua compares strings by the
/// server's locale, and its numbers do not hold 64 bits.
///
/// The token is kept for longer than any process looks back: a clock that is slewed may run by a
/// twelfth faster than another one (chrony's `maxslewrate`), and be set by up to a second.
const SAVE: &str = r"
local function later(one, other)
  for at = 1, #one do
    local a, b = one:byte(at), other:byte(at)
    if a ~= b then return a > b and one or other end
  end
  return one
end
local none = string.rep('\0', 8)
local nowhere = string.rep('\0', 12)
local function beginning(one, other)
  if one == nowhere then return other end
  if other == nowhere then return one end
  if one:sub(1, 4) == other:sub(1, 4) then return later(one, other) end
  return later(one, other) == one and other or one
end
local new, epoch = ARGV[1], ARGV[2]
local old = redis.pcall('GET', KEYS[1])
if type(old) == 'string' and #old == #new and old:sub(1, 9) == new:sub(1, 9) then
  local function both(from, to) return later(new:sub(from, to), old:sub(from, to)) end
  local before, after = beginning(new:sub(10, 21), old:sub(10, 21)), both(22, 33)
  local seen, cached = both(34, 45), both(46, 57)
  if old:sub(10, 33) == ARGV[5] then
    before, after = new:sub(10, 21), new:sub(22, 33)
    seen = later(seen, old:sub(22, 33))
  end
  local whose, number = new:sub(58, 65), new:sub(66, 73)
  if old:sub(66, 73) ~= none and old:sub(58, 65) == epoch then
    if number ~= none and whose ~= epoch then
      cached = later(cached, new:sub(22, 33))
      number = none
    end
    whose, number = epoch, later(number, old:sub(66, 73))
  else
    cached = later(cached, old:sub(22, 33))
  end
  new = new:sub(1, 9) .. before .. after .. seen .. cached .. whose .. number
elseif old and ARGV[4] ~= '1' then
  return 0
end
local marker = redis.pcall('GET', KEYS[2])
local ttl = type(marker) == 'string' and tonumber(string.match(marker, '^%S+ %S+ (%d+) ')) or 0
ttl = math.max(ttl, tonumber(ARGV[3]))
redis.call('SET', KEYS[1], new, 'PX', string.format('%.0f', ttl + math.ceil(ttl / 8) + 1000))
return 1";

/// What the token store needs of the second level.
pub struct Tokens {
    look: Script,
    save: Script,
    place: Script,
    facts: Mutex<Option<Known>>,
}

/// What the server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    /// One run of the server, from a start or a promotion to the next: a start may bring old data back,
    /// and a promoted replica may have missed the last.
    run: String,
    /// Whether it drops keys before their time when its memory is full.
    evicts: bool,
}

/// Over which connection the server said it, and when.
#[derive(Debug, Clone)]
struct Known {
    line: u64,
    at: Moment,
    facts: Facts,
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// The store's marker, perhaps a new one.
    pub marker: Marker,
    /// What is there under the user's key.
    pub token: Option<Vec<u8>>,
    /// Whether the server drops keys before their time.
    pub evicts: bool,
}

/// A token to save.
#[derive(Debug, Clone)]
pub struct Saved {
    /// What it says.
    pub said: Vec<u8>,
    /// Whose numbers the process knows.
    pub epoch: u64,
    /// For how long it is kept, at least.
    pub ttl: Duration,
    /// The writes with which its session came, as a token says them.
    pub recalled: Vec<u8>,
}

/// What a server says that will not tell what it is.
type Untold = RedisError;

impl Tokens {
    pub fn new() -> Self {
        Self {
            look: Script::new(LOOK),
            save: Script::new(SAVE),
            place: Script::new(PLACE),
            facts: Mutex::default(),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Looks for the token under `key`. What is missing of the marker is begun with `ttl`.
    pub async fn look(&self, key: &[u8], ttl: Duration) -> Result<Found, Silence> {
        let mut call = self.tokens.look.prepare_invoke();
        call.key(self.token_name(key)?)
            .key(self.marker_name()?)
            .key(self.named(b"token-none")?);
        let id = self.marks.next();
        let found = self.attempt(async |mut connection, line| {
            let facts = match self.facts(&mut connection, line).await? {
                Ok(facts) => facts,
                Err(untold) => return Ok(Err(untold)),
            };
            call.arg(&facts.run)
                .arg(Marker::unplaced(&id, &facts.run, ttl));
            let found: (Vec<u8>, Option<Vec<u8>>) = call.invoke_async(&mut connection).await?;
            Ok(Ok((found, facts.evicts)))
        });
        match found.await {
            Ok(Ok(((marker, token), evicts))) => Ok(Found {
                marker: Marker::parse(&String::from_utf8_lossy(&marker)),
                token,
                evicts,
            }),
            Ok(Err(untold)) => Err(Silence::new(format!(
                "it does not say that it is a primary ({untold}); its user needs INFO"
            ))),
            Err(silence) => {
                // It may be another one by now, behind the same connection.
                *self.tokens.known() = None;
                Err(silence)
            }
        }
    }

    /// Merges a token into the one under `key`. False: there is something else, which is replaced only if
    /// `replace` says so.
    pub async fn save(&self, key: &[u8], saved: &Saved, replace: bool) -> Result<bool, Silence> {
        let mut call = self.tokens.save.prepare_invoke();
        call.key(self.token_name(key)?).key(self.marker_name()?);
        call.arg(&saved.said)
            .arg(&saved.epoch.to_be_bytes()[..])
            .arg(milliseconds(saved.ttl))
            .arg(u8::from(replace))
            .arg(&saved.recalled);
        self.attempt(async |mut connection, _| call.invoke_async(&mut connection).await)
            .await
    }

    /// Puts `text` in the place of the marker, if it is still `seen`.
    pub async fn place(&self, seen: &Marker, text: &str) -> Result<bool, Silence> {
        let mut call = self.tokens.place.prepare_invoke();
        call.key(self.marker_name()?).arg(&seen.text).arg(text);
        self.attempt(async |mut connection, _| call.invoke_async(&mut connection).await)
            .await
    }

    /// What the server at the other end of `connection` says of itself; `line` is the connection's number.
    async fn facts(
        &self,
        connection: &mut MultiplexedConnection,
        line: u64,
    ) -> RedisResult<Result<Facts, Untold>> {
        let now = self.clock.now();
        let known = self.tokens.known().clone();
        if let Some(known) = known.filter(|it| it.line == line && now.since(it.at) < FACTS) {
            return Ok(Ok(known.facts));
        }
        let mut asked = redis::pipe();
        for section in ["server", "replication", "memory"] {
            asked.cmd("INFO").arg(section);
        }
        let told: RedisResult<[String; 3]> = asked.query_async(connection).await;
        let told = match told {
            Ok(told) => told,
            // It answers, so for the answers that it keeps it is as good as before.
            Err(error) if is_refusal(&error) => return Ok(Err(error)),
            Err(error) => return Err(error),
        };
        let facts = match Facts::parse(&told.concat()) {
            Ok(facts) => facts,
            Err(why) => return Ok(Err((ErrorKind::Parse, why).into())),
        };
        *self.tokens.known() = Some(Known {
            line,
            at: now,
            facts: facts.clone(),
        });
        Ok(Ok(facts))
    }

    fn token_name(&self, key: &[u8]) -> Result<Vec<u8>, Silence> {
        let mut name = self.named(b"")?;
        stored::token(key, &mut name);
        Ok(name)
    }

    fn marker_name(&self) -> Result<Vec<u8>, Silence> {
        self.named(b"token-marker")
    }

    fn named(&self, name: &[u8]) -> Result<Vec<u8>, Silence> {
        let unknown = || Silence::new("the manifold does not know its database yet");
        let mut full = self.prefix().ok_or_else(unknown)?;
        full.extend_from_slice(name);
        Ok(full)
    }
}

impl Facts {
    /// What the sections `server`, `replication` and `memory` of INFO say.
    fn parse(told: &str) -> Result<Self, &'static str> {
        let field = |name: &str| {
            let mut lines = told.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        };
        if field("role") != Some("master") {
            // One that may be written to would not refuse the look.
            return Err("its role is not `master`");
        }
        let run = field("run_id").ok_or("it has no `run_id`")?;
        let history = field("master_replid").unwrap_or("-");
        // Without a limit nothing is evicted, whatever the policy.
        let is_bounded = field("maxmemory") != Some("0");
        let evicts = is_bounded && field("maxmemory_policy") != Some("noeviction");
        let run: String = format!("{run}/{history}").split_whitespace().collect();
        Ok(Self { run, evicts })
    }
}

/// Whether the server understood, and does not want to.
fn is_refusal(error: &RedisError) -> bool {
    use ServerErrorKind::{NoPerm, ResponseError};
    matches!(error.kind(), ErrorKind::Server(NoPerm | ResponseError))
}

#[cfg(test)]
mod tests;
