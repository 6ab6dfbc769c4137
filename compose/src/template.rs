//! The template: a data directory made once per machine, of which the nodes of all clusters are copies.
//!
//! A data directory that was shut down in order is as good a start for a replica as a base backup: both replay from the same
//! checkpoint. So one directory serves primary and replicas, and nothing is taken from a running server.
//!
//! It is made inside a cluster's own directory, where the watchdog cares for it, and put in place by one rename. So a
//! half-made one is never seen. A manifest tells when a cleaner of the temporary directory has eaten from a whole one.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::configuration::{INIT_SQL, SUPERUSER, TEMPLATE_SOURCES};
use crate::error::{Error, Kind, Result};
use crate::files::{self, Tally, log_tail};
use crate::node::{Node, Upstream, replica_name, slot_of};
use crate::site::Site;

/// The template has a slot for each, and a cluster removes those that it does not need. As many as `max_replication_slots`
/// allows, with two to spare for a test's own.
pub(crate) const MOST_REPLICAS: usize = 8;

/// In MiB, the smallest there is: it makes the template small, and a test sees segments change.
const WAL_SEGMENT_SIZE: &str = "--wal-segsize=1";

/// Two processes may replace each other's template; that many times we try to find or put a whole one.
const ATTEMPTS: usize = 3;

/// A whole template: `data`, and a `manifest` of what is in it.
#[derive(Debug)]
pub(crate) struct Template {
    path: PathBuf,
    tally: Tally,
}

impl Template {
    /// Finds the one for this PostgreSQL and configuration, or makes it.
    pub(crate) fn obtain(site: &Site) -> Result<Self> {
        let uid = site.account.uid();
        let name = format!("manifold-compose-template-{uid}-{:016x}", key(site));
        // Beside the cluster, because files are neither renamed nor cloned across file systems.
        let path = site.directory().with_file_name(name);
        for attempt in 0..ATTEMPTS {
            if let Some(template) = Self::find(&path, uid) {
                return Ok(template);
            }
            let made = make(site)?;
            put_in_place(site, &made, &path, attempt)?;
        }
        Err(Kind::TemplateChanged.into())
    }

    /// Fills a node's data directory.
    pub(crate) fn copy_to(&self, node: &Node, site: &Site) -> Result<()> {
        match files::copy_directory(&self.path.join("data"), node.data(), site.account) {
            Ok(tally) if tally == self.tally => Ok(()),
            Err(error) if self.is_whole() => Err(error),
            Ok(_) | Err(_) => Err(Kind::TemplateChanged.into()),
        }
    }

    /// Takes only what is ours, closed to others, and complete.
    fn find(path: &Path, uid: u32) -> Option<Self> {
        let found = fs::symlink_metadata(path).ok()?;
        if !found.is_dir() || found.uid() != uid || found.permissions().mode() & 0o077 != 0 {
            return None;
        }
        let manifest = fs::read_to_string(path.join("manifest")).ok()?;
        let template = Self {
            path: path.to_owned(),
            tally: parse_manifest(&manifest)?,
        };
        template.is_whole().then_some(template)
    }

    fn is_whole(&self) -> bool {
        files::tally(&self.path.join("data")).is_ok_and(|found| found == self.tally)
    }
}

/// Everything that decides what is in a template.
fn key(site: &Site) -> u64 {
    let mut hasher = DefaultHasher::new();
    (
        env!("CARGO_PKG_VERSION"),
        &site.postgres.version,
        TEMPLATE_SOURCES,
        WAL_SEGMENT_SIZE,
    )
        .hash(&mut hasher);
    hasher.finish()
}

/// Makes one in the cluster's directory: initdb, roles, slots, an orderly stop.
fn make(site: &Site) -> Result<PathBuf> {
    let made = site.directory().join("template-made");
    files::remove_directory(&made)?;
    let node = Node::new(site, "template", "postgres", Upstream::Nobody)?;
    files::remove_directory(node.data())?;
    initialise(site, node.data())?;
    node.start()?;
    node.run_sql("postgres", INIT_SQL)?;
    for replica in 1..=MOST_REPLICAS {
        let slot = slot_of(&replica_name(replica));
        node.run_sql(
            "postgres",
            &format!("select pg_create_physical_replication_slot('{slot}')"),
        )?;
    }
    node.stop()?;

    files::make_directory(&made, site.account)?;
    let data = made.join("data");
    fs::rename(node.data(), &data).map_err(Error::file("rename", node.data()))?;
    let Tally { files, bytes } = files::tally(&data)?;
    files::write(
        &made.join("manifest"),
        &format!("{files} {bytes}\n"),
        site.account,
    )?;
    Ok(made)
}

fn initialise(site: &Site, data: &Path) -> Result<()> {
    files::make_directory(data, site.account)?;
    let log_path = site.directory().join("initdb.log");
    let log = File::create(&log_path).map_err(Error::file("create", &log_path))?;
    let errors = log.try_clone().map_err(Error::file("create", &log_path))?;
    // Set from the first moment, for where the socket, which asks for none, is not to be had.
    let password = site.directory().join("superuser-password");
    files::write(&password, SUPERUSER, site.account)?;
    let mut command = Command::new(&site.postgres.initdb);
    command
        .arg("--pwfile")
        .arg(password)
        .arg("-D")
        .arg(data)
        .args([
            "-U",
            SUPERUSER,
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            WAL_SEGMENT_SIZE,
        ]);
    // Its own file of who may connect is not used, and it would warn about it.
    command.args(["--auth=scram-sha-256", "--auth-local=trust"]);
    command
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .current_dir(site.directory());
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    site.account.apply(&mut command);
    let status = command
        .status()
        .map_err(Error::process("start", &site.postgres.initdb))?;
    if status.success() {
        return Ok(());
    }
    let (server, why) = ("initdb".to_owned(), format!("it ended with {status}"));
    Err(Kind::NotStarted {
        server,
        why,
        log: log_tail(&log_path, 0),
    }
    .into())
}

/// Renames the new template to its place, moving aside what is there.
///
/// What is there is not whole, or another process has just put its own. That one is as good, and is found in the next round.
fn put_in_place(site: &Site, made: &Path, path: &Path, attempt: usize) -> Result<()> {
    match fs::rename(made, path) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory
            ) => {}
        other => return other.map_err(Error::file("put the template in place at", path)),
    }
    if Template::find(path, site.account.uid()).is_some() {
        return Ok(());
    }
    let aside = site.directory().join(format!("template-aside-{attempt}"));
    fs::rename(path, &aside).map_err(Error::file(
        "replace the damaged template (whose is it?)",
        path,
    ))?;
    fs::rename(made, path).map_err(Error::file("put the template in place at", path))
}

fn parse_manifest(text: &str) -> Option<Tally> {
    let (files, bytes) = text.trim_end().split_once(' ')?;
    Some(Tally {
        files: files.parse().ok()?,
        bytes: bytes.parse().ok()?,
    })
}
