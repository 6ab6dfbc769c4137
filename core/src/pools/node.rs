//! One PostgreSQL server: its pools and what was last learned about it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::pools::connect::failure::{Class, ConnectError};
use crate::pools::connect::identity::Identity;
use crate::pools::connect::server::Server;
use crate::pools::connect::{Connector, Line, Session};
use crate::pools::dice;
use crate::pools::queries;
use crate::pools::shared::Shared;
use crate::pools::track::Track;
use crate::rules::balance::Load;
use crate::rules::duty::Duty;
use crate::rules::fitness::{Bounds, Fact, Fitness, Turn};
use crate::rules::lag;
use crate::terms::error::{Error, Result};
use crate::terms::sighting::Sighting;
use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError, QueueMode, TimeoutType, Timeouts};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};

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

/// One server.
pub struct Node {
    /// Its number in the manifold; no other node ever has the same.
    pub id: usize,
    pub name: Arc<str>,
    pub address: String,
    /// The only reads that it answers.
    pub tag: Option<Arc<str>>,
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
            pin: plan.pin,
            readers: pool(Session::Read, size)?,
            fallback: pool(Session::Read, fallback)?,
            writers: pool(Session::Write, size)?,
            is_fallback: AtomicBool::new(false),
            track,
            shared,
            fitness: Mutex::new(Fitness::Sound),
            lagging: AtomicBool::new(false),
            in_use: AtomicU32::new(0),
            unused: Notify::new(),
            latency: AtomicU64::new(0),
        })
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
        let followed = self.track.followed(&line.door);
        let sighting = (self.shared).heard(self.id, line, asked, found, followed);
        let Some(sighting) = sighting.map(Arc::new) else {
            return Ok(None);
        };
        self.track.note(era, &sighting);
        self.note_lag(&sighting);
        Ok(Some(sighting))
    }

    /// Notes whether a replica lags too far, or no longer.
    fn note_lag(&self, sighting: &Sighting) {
        let was = self.lagging.load(Ordering::Relaxed);
        let behind = (self.shared.survey.behind(sighting.position)).filter(|_| sighting.standby);
        let is = sighting.standby && lag::is_out(was, behind, self.shared.lag);
        if is == was || self.lagging.swap(is, Ordering::Relaxed) == is {
            return;
        }
        let (node, address) = (&self.name, &self.address);
        if is {
            tracing::warn!(%node, %address, ?behind, "node left out: it lags too far");
        } else {
            tracing::info!(%node, "node is back: it has caught up");
        }
        self.shared.roles.stir();
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

    /// It refused a connection: it is left out from now on.
    pub fn refused(&self, error: &Error) {
        self.say(self.learn(Fact::Refused), error);
    }

    /// A connection to it broke: the background asks whether the node did, too.
    pub fn broke(&self) {
        self.track.void();
        if let Turn::Other = self.learn(Fact::Broke) {
            self.shared.wake.notify_one();
        }
    }

    /// Asks it in the background, if that is due; of one that is left out, if it is `sought`, at once.
    pub async fn probe_if_due(&self, sought: bool) {
        let is_due = self.fitness().wants_probe(self.shared.clock.now());
        if !is_due && !(sought && self.is_left_out()) {
            return;
        }
        match self.readers.manager().connect().await {
            Ok(_) => {
                if let Turn::Back = self.learn(Fact::ProbeAnswered) {
                    tracing::info!(node = %self.name, "node is back");
                    self.shared.roles.stir();
                }
            }
            Err(error) => self.say(self.learn(Fact::ProbeFailed), &error),
        }
    }

    fn say(&self, turn: Turn, error: &dyn std::fmt::Display) {
        let (node, address) = (&self.name, &self.address);
        if let Turn::LeftOut = turn {
            tracing::warn!(%node, %address, %error, "node left out");
            self.shared.roles.stir();
        } else {
            tracing::debug!(%node, %address, %error, "node still left out");
        }
    }

    /// Notes a fact.
    fn learn(&self, fact: Fact) -> Turn {
        let bounds = Bounds {
            first: self.shared.settings.ejection,
            // While it is away nobody takes writes, so it is not left alone for long.
            longest: if self.shared.roles.now().is_primary(self.id) {
                self.shared.settings.ejection
            } else {
                self.shared.settings.max_ejection
            },
        };
        let mut fitness = self.fitness.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *fitness;
        *fitness = before.learn(fact, self.shared.clock.now(), bounds, dice::fraction());
        Turn::from(before, *fitness)
    }

    fn fitness(&self) -> Fitness {
        *self.fitness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is left out because it fails.
    pub fn is_left_out(&self) -> bool {
        !self.fitness().may_answer()
    }

    /// What `future` comes to, which waits for this node. `None`: the node was left out before. One that froze tells
    /// nobody that it will not answer.
    ///
    /// # Cancel safety
    ///
    /// As safe as `future`, which is dropped in the second case.
    pub async fn unless_left_out<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let left_out = async {
            let mut changes = self.shared.roles.changes();
            while !self.is_left_out() {
                // The sender lives as long as the pools.
                let _ = changes.changed().await;
            }
        };
        tokio::select! {
            biased;
            done = future => Some(done),
            () = left_out => None,
        }
    }

    /// Whether no read is sent to it because it lags too far.
    pub fn is_lagging(&self) -> bool {
        self.lagging.load(Ordering::Relaxed)
    }

    /// What balancing needs to know; `None` if the node is left out because it fails.
    pub fn load(&self) -> Option<Load> {
        let fitness = self.fitness();
        fitness.may_answer().then(|| Load {
            latency: f64::from_bits(self.latency.load(Ordering::Relaxed)),
            in_use: self.in_use.load(Ordering::Relaxed),
            suspect: fitness == Fitness::Suspect,
        })
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

    /// Whether it lends no connection any more.
    pub fn is_closed(&self) -> bool {
        self.readers.is_closed()
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
