//! Administration through `psql`, which comes with every PostgreSQL: no driver, no runtime, some ten milliseconds.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::configuration::SUPERUSER;
use crate::error::{Error, Kind, Result};

/// A statement that takes longer is cancelled; without it a test that waits for a lock would hang for ever.
const STATEMENT_TIMEOUT: &str = "-c statement_timeout=30s";

/// A connection attempt that takes longer fails; in seconds, and libpq's smallest is 2.
const CONNECT_TIMEOUT: &str = "5";

/// How to reach one node as its superuser.
#[derive(Debug)]
pub(crate) struct Psql {
    pub(crate) program: PathBuf,
    /// A socket directory or an address.
    pub(crate) host: PathBuf,
    pub(crate) port: u16,
    /// For the message.
    pub(crate) server: String,
}

impl Psql {
    /// Runs the statements, each in a transaction of its own, and gives the rows: one a line, columns separated by `|`.
    pub(crate) fn run(&self, database: &str, sql: &str) -> Result<String> {
        let mut command = Command::new(&self.program);
        without_libpq_variables(&mut command);
        command
            .env("PGOPTIONS", STATEMENT_TIMEOUT)
            .env("PGCONNECT_TIMEOUT", CONNECT_TIMEOUT);
        command
            .env("PGPASSWORD", SUPERUSER)
            .env("PGAPPNAME", "manifold-compose")
            .env("PGCLIENTENCODING", "UTF8");
        command.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            SUPERUSER,
            "-d",
            database,
            "-f",
            "-",
        ]);
        command
            .arg("-h")
            .arg(&self.host)
            .args(["-p", &self.port.to_string()]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());

        let mut child = command
            .spawn()
            .map_err(Error::process("start", &self.program))?;
        if let Some(mut input) = child.stdin.take() {
            // A psql that cannot connect does not read; its own message is the one that helps.
            let _ = input.write_all(sql.as_bytes());
        }
        let output = child
            .wait_with_output()
            .map_err(Error::process("wait for", &self.program))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout)
                .trim_end_matches('\n')
                .to_owned());
        }
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Kind::Sql {
            server: self.server.clone(),
            sql: sql.trim().to_owned(),
            message,
        }
        .into())
    }
}

/// `PGHOST` and its like would redirect us to the developer's own database.
pub(crate) fn without_libpq_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_libpq_variable(name)) {
        command.env_remove(name);
    }
}

fn is_libpq_variable(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("PG"))
}
