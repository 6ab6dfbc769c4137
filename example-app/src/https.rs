//! A listener that speaks TLS, for `axum::serve`.
//!
//! axum asks its listener for one connection after the other. The handshakes run beside that, so a client
//! that is slow, says nothing or speaks something else keeps nobody waiting but itself, as long as this
//! process may open more files. `axum::serve` has no time limit for a request's headers: where clients
//! are not your own, put a proxy in front that has.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use axum::serve::Listener;
use rustls::crypto::ring;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error as TlsError, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The server's side of handshakes, with this certificate chain and its private key, both in PEM.
pub fn acceptor(certificates: &Path, key: &Path) -> Result<TlsAcceptor> {
    let (chain_file, key_file) = (certificates.display(), key.display());
    let chain = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read the certificate {chain_file}"))?;
    if chain.is_empty() {
        bail!("there is no certificate in {chain_file}; it takes PEM");
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        PemError::NoItemsFound => {
            anyhow!("there is no private key in {key_file}; it takes PEM, not encrypted")
        }
        error => anyhow!(error).context(format!("cannot read the private key {key_file}")),
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| match error {
            TlsError::InconsistentKeys(_) => {
                anyhow!("the private key {key_file} is not that of the certificate {chain_file}")
            }
            error => anyhow!(error).context(format!("cannot use {chain_file} with {key_file}")),
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A listener that speaks TLS.
pub struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    /// Those under way, each with its client's address. What bounds them is what bounds connections at
    /// all: the files that this process may have open.
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    pub fn new(tcp: TcpListener, acceptor: TlsAcceptor) -> Self {
        Self {
            tcp,
            acceptor,
            handshakes: JoinSet::new(),
        }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                (stream, client) = Listener::accept(&mut self.tcp) => {
                    let handshake = handshake(self.acceptor.clone(), stream, client);
                    self.handshakes.spawn(handshake);
                }
                Some(done) = self.handshakes.join_next() => {
                    if let Ok(Some(connection)) = done {
                        return connection;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// None if it failed: that is between us and this client.
async fn handshake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    client: SocketAddr,
) -> Option<(TlsStream<TcpStream>, SocketAddr)> {
    // TLS sends more than the answer. Without this the answer would wait until the client's system has
    // acknowledged the rest, which takes it 40 ms.
    let _ = stream.set_nodelay(true);
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => return Some((stream, client)),
        Ok(Err(error)) => tracing::debug!(%client, %error, "a TLS handshake failed"),
        Err(_) => tracing::debug!(%client, "no TLS handshake within {HANDSHAKE:?}"),
    }
    None
}
