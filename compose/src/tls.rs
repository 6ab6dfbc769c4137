//! TLS of a cluster's servers: whose certificate they show, and what they ask of their clients.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::configuration::quoted;
use crate::error::Result;
use crate::files;

/// How the servers of a cluster speak TLS; for [`crate::Builder::tls`]. All of them show the same certificate.
///
/// The PEM files are the caller's, and are copied when the cluster starts: a key must belong to the server's own account.
///
/// PostgreSQL takes logins with TLS and without, on one port, unless TLS is [demanded](Tls::demanded). Redis has a port for
/// TLS, which is the one that [`crate::Redis::url`] tells.
#[derive(Debug, Clone)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    demanded: bool,
    clients: Option<PathBuf>,
}

impl Tls {
    /// Servers that show this certificate. Its subjectAltNames should say `127.0.0.1` or `localhost`.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            demanded: false,
            clients: None,
        }
    }

    /// Nobody logs in over TCP without TLS: `hostssl` in `pg_hba.conf`.
    #[must_use]
    pub fn demanded(mut self) -> Self {
        self.demanded = true;
        self
    }

    /// Clients show a certificate, too, signed by one of the roots in this file, whose common name is the role that logs in
    /// (`clientcert=verify-full`); with their password, and over TLS only. The superuser and replication are exempt. Redis
    /// takes every certificate of these roots.
    #[must_use]
    pub fn clients(mut self, roots: impl Into<PathBuf>) -> Self {
        self.clients = Some(roots.into());
        self.demanded()
    }

    /// Copies the files into a cluster's directory.
    pub(crate) fn install(&self, directory: &Path, account: Account) -> Result<Installed> {
        let copy = |from: &Path, name: &str| {
            let to = directory.join(name);
            files::copy_private(from, &to, account).map(|()| to)
        };
        let clients = self.clients.as_deref();
        Ok(Installed {
            certificate: copy(&self.certificate, "server.crt")?,
            key: copy(&self.key, "server.key")?,
            clients: clients
                .map(|roots| copy(roots, "clients.crt"))
                .transpose()?,
            demanded: self.demanded,
        })
    }
}

/// The files as the servers read them.
#[derive(Debug, Clone)]
pub(crate) struct Installed {
    certificate: PathBuf,
    key: PathBuf,
    clients: Option<PathBuf>,
    demanded: bool,
}

impl Installed {
    /// The `pg_hba.conf`, unless it is the common one.
    pub(crate) fn hba(&self) -> Option<String> {
        let asked = match self.clients {
            Some(_) => " clientcert=verify-full",
            None => "",
        };
        self.demanded.then(|| {
            format!(
                "local all all trust\n\
                 hostssl all postgres all scram-sha-256\n\
                 hostssl all all all scram-sha-256{asked}\n\
                 hostssl replication replicator all scram-sha-256\n"
            )
        })
    }

    /// What is added to a node's `postgresql.conf`.
    pub(crate) fn postgres(&self) -> String {
        let mut text = String::from("ssl = on\n");
        let mut say = |name: &str, path: &Path| {
            let _ = writeln!(text, "{name} = {}", quoted(path));
        };
        say("ssl_cert_file", &self.certificate);
        say("ssl_key_file", &self.key);
        if let Some(roots) = &self.clients {
            say("ssl_ca_file", roots);
        }
        text
    }

    /// What is added to `redis.conf`.
    pub(crate) fn redis(&self, port: u16) -> String {
        let mut text = format!("tls-port {port}\n");
        let mut say = |name: &str, path: &Path| {
            let _ = writeln!(text, "{name} \"{}\"", path.display());
        };
        say("tls-cert-file", &self.certificate);
        say("tls-key-file", &self.key);
        match &self.clients {
            Some(roots) => say("tls-ca-cert-file", roots),
            None => text.push_str("tls-auth-clients no\n"),
        }
        text
    }
}
