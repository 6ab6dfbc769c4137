//! Serving the API: a start and an end that lose nothing.

use std::future::IntoFuture;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::serve::Listener;
use diesel_manifold::tower::SessionLayer;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::args::Serve;
use crate::http::{self, App};
use crate::https::TlsListener;
use crate::servers::Servers;
use crate::stop::Stop;
use crate::{banner, setup};

/// How long requests under way may take after we were asked to stop; then they are cut off.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until we are asked to stop.
pub async fn command(args: &Serve) -> Result<()> {
    let stop = Stop::listen()?;
    let tls = args.tls()?;
    let listener = args.bind().await?;
    let servers = Servers::find().await?;
    let outcome = run(&servers, listener, tls, stop).await;
    // However it went: an embedded cluster is stopped and removed here.
    drop(servers);
    outcome
}

async fn run(
    servers: &Servers,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    mut stop: Stop,
) -> Result<()> {
    let manifold = servers.connect().await?;
    // Before anything is prepared: without a key nobody would have a session.
    let sessions = SessionLayer::new(&manifold)?;
    let ready = tokio::select! {
        prepared = setup::prepare(servers, &manifold) => prepared.map(|()| true),
        // What was begun is dropped, and with it rolled back.
        () = stop.requested() => Ok(false),
    };
    let served = match ready {
        Ok(true) => {
            let app = App::new(manifold.clone(), servers.redis.is_some());
            let app = http::router(app, Some(sessions));
            let mut address = listener.local_addr()?;
            // What is open to everybody is open to this machine, and this is an address to paste.
            if address.ip().is_unspecified() {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            match tls {
                None => {
                    banner::print(&format!("http://{address}"), servers);
                    serve(listener, app, stop).await
                }
                Some(tls) => {
                    banner::print(&format!("https://{address}"), servers);
                    serve(TlsListener::new(listener, tls), app, stop).await
                }
            }
        }
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    // The runtime would take unfinished ends of writes with it: their invalidations would be lost.
    manifold.shutdown().await;
    served
}

/// Serves until we are asked to stop and all requests are answered.
async fn serve<L>(listener: L, app: Router, mut stop: Stop) -> Result<()>
where
    L: Listener<Addr = SocketAddr>,
{
    let (asked, was_asked) = oneshot::channel();
    let graceful = async move {
        stop.requested().await;
        tracing::info!("asked to stop: no new requests, those under way are finished");
        // Nobody listens any more if serving ended by itself.
        let _ = asked.send(());
    };
    let mut serving = pin!(
        axum::serve(listener, app)
            .with_graceful_shutdown(graceful)
            .into_future()
    );
    tokio::select! {
        served = &mut serving => return served.context("cannot serve"),
        _ = was_asked => {}
    }
    match tokio::time::timeout(DRAIN, serving).await {
        Ok(served) => served.context("cannot serve"),
        Err(_) => {
            tracing::warn!("requests still ran after {DRAIN:?} and were cut off");
            Ok(())
        }
    }
}
