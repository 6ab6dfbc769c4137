//! The connection to Redis: opened when it is first needed, again when it broke, and over TLS if its URL
//! says so.
//!
//! Ours, and not the redis crate's: that one asks rustls for *the* provider of the process, which
//! panics where none is installed and two are there, and is not ours to install; it reads the platform's
//! roots at each connect, even if another root is given; and it hides why it could not connect.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, ServerErrorKind};

use crate::terms::error::{Error, Result};
use crate::terms::tls::client::Client as TlsClient;
use crate::terms::tls::{Tls, Verdict, parameters};

/// Longer than any handshake takes; then the server counts as silent.
const CONNECT: Duration = Duration::from_secs(1);

/// How long Redis may take for one answer, and to be connected to, where no call waits for it.
const ANSWER: Duration = Duration::from_secs(2);

/// Where the URL is configured, for errors.
const SETTING: &str = "REDIS_URL";

/// Asks the Redis at a URL whether it answers, over a connection as a [`Manifold`](crate::Manifold) opens
/// it: with TLS, if the URL says so. For whoever looks at a server itself; calls go on without Redis.
///
/// # Errors
///
/// `is_configuration` for a malformed URL, a refused user or certificate; `is_unreachable` if the server
/// does not answer within 2 s.
///
/// # Panics
///
/// Outside of a tokio runtime.
///
/// # Cancel safety
///
/// Dropped, nothing is left behind.
pub async fn ping_redis(url: &str) -> Result<()> {
    Link::new(url)?.ping().await
}

/// Why Redis did not answer.
#[derive(Debug, Clone)]
pub struct Silence {
    why: Arc<str>,
    is_configuration: bool,
}

impl Silence {
    pub fn new(why: impl Into<Arc<str>>) -> Self {
        Self {
            why: why.into(),
            is_configuration: false,
        }
    }

    /// It will not answer until the configuration is another one.
    fn of_configuration(why: impl Into<Arc<str>>) -> Self {
        Self {
            why: why.into(),
            is_configuration: true,
        }
    }

    /// The public error, about the server `who`.
    pub fn into_error(self, who: &str) -> Error {
        if self.is_configuration {
            return Error::configuration(
                format!("{who} cannot be used as configured ({self})"),
                format!("correct {SETTING}, or what its user may do"),
            );
        }
        let why = format!("{self}; is it running, and is {SETTING} right?");
        Error::unreachable(who, why, None)
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// One connection for all operations; they share it.
pub struct Link {
    server: Arc<Server>,
    slot: Arc<Mutex<Slot>>,
}

struct Server {
    client: Client,
    tls: Option<TlsClient>,
}

/// The connection that is open, or being opened.
#[derive(Default)]
struct Slot {
    count: u64,
    opening: Option<Opening>,
}

type Opening = Shared<BoxFuture<'static, Result<MultiplexedConnection, Silence>>>;

impl Link {
    /// A link to the server at `url`; nothing is connected yet.
    pub fn new(url: &str) -> Result<Self> {
        // A scheme is the same in capitals.
        let url = url.trim();
        let scheme = url.find("://").unwrap_or(0);
        let url = url[..scheme].to_ascii_lowercase() + &url[scheme..];
        let (url, parameters) = parameters::of_redis(&url);
        // The redis crate knows the schemes with TLS only with its own TLS.
        let plain = [("rediss://", "redis://"), ("valkeys://", "valkey://")]
            .into_iter()
            .find_map(|(with, without)| Some(format!("{without}{}", url.strip_prefix(with)?)));
        let tls = Tls::of_redis(&parameters, plain.is_some(), SETTING)?;
        if tls.is_some() && url.contains('#') {
            return Err(Error::configuration(
                format!(
                    "{SETTING} ends in a fragment (#insecure?), and certificates are always verified"
                ),
                "remove it, and name the root of a private certificate in sslrootcert",
            ));
        }
        let client = Client::open(plain.unwrap_or(url)).map_err(|error| {
            Error::configuration(
                format!("{SETTING} is not a Redis URL ({error})"),
                "write it as redis://:password@host:6379/0, or rediss:// for TLS",
            )
        })?;
        let tls = tls.map(|tls| TlsClient::new(&tls, SETTING)).transpose()?;
        Ok(Self {
            server: Arc::new(Server { client, tls }),
            slot: Arc::default(),
        })
    }

    /// A link to the same server, with a connection of its own.
    pub fn another(&self) -> Self {
        Self {
            server: Arc::clone(&self.server),
            slot: Arc::default(),
        }
    }

    /// Asks whether the server answers.
    pub async fn ping(&self) -> Result<()> {
        self.ask(async |mut connection| redis::cmd("PING").query_async(&mut connection).await)
            .await
    }

    /// Runs an operation within [`ANSWER`], for whoever wants to know why it failed.
    pub async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T> {
        let late = |_| Err(Silence::new(format!("no answer within {ANSWER:?}")));
        let answer = tokio::time::timeout(ANSWER, self.run(question)).await;
        let who = || format!("Redis at {}", self.address());
        (answer.unwrap_or_else(late)).map_err(|silence| silence.into_error(&who()))
    }

    /// Host and port.
    pub fn address(&self) -> String {
        self.server.client.get_connection_info().addr().to_string()
    }

    /// Runs an operation, on a new connection if there is none.
    pub async fn run<T>(
        &self,
        operation: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, Silence> {
        self.run_on(async |connection, _| operation(connection).await)
            .await
    }

    /// The same; the operation is told the number of its connection, too.
    pub async fn run_on<T>(
        &self,
        operation: impl AsyncFnOnce(MultiplexedConnection, u64) -> RedisResult<T>,
    ) -> Result<T, Silence> {
        let (id, opening) = self.opening();
        operation(opening.await?, id).await.map_err(|error| {
            if error.is_unrecoverable_error() {
                lock(&self.slot).close(id);
            }
            self.server.silence(&error)
        })
    }

    fn opening(&self) -> (u64, Opening) {
        let mut slot = lock(&self.slot);
        if let Some(opening) = &slot.opening {
            return (slot.count, opening.clone());
        }
        slot.count += 1;
        let id = slot.count;
        let (server, own) = (Arc::clone(&self.server), Arc::clone(&self.slot));
        let opening = async move {
            let late = |_| Err(server.late());
            let opened = tokio::time::timeout(CONNECT, server.open())
                .await
                .unwrap_or_else(late);
            if opened.is_err() {
                lock(&own).close(id);
            }
            opened
        };
        let opening = opening.boxed().shared();
        slot.opening = Some(opening.clone());
        // Spawned, so that it goes on when those who wait for it have no more time. It ends within
        // `CONNECT`.
        tokio::spawn(opening.clone().map(drop));
        (id, opening)
    }
}

impl Slot {
    /// The connection of that number is of no use any more; the next operation opens another.
    fn close(&mut self, id: u64) {
        if self.count == id {
            self.opening = None;
        }
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    async fn open(&self) -> Result<MultiplexedConnection, Silence> {
        // Each operation has its time from whoever runs it, and connecting has it from us.
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_connection_timeout(None);
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return self.open_encrypted(tls, config).await;
        }
        let opening = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        opening.await.map_err(|error| self.silence(&error))
    }

    #[cfg(feature = "tls")]
    async fn open_encrypted(
        &self,
        tls: &TlsClient,
        config: AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, Silence> {
        let info = self.client.get_connection_info();
        let redis::ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Err(Silence::new("there is no TLS but over TCP"));
        };
        let handshake = async {
            let stream = tokio::net::TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            let name = rustls::pki_types::ServerName::try_from(host.clone());
            let name = name.map_err(std::io::Error::other)?;
            tokio_rustls::TlsConnector::from(tls.config())
                .connect(name, stream)
                .await
        };
        let stream = handshake.await.map_err(|error| self.silence(&error))?;
        let opening = MultiplexedConnection::new_with_config(info.redis_settings(), stream, config);
        let (connection, driver) = opening.await.map_err(|error| self.silence(&error))?;
        // Spawned: what reads and writes for the connection. It ends with the last handle of it.
        tokio::spawn(driver);
        Ok(connection)
    }

    fn late(&self) -> Silence {
        let hint = match self.tls {
            Some(_) => "; does it speak TLS on this port?",
            None => "",
        };
        Silence::new(format!("no connection within {CONNECT:?}{hint}"))
    }

    fn silence(&self, error: &(dyn StdError + 'static)) -> Silence {
        match self.tls.as_ref().and_then(|tls| tls.verdict(error)) {
            Some(Verdict {
                why,
                fix: Some(fix),
            }) => Silence::of_configuration(format!("{why}; {fix}")),
            Some(Verdict { why, fix: None }) => Silence::new(why),
            None if is_denied(error) => Silence::of_configuration(error.to_string()),
            None => Silence::new(error.to_string()),
        }
    }
}

/// Whether it refuses the user, or what the user asks.
fn is_denied(error: &(dyn StdError + 'static)) -> bool {
    let error = error.downcast_ref::<RedisError>().map(RedisError::kind);
    matches!(
        error,
        Some(ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm))
    )
}
