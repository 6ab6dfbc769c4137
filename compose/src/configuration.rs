//! The configuration files of `compose/postgres` and `compose/redis`, which Docker uses too, and what is added per server.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::Result;
use crate::files;
use crate::tls::{Installed, Tls};

const POSTGRESQL_CONF: &str = include_str!("../postgres/postgresql.conf");
const THROWAWAY_CONF: &str = include_str!("../postgres/throwaway.conf");
const HBA_CONF: &str = include_str!("../postgres/pg_hba.conf");
const REDIS_CONF: &str = include_str!("../redis/redis.conf");

/// Roles and the first database, for the superuser to run once.
pub(crate) const INIT_SQL: &str = include_str!("../postgres/init.sql");

/// Everything that decides what a template looks like.
pub(crate) const TEMPLATE_SOURCES: [&str; 4] =
    [POSTGRESQL_CONF, THROWAWAY_CONF, HBA_CONF, INIT_SQL];

/// The roles of `init.sql`; each has its name as its password.
pub(crate) const APPLICATION: &str = "app";
pub(crate) const SUPERUSER: &str = "postgres";
const REPLICATOR: &str = "replicator";

/// The database of `init.sql`.
pub(crate) const DATABASE: &str = "app";

/// A socket's address holds 104 bytes on macOS and 108 on Linux, and the name in the directory takes up to 20 of them.
const LONGEST_SOCKET_DIRECTORY: usize = 80;

/// The configuration files of one cluster, written to its directory.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    directory: PathBuf,
    account: Account,
    tls: Option<Installed>,
}

impl Configuration {
    pub(crate) fn write(directory: &Path, account: Account, tls: Option<&Tls>) -> Result<Self> {
        let tls = tls.map(|tls| tls.install(directory, account)).transpose()?;
        let hba = tls.as_ref().and_then(Installed::hba);
        for (name, content) in [
            ("postgresql.conf", POSTGRESQL_CONF),
            ("throwaway.conf", THROWAWAY_CONF),
            ("pg_hba.conf", hba.as_deref().unwrap_or(HBA_CONF)),
            ("shared-redis.conf", REDIS_CONF),
        ] {
            files::write(&directory.join(name), content, account)?;
        }
        Ok(Self {
            directory: directory.to_owned(),
            account,
            tls,
        })
    }

    /// Whether the servers speak TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Where the Unix sockets are: the cluster's own directory, if its name is short enough.
    pub(crate) fn socket_directory(&self) -> Option<&Path> {
        (self.directory.as_os_str().len() <= LONGEST_SOCKET_DIRECTORY).then_some(&self.directory)
    }

    /// What psql is told as the host.
    pub(crate) fn admin_host(&self) -> PathBuf {
        self.socket_directory()
            .map_or_else(|| PathBuf::from("127.0.0.1"), Path::to_owned)
    }

    /// Writes the file that one node starts with: the common ones, then what is its own.
    ///
    /// The upstream is not said here. It changes while the node runs, by `ALTER SYSTEM`.
    pub(crate) fn write_node(&self, name: &str, port: u16) -> Result<PathBuf> {
        let sockets = self
            .socket_directory()
            .map_or_else(|| "''".to_owned(), quoted);
        let mut text = String::from("include 'postgresql.conf'\ninclude 'throwaway.conf'\n");
        let _ = writeln!(
            text,
            "hba_file = {}",
            quoted(&self.directory.join("pg_hba.conf"))
        );
        let _ = writeln!(
            text,
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = {sockets}"
        );
        let _ = writeln!(text, "cluster_name = '{name}'");
        text.extend(self.tls.as_ref().map(Installed::postgres));
        let path = self.directory.join(format!("{name}.conf"));
        files::write(&path, &text, self.account)?;
        Ok(path)
    }

    /// Writes the file that Redis starts with: `port` is the one without TLS, `encrypted` the other.
    pub(crate) fn write_redis(
        &self,
        port: u16,
        encrypted: Option<u16>,
        data: &Path,
    ) -> Result<PathBuf> {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "include \"{}\"",
            self.directory.join("shared-redis.conf").display()
        );
        let _ = writeln!(text, "bind 127.0.0.1\nport {port}\ndaemonize no");
        let _ = writeln!(
            text,
            "dir \"{0}\"\npidfile \"{0}/redis.pid\"",
            data.display()
        );
        if let (Some(tls), Some(port)) = (&self.tls, encrypted) {
            text.push_str(&tls.redis(port));
        }
        // Its arguments, which name the directory, stay visible to the watchdog.
        text.push_str("set-proc-title no\n");
        let path = self.directory.join("redis.conf");
        files::write(&path, &text, self.account)?;
        Ok(path)
    }
}

/// How a replica reaches its upstream, as `primary_conninfo`.
pub(crate) fn connection_info(
    upstream_port: u16,
    application_name: &str,
    encrypted: bool,
) -> String {
    let sslmode = if encrypted { "require" } else { "disable" };
    format!(
        "host=127.0.0.1 port={upstream_port} user={REPLICATOR} password={REPLICATOR} \
         application_name={application_name} sslmode={sslmode} gssencmode=disable"
    )
}

/// The address of a database for an application or the superuser.
pub(crate) fn url(role: &str, port: u16, database: &str) -> String {
    format!("postgres://{role}:{role}@127.0.0.1:{port}/{database}")
}

/// A path as a string of a PostgreSQL configuration file.
pub(crate) fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "''"))
}
