//! One PostgreSQL server: its pools and what was last learned about it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError, QueueMode, TimeoutType, Timeouts};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use tokio::sync::Notify;

use crate::pools::connect::failure::{Class, ConnectError};
use crate::pools::connect::identity::Identity;
use crate::pools::connect::server::Server;
use crate::pools::connect::{Connector, Line, Session};
use crate::pools::queries;
use crate::pools::shared::Shared;
use crate::pools::track::Track;
use crate::rules::duty::Duty;
use crate::rules::fitness::Fitness;
use crate::terms::endpoint::Way;
use crate::terms::error::{Error, Result};
use crate::terms::sighting::Sighting;

mod health;

/// Why a node had no connection to lend.
#[derive(Debug)]
pub enum Unavailable {
    /// All its connections were in use for as long as a call may wait.
    Full(Arc<str>),
    /// It could not be connected to.
    Down(Arc<str>, ConnectError),
    /// The manifold was shut down, or the node removed.
    Closed(Arc<str>),
}

/// What a node is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How it is reached.
    pub server: Server,
    /// What it is called.
    pub name: Arc<str>,
    /// The only reads that it answers.
    pub tag: Option<Arc<str>>,
    /// `statement_timeout` of its sessions.
    pub timeout: Option<Duration>,
    /// It cannot tell its position, and is assumed to show everything older than this.
    pub pin: Option<Duration>,
}

impl Plan {
    /// `statement_timeout` of its sessions, or of what stands in their place.
    pub fn statement_timeout(&self, shared: &Shared) -> Duration {
        self.timeout.unwrap_or(shared.settings.statement_timeout)
    }
}

/// One server.
pub struct Node {
    /// Its number in the manifold; no other node ever has the same.
    pub id: usize,
    pub name: Arc<str>,
    pub address: String,
    /// The only reads that it answers.
    pub tag: Option<Arc<str>>,
    /// What stands before it.
    pub way: Way,
    /// `statement_timeout` of what runs there.
    pub timeout: Duration,
    /// It cannot tell its position, and is assumed to show everything older than this.
    pub pin: Option<Duration>,
    pub shared: Arc<Shared>,
    /// Where it was last seen.
    pub track: Arc<Track>,
    readers: Pool<Connector>,
    /// As small as the budget for falling back to the primary. A pool of its own, because deadpool's
    /// cannot shrink while it is in use.
    fallback: Pool<Connector>,
    writers: Pool<Connector>,
    /// Whether it lends from `fallback` to reads: it is the primary, and there are others.
    is_fallback: AtomicBool,
    fitness: Mutex<Fitness>,
    /// Whether it lags too far.
    lagging: AtomicBool,
    /// Whether it was told of that it answers nothing for what it says of itself.
    outside: AtomicBool,
    in_use: AtomicU32,
    /// Wakes whoever waits until no lease is out.
    unused: Notify,
    /// Moving average in seconds, as the bits of an f64.
    latency: AtomicU64,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({} at {})", self.name, self.address)
    }
}

impl Node {
    /// A node, which lends `fallback` connections to reads while it is the primary and not alone.
    pub fn new(id: usize, plan: &Plan, fallback: usize, shared: Arc<Shared>) -> Result<Self> {
        let track = Arc::new(Track::new(shared.survey.trapped));
        let size = shared.settings.size;
        let pool = |session, size| pool(id, plan, session, size, &shared, &track);
        Ok(Self {
            id,
            name: Arc::clone(&plan.name),
            address: plan.server.address().to_owned(),
            tag: plan.tag.clone(),
            way: plan.server.way(),
            timeout: plan.statement_timeout(&shared),
            pin: plan.pin,
            readers: pool(Session::Read, size)?,
            fallback: pool(Session::Read, fallback)?,
            writers: pool(Session::Write, size)?,
            is_fallback: AtomicBool::new(false),
            track,
            shared,
            fitness: Mutex::new(Fitness::Sound),
            lagging: AtomicBool::new(false),
            outside: AtomicBool::new(false),
            in_use: AtomicU32::new(0),
            unused: Notify::new(),
            latency: AtomicU64::new(0),
        })
    }

    /// Whether each transaction may be another server's.
    pub fn is_opaque(&self) -> bool {
        self.way == Way::Opaque
    }

    /// Connects once, outside of the pools, to learn who the node is.
    pub async fn identify(&self) -> Result<Identity> {
        match self.readers.manager().connect().await {
            Ok(opened) => Ok(opened.identity),
            Err(error) => Err(error.into_error(&self.name)),
        }
    }

    /// A connection for such a session.
    pub async fn lend(&self, session: Session) -> Result<Loan, Unavailable> {
        let lent = self.pool(session).get().await;
        lent.map_err(|error| self.unavailable(error))
    }

    /// A connection for reading that is free or may be opened now, without waiting for one.
    pub async fn lend_free(&self) -> Result<Loan, Unavailable> {
        let pool = self.pool(Session::Read);
        let timeouts = Timeouts {
            wait: Some(Duration::ZERO),
            ..pool.timeouts()
        };
        let lent = pool.timeout_get(&timeouts).await;
        lent.map_err(|error| self.unavailable(error))
    }

    /// A connection for the watcher, outside of the pools.
    pub async fn open_apart(&self) -> Option<(AsyncPgConnection, Line)> {
        match self.readers.manager().connect().await {
            Ok(opened) => Some(opened.apart()),
            Err(error) => {
                let _ = self.unavailable(PoolError::Backend(error));
                None
            }
        }
    }

    /// A connection without any settings of ours, outside of the pools.
    #[cfg(feature = "migrations")]
    pub async fn open_bare(&self) -> Result<AsyncPgConnection> {
        let opened = self.writers.manager().open_bare().await;
        opened.map_err(|error| error.into_error(&self.name))
    }

    /// Where it was last seen; of one that cannot tell, where it is assumed to be.
    pub fn sighting(&self) -> Option<Arc<Sighting>> {
        let Some(pin) = self.pin else {
            return self.track.sighting();
        };
        let at = self.shared.clock.now().earlier(pin);
        let position = self.shared.survey.reached_by(at)?;
        Some(Arc::new(Sighting::assumed(at, position)))
    }

    /// What it is for.
    pub fn duty(&self) -> Duty {
        match self.pin {
            // A logical replica says of itself that it is a primary.
            Some(_) => Duty::Replica,
            None => self.shared.roles.now().duty(self.id),
        }
    }

    /// Asks a connection of this node where it is. `None`: it cannot tell.
    pub async fn ask<C>(&self, conn: &mut C, line: &Line) -> QueryResult<Option<Arc<Sighting>>>
    where
        C: AsyncConnectionCore<Backend = Pg>,
    {
        if self.pin.is_some() {
            // That it answers is all that can be learned.
            queries::answers(conn).await?;
            return Ok(None);
        }
        let era = self.track.era();
        let asked = self.shared.asked();
        let found = queries::whereabouts(conn, self.shared.survey.trapped).await?;
        if self.track.is_superseded(&line.door) {
            // It is another server that says so.
            return Ok(None);
        }
        let followed = self.track.followed(&line.door);
        let sighting = (self.shared).heard(self.id, line, asked, found, followed);
        let Some(sighting) = sighting.map(Arc::new) else {
            return Ok(None);
        };
        // Who was left behind there bounds nothing that the others have shown.
        let is_current = Some(sighting.position.timeline()) >= self.shared.survey.latest();
        if is_current || !self.is_opaque() {
            self.track.note(era, &sighting);
        }
        self.note_lag(&sighting);
        Ok(Some(sighting))
    }

    /// Its pool for such a session.
    pub fn pool(&self, session: Session) -> &Pool<Connector> {
        match session {
            Session::Read if self.is_fallback.load(Ordering::Relaxed) => &self.fallback,
            Session::Read => &self.readers,
            Session::Write => &self.writers,
        }
    }

    /// Whether reads get connections of the budget for falling back from now on.
    pub fn set_fallback(&self, is_fallback: bool) {
        self.is_fallback.store(is_fallback, Ordering::Relaxed);
    }

    fn unavailable(&self, error: PoolError<ConnectError>) -> Unavailable {
        let who = Arc::clone(&self.name);
        match error {
            PoolError::Closed => Unavailable::Closed(who),
            PoolError::Timeout(TimeoutType::Wait) => Unavailable::Full(who),
            PoolError::Backend(error) if error.class == Class::Full => Unavailable::Full(who),
            // That is not what it is for, by now.
            PoolError::Backend(error) if error.class == Class::Standby => {
                Unavailable::Down(who, error)
            }
            PoolError::Backend(error) => {
                self.refused(&error.clone().into_error(&self.name));
                Unavailable::Down(who, error)
            }
            // Our own connector bounds itself, and there are no hooks; deadpool's other timeouts and
            // hook errors cannot come. Were one to come, it would say that the node is of no use now.
            other => {
                let error = ConnectError::pool(&self.address, &other.to_string());
                self.refused(&error.clone().into_error(&self.name));
                Unavailable::Down(who, error)
            }
        }
    }

    /// A connection was lent.
    pub fn lent(&self) {
        self.in_use.fetch_add(1, Ordering::SeqCst);
    }

    /// A connection came back after `held`.
    pub fn returned(&self, held: Duration) {
        if self.in_use.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.unused.notify_waiters();
        }
        // One part in eight is new: about the last ten answers count. A lost update between two
        // threads costs one sample.
        let old = f64::from_bits(self.latency.load(Ordering::Relaxed));
        let new = held.as_secs_f64();
        let next = if old == 0.0 {
            new
        } else {
            old + (new - old) / 8.0
        };
        self.latency.store(next.to_bits(), Ordering::Relaxed);
    }

    /// Waits until no lease is out.
    pub async fn until_unused(&self) {
        loop {
            let unused = self.unused.notified();
            tokio::pin!(unused);
            // Registers before the number is read: the last one that comes back in between is not missed.
            unused.as_mut().enable();
            if self.in_use.load(Ordering::SeqCst) == 0 {
                return;
            }
            unused.await;
        }
    }

    /// Its pools.
    pub fn pools(&self) -> [&Pool<Connector>; 3] {
        [&self.readers, &self.fallback, &self.writers]
    }

    /// Lends no connection any more.
    pub fn close(&self) {
        self.pools().into_iter().for_each(Pool::close);
    }

    /// Whether it lends connections, or calls are still there.
    pub fn is_needed(&self) -> bool {
        !self.readers.is_closed() || self.in_use.load(Ordering::SeqCst) > 0
    }
}

fn pool(
    node: usize,
    plan: &Plan,
    session: Session,
    size: usize,
    shared: &Arc<Shared>,
    track: &Arc<Track>,
) -> Result<Pool<Connector>> {
    let settings = &shared.settings;
    if size == 0 {
        return Err(Error::configuration(
            "a pool of 0 connections can answer nothing",
            "set `pool.size` and `pool.fallback_size` to at least 1",
        ));
    }
    let connector = Connector::new(node, plan, session, Arc::clone(shared), Arc::clone(track));
    Pool::builder(connector)
        .max_size(size)
        .wait_timeout(Some(settings.wait))
        // The connector bounds creation itself, with an error that names the node; this is the net
        // below it, and the bound of the ping.
        .create_timeout(Some(settings.connect_timeout * 2))
        .recycle_timeout(Some(settings.connect_timeout))
        // The connection used last has the warmest statement cache.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| {
            Error::configuration(error.to_string(), "this is our bug, please report it")
        })
}

/// A connection on loan from one of a node's pools.
pub type Loan = Object<Connector>;
