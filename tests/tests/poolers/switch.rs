//! A balancer that leads to one place at a time, as the service of a cluster does, and may be led elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

/// It.
pub struct Switch {
    port: u16,
    target: Arc<AtomicU16>,
    cut: broadcast::Sender<()>,
}

impl Switch {
    /// Leads to this port of the machine.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("bound").port();
        let target = Arc::new(AtomicU16::new(port));
        let (cut, _) = broadcast::channel(1);
        let (to, cuts) = (Arc::clone(&target), cut.clone());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let port = to.load(Ordering::SeqCst);
                let mut cut = cuts.subscribe();
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else {
                        return;
                    };
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = cut.recv() => {}
                    }
                });
            }
        });
        Self {
            port: own,
            target,
            cut,
        }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leads new connections there; those that are open stay.
    pub fn lead_to(&self, port: u16) {
        self.target.store(port, Ordering::SeqCst);
    }

    /// Cuts those that are open.
    pub fn cut(&self) {
        // Nobody listens while none is open.
        let _ = self.cut.send(());
    }

    /// This URL, through it.
    pub fn url(&self, url: &str) -> String {
        let (before, rest) = url.split_once('@').expect("a user");
        let (_, database) = rest.split_once('/').expect("a database");
        format!("{before}@127.0.0.1:{}/{database}", self.port)
    }
}
