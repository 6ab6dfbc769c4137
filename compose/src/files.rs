//! Directories of a cluster: making them, copying a data directory, the end of a log.

use std::fs;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::account::Account;
use crate::error::{Error, Result};

/// How much of a log an error carries, in bytes.
const LOG_TAIL: u64 = 4_000;

/// How much a copy moved; equal sums mean that nothing was missing from the source.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Makes a directory that only the account can enter. PostgreSQL insists on it for its data.
pub(crate) fn make_directory(path: &Path, account: Account) -> Result<()> {
    fs::DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(Error::file("create", path))?;
    account.own(path)
}

/// Writes a small file that belongs to the account.
pub(crate) fn write(path: &Path, content: &str, account: Account) -> Result<()> {
    fs::write(path, content).map_err(Error::file("write", path))?;
    account.own(path)
}

/// Copies a file that only the account may read afterwards. PostgreSQL insists on it for its key.
pub(crate) fn copy_private(from: &Path, to: &Path, account: Account) -> Result<()> {
    let content = fs::read(from).map_err(Error::file("read", from))?;
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(to);
    file.and_then(|mut file| file.write_all(&content))
        .map_err(Error::file("write", to))?;
    account.own(to)
}

/// Copies a directory that only holds files and directories; the file system clones blocks where it can.
pub(crate) fn copy_directory(from: &Path, to: &Path, account: Account) -> Result<Tally> {
    make_directory(to, account)?;
    let mut tally = Tally::default();
    for entry in fs::read_dir(from).map_err(Error::file("read", from))? {
        let entry = entry.map_err(Error::file("read", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry
            .file_type()
            .map_err(Error::file("read", &source))?
            .is_dir()
        {
            let below = copy_directory(&source, &target, account)?;
            tally.files += below.files;
            tally.bytes += below.bytes;
        } else {
            tally.bytes += fs::copy(&source, &target).map_err(Error::file("copy", &source))?;
            tally.files += 1;
            account.own(&target)?;
        }
    }
    Ok(tally)
}

/// Counts what [`copy_directory`] would move.
pub(crate) fn tally(directory: &Path) -> Result<Tally> {
    let mut tally = Tally::default();
    for entry in fs::read_dir(directory).map_err(Error::file("read", directory))? {
        let entry = entry.map_err(Error::file("read", directory))?;
        let found = entry.metadata().map_err(Error::file("read", directory))?;
        if found.is_dir() {
            let below = self::tally(&entry.path())?;
            tally.files += below.files;
            tally.bytes += below.bytes;
        } else {
            tally.files += 1;
            tally.bytes += found.len();
        }
    }
    Ok(tally)
}

/// Removes a directory with everything in it. One that is not there is as good as removed.
pub(crate) fn remove_directory(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The log from a position on, at most its last few kilobytes. An unreadable one is empty: it only decorates errors.
pub(crate) fn log_tail(path: &Path, from: u64) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(LOG_TAIL))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}
