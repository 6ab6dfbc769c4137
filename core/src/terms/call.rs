//! A *call* is one invocation of an annotated method: its name and its policy.
//!
//! The macro writes these as constants, so that what a method was annotated with can be read
//! (and tested) as plain data.

use std::fmt;
use std::time::Duration;

use crate::terms::policy::Policy;

/// The name of an annotated method, as its author knows it: `Albums::by_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    repository: &'static str,
    method: &'static str,
}

impl Name {
    /// The name of `method` in the repository type `repository`.
    pub const fn new(repository: &'static str, method: &'static str) -> Self {
        Self { repository, method }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.repository, self.method)
    }
}

/// How a `#[read]` method was annotated.
#[derive(Debug, Clone, Copy)]
pub struct ReadCall {
    /// Who is calling.
    pub name: Name,
    /// How many times the body may run in all. Default 3.
    pub attempts: u8,
    /// How fresh its answer must be.
    pub policy: Policy,
    /// The only nodes that answer; `None`: those without a tag.
    pub tag: Option<&'static str>,
}

impl ReadCall {
    /// A read with the default policy.
    pub const fn new(name: Name) -> Self {
        Self {
            name,
            attempts: 3,
            policy: Policy::new(),
            tag: None,
        }
    }

    /// Only nodes with this tag answer.
    #[must_use]
    pub const fn tag(mut self, tag: &'static str) -> Self {
        self.tag = Some(tag);
        self
    }

    /// The body runs at most this often.
    #[must_use]
    pub const fn attempts(mut self, attempts: u8) -> Self {
        self.attempts = attempts;
        self
    }

    /// How fresh its answer must be.
    #[must_use]
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }
}

/// How a `#[cached]` method was annotated: a read whose answer is kept.
#[derive(Debug, Clone, Copy)]
pub struct CachedCall {
    /// The read that answers on a miss.
    pub read: ReadCall,
    /// The readable, stable first part of every key of this method.
    pub cache: &'static str,
    /// How long an answer may be served. Default 60 s.
    pub ttl: Duration,
}

impl CachedCall {
    /// A cached read with the default policy. `cache` names its keys and must not repeat.
    pub const fn new(read: ReadCall, cache: &'static str) -> Self {
        Self {
            read,
            cache,
            ttl: Duration::from_secs(60),
        }
    }

    /// How long an answer may be served.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }
}

/// How a `#[write]` method was annotated.
#[derive(Debug, Clone, Copy)]
pub struct WriteCall {
    /// Who is calling.
    pub name: Name,
    /// The isolation level of its transaction; `None` is the server's default.
    pub isolation: Option<Isolation>,
    /// How often the body runs *again* after a serialization failure. Default 0.
    pub retry: u8,
    /// `false`: the body runs outside a transaction, each statement commits by itself.
    pub transaction: bool,
    /// Whether later reads must include it; `false` for what nobody reads back.
    pub floor: bool,
    /// Whether it says which cached answers become stale, if only that none do.
    pub declared: bool,
}

impl WriteCall {
    /// A write as it is if nothing else is said: one transaction at the server's isolation, no retry.
    pub const fn new(name: Name) -> Self {
        Self {
            name,
            isolation: None,
            retry: 0,
            transaction: true,
            floor: true,
            declared: false,
        }
    }

    /// The isolation level of the transaction.
    #[must_use]
    pub const fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// Run the body again after a serialization failure, at most this often.
    #[must_use]
    pub const fn retry(mut self, retry: u8) -> Self {
        self.retry = retry;
        self
    }

    /// No transaction around the body.
    #[must_use]
    pub const fn without_transaction(mut self) -> Self {
        self.transaction = false;
        self
    }

    /// Nobody reads it back: it raises no floor.
    #[must_use]
    pub const fn without_floor(mut self) -> Self {
        self.floor = false;
        self
    }

    /// It says which cached answers become stale.
    #[must_use]
    pub const fn declared(mut self) -> Self {
        self.declared = true;
        self
    }

    /// The statement that opens the transaction.
    pub(crate) const fn begin(&self) -> &'static str {
        match self.isolation {
            None => "BEGIN",
            Some(Isolation::ReadCommitted) => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Some(Isolation::RepeatableRead) => "BEGIN ISOLATION LEVEL REPEATABLE READ",
            Some(Isolation::Serializable) => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        }
    }
}

/// A transaction isolation level of
/// [PostgreSQL](https://www.postgresql.org/docs/current/transaction-iso.html).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement sees what was committed before it began.
    ReadCommitted,
    /// The transaction sees what was committed before its first statement.
    RepeatableRead,
    /// As if transactions ran one after another; conflicts fail with SQLSTATE 40001.
    Serializable,
}
