//! TLS between tokio-postgres and rustls.
//!
//! Ours, and not a crate's: it takes a hundred lines, Redis needs the same rustls beside it, and the two
//! crates there are bring an X.509 parser to read one field of a certificate (see `binding`).

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use crate::pools::connect::binding;
use crate::terms::tls::client::Client;

/// Speaks TLS for a driver that asks for it. `None`: its driver never does.
#[derive(Debug, Clone)]
pub struct Connector(pub Option<Client>);

/// One connection's.
pub struct Handshake {
    client: Option<Client>,
    host: String,
}

/// The handshake failed; what follows it did not.
#[derive(Debug)]
pub struct Failed(io::Error);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS failed: {}", self.0)
    }
}

impl StdError for Failed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

impl<S> MakeTlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type TlsConnect = Handshake;
    type Error = Failed;

    // Asked for every connection, those without TLS too, so nothing may fail here.
    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Failed> {
        Ok(Handshake {
            client: self.0.clone(),
            host: host.to_owned(),
        })
    }
}

impl<S> TlsConnect<S> for Handshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = Failed;
    type Future = BoxFuture<'static, Result<Encrypted<S>, Failed>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let client = self
                .client
                .ok_or_else(|| io::Error::other("it is not asked for"));
            let name = ServerName::try_from(self.host).map_err(io::Error::other);
            let handshake = async {
                TlsConnector::from(client?.config())
                    .connect(name?, stream)
                    .await
            };
            handshake.await.map(Box::new).map(Encrypted).map_err(Failed)
        })
    }
}

/// A connection inside TLS. Boxed, because rustls keeps a kilobyte of state, and the driver moves it
/// about.
#[derive(Debug)]
pub struct Encrypted<S>(Box<tokio_rustls::client::TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let certificates = self.0.get_ref().1.peer_certificates();
        certificates
            .and_then(|chain| binding::end_point(chain.first()?))
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
