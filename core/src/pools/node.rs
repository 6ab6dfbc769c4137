//! One PostgreSQL server: its pools and what was last learned about it.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError, QueueMode, TimeoutType, Timeouts};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use tokio::sync::{Notify, Semaphore};

use crate::pools::connect::Line;
use crate::pools::connect::endpoint::Endpoint;
use crate::pools::connect::failure::{Class, ConnectError};
use crate::pools::connect::identity::Identity;
use crate::pools::connect::{Connector, Session};
use crate::pools::dice;
use crate::pools::queries;
use crate::pools::survey::{Asked, Survey};
use crate::pools::track::Track;
use crate::rules::balance::Load;
use crate::rules::fitness::{Bounds, Fact, Fitness, Turn};
use crate::terms::clock::Clock;
use crate::terms::error::{Error, Result};
use crate::terms::settings::PoolSettings;
use crate::terms::sighting::{PRIMARY, Sighting};

/// Cancel requests under way at once. At the bound a connection is closed without one, and the
/// server notices when it next writes to it.
const CANCELS: usize = 64;

/// What all nodes of a manifold have in common.
#[derive(Debug)]
pub struct Shared {
    pub clock: Clock,
    pub settings: PoolSettings,
    /// What is known of positions.
    pub survey: Survey,
    /// Wakes the upkeep when a node should be probed at once.
    pub wake: Notify,
    /// Bounds the cancel requests under way.
    pub cancels: Arc<Semaphore>,
    expected: Arc<OnceLock<Identity>>,
}

impl Shared {
    pub fn new(clock: Clock, settings: PoolSettings, survey: Survey) -> Self {
        Self {
            clock,
            settings,
            survey,
            wake: Notify::new(),
            cancels: Arc::new(Semaphore::new(CANCELS)),
            expected: Arc::default(),
        }
    }

    /// From now on every connection must reach this database.
    pub fn expect(&self, identity: Identity) {
        // A second identity cannot come: a manifold is opened once.
        let _ = self.expected.set(identity);
    }
}

/// Why a node had no connection to lend.
#[derive(Debug)]
pub enum Unavailable {
    /// All its connections were in use for as long as a call may wait.
    Full(Arc<str>),
    /// It could not be connected to.
    Down(Arc<str>, ConnectError),
    /// The manifold was shut down.
    Closed,
}

/// One server.
pub struct Node {
    /// Its number in the manifold.
    pub id: usize,
    pub name: Arc<str>,
    pub address: String,
    pub shared: Arc<Shared>,
    /// Where it was last seen.
    pub track: Arc<Track>,
    readers: Pool<Connector>,
    writers: Option<Pool<Connector>>,
    fitness: Mutex<Fitness>,
    in_use: AtomicU32,
    /// Moving average in seconds, as the bits of an f64.
    latency: AtomicU64,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({} at {})", self.name, self.address)
    }
}

impl Node {
    /// A node with `readers` read connections and, on the primary, `writers` for writing.
    pub fn new(
        id: usize,
        name: &str,
        endpoint: &Endpoint,
        readers: usize,
        writers: Option<usize>,
        shared: Arc<Shared>,
    ) -> Result<Self> {
        let track = Arc::new(Track::new(shared.survey.trapped));
        let pool = |session, size| pool(endpoint.clone(), session, size, &shared, &track);
        Ok(Self {
            id,
            name: name.into(),
            address: endpoint.address().to_owned(),
            readers: pool(Session::Read, readers)?,
            writers: writers.map(|size| pool(Session::Write, size)).transpose()?,
            track,
            shared,
            fitness: Mutex::new(Fitness::Sound),
            in_use: AtomicU32::new(0),
            latency: AtomicU64::new(0),
        })
    }

    /// Connects once, outside of the pools, to learn who the node is.
    pub async fn identify(&self, session: Session) -> Result<Identity> {
        match self.pool(session).manager().connect().await {
            Ok(opened) => Ok(opened.identity),
            Err(error) => Err(error.into_error(&self.name)),
        }
    }

    /// A connection for such a session; only the primary has one for writing.
    pub async fn lend(&self, session: Session) -> Result<Loan, Unavailable> {
        let lent = self.pool(session).get().await;
        lent.map_err(|error| self.unavailable(error))
    }

    /// A connection for reading that is free or may be opened now, without waiting for one.
    pub async fn lend_free(&self) -> Result<Loan, Unavailable> {
        let timeouts = Timeouts {
            wait: Some(Duration::ZERO),
            ..self.readers.timeouts()
        };
        let lent = self.readers.timeout_get(&timeouts).await;
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

    /// Asks a connection of this node where it is. `None`: it cannot tell.
    pub async fn ask<C>(&self, conn: &mut C, line: &Line) -> QueryResult<Option<Arc<Sighting>>>
    where
        C: AsyncConnectionCore<Backend = Pg>,
    {
        let survey = &self.shared.survey;
        let era = self.track.era();
        let asked = Asked {
            tick: survey.ticks.next(),
            at: self.shared.clock.now(),
        };
        let found = queries::whereabouts(conn, survey.trapped).await?;
        let Some(sighting) = survey.sight(line, asked, found).map(Arc::new) else {
            return Ok(None);
        };
        self.track.note(era, &sighting);
        if self.id == PRIMARY && !sighting.standby {
            survey.note_primary(&sighting);
        }
        Ok(Some(sighting))
    }

    /// The pool for such a session.
    pub fn pool(&self, session: Session) -> &Pool<Connector> {
        match session {
            Session::Read => &self.readers,
            Session::Write => self.writers.as_ref().unwrap_or(&self.readers),
        }
    }

    fn unavailable(&self, error: PoolError<ConnectError>) -> Unavailable {
        let who = Arc::clone(&self.name);
        match error {
            PoolError::Closed => Unavailable::Closed,
            PoolError::Timeout(TimeoutType::Wait) => Unavailable::Full(who),
            PoolError::Backend(error) if error.class == Class::Full => Unavailable::Full(who),
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

    /// Asks it in the background, if that is due.
    pub async fn probe_if_due(&self) {
        if !self.fitness().wants_probe(self.shared.clock.now()) {
            return;
        }
        match self.readers.manager().connect().await {
            Ok(_) => {
                if let Turn::Back = self.learn(Fact::ProbeAnswered) {
                    tracing::info!(node = %self.name, "node is back");
                }
            }
            Err(error) => self.say(self.learn(Fact::ProbeFailed), &error),
        }
    }

    fn say(&self, turn: Turn, error: &dyn std::fmt::Display) {
        let (node, address) = (&self.name, &self.address);
        if let Turn::LeftOut = turn {
            tracing::warn!(%node, %address, %error, "node left out");
        } else {
            tracing::debug!(%node, %address, %error, "node still left out");
        }
    }

    /// Notes a fact.
    fn learn(&self, fact: Fact) -> Turn {
        let bounds = Bounds {
            first: self.shared.settings.ejection,
            longest: self.shared.settings.max_ejection,
        };
        let mut fitness = self.fitness.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *fitness;
        *fitness = before.learn(fact, self.shared.clock.now(), bounds, dice::fraction());
        Turn::from(before, *fitness)
    }

    fn fitness(&self) -> Fitness {
        *self.fitness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What balancing needs to know; `None` if the node is left out.
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
        self.in_use.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection came back after `held`.
    pub fn returned(&self, held: Duration) {
        self.in_use.fetch_sub(1, Ordering::Relaxed);
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

    /// Its pool for writing; only the primary has one.
    pub fn writers(&self) -> Option<&Pool<Connector>> {
        self.writers.as_ref()
    }

    /// Its pools.
    pub fn pools(&self) -> impl Iterator<Item = &Pool<Connector>> {
        std::iter::once(&self.readers).chain(&self.writers)
    }

    /// Lends no connection any more.
    pub fn close(&self) {
        self.pools().for_each(Pool::close);
    }

    /// Whether it lends no connection any more.
    pub fn is_closed(&self) -> bool {
        self.readers.is_closed()
    }
}

fn pool(
    endpoint: Endpoint,
    session: Session,
    size: usize,
    shared: &Shared,
    track: &Arc<Track>,
) -> Result<Pool<Connector>> {
    let settings = &shared.settings;
    if size == 0 {
        return Err(Error::configuration(
            "a pool of 0 connections can answer nothing",
            "set `pool.size` and `pool.fallback_size` to at least 1",
        ));
    }
    let connector = Connector::new(
        endpoint,
        session,
        settings.clone(),
        Arc::clone(&shared.expected),
        Arc::clone(&shared.survey.ticks),
        Arc::clone(track),
    );
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
