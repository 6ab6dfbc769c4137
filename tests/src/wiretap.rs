//! A wiretap: passes a connection to PostgreSQL on and counts what the client says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What a client said since it was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// Statements that were executed.
    pub statements: usize,
    /// How often the client spoke after the server had.
    pub round_trips: usize,
}

/// A tap between this process and one node.
pub struct Wiretap {
    port: u16,
    target: Arc<AtomicU16>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    statements: AtomicUsize,
    round_trips: AtomicUsize,
    /// The server spoke last.
    answered: AtomicBool,
}

impl Wiretap {
    /// A tap in front of the node at `port` on this machine.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("bound").port();
        let counts = Arc::<Counts>::default();
        let shared = Arc::clone(&counts);
        let target = Arc::new(AtomicU16::new(port));
        let leads_to = Arc::clone(&target);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let port = leads_to.load(Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                // One write is one packet, so a message that was sent for itself is seen as such.
                client.set_nodelay(true).expect("an open socket");
                server.set_nodelay(true).expect("an open socket");
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(listen(from_client, to_server, Arc::clone(&shared)));
                tokio::spawn(answer(from_server, to_client, Arc::clone(&shared)));
            }
        });
        Self {
            port: own,
            target,
            counts,
        }
    }

    /// From now on new connections lead to this port; those that are open stay where they are, as behind an
    /// address that moves.
    pub fn lead_to(&self, port: u16) {
        self.target.store(port, Ordering::SeqCst);
    }

    /// The URL of the same database through the tap, unencrypted.
    pub fn url(&self, url: &str) -> String {
        let (before, rest) = url.split_once('@').expect("a user");
        let (_, database) = rest.split_once('/').expect("a database");
        let port = self.port;
        format!("{before}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// What was said since the last time this was asked.
    pub fn said(&self) -> Said {
        Said {
            statements: self.counts.statements.swap(0, Ordering::SeqCst),
            round_trips: self.counts.round_trips.swap(0, Ordering::SeqCst),
        }
    }
}

/// Passes on what the client says, and counts it.
async fn listen(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, counts: Arc<Counts>) {
    let mut unread = Vec::new();
    let mut started = false;
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if counts.answered.swap(false, Ordering::SeqCst) {
            counts.round_trips.fetch_add(1, Ordering::SeqCst);
        }
        unread.extend_from_slice(&buffer[..count]);
        // The first message has no type: its length comes at once.
        while let Some(length) = unread
            .get(usize::from(started)..)
            .and_then(|m| m.first_chunk())
        {
            let length = u32::from_be_bytes(*length) as usize + usize::from(started);
            if unread.len() < length {
                break;
            }
            if started && matches!(unread[0], b'E' | b'Q') {
                counts.statements.fetch_add(1, Ordering::SeqCst);
            }
            started = true;
            unread.drain(..length);
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Passes on what the server says.
async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, counts: Arc<Counts>) {
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        counts.answered.store(true, Ordering::SeqCst);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
