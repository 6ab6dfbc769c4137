//! Where clusters and templates live.
//!
//! A start creates some four thousand small files. On a disk that other work keeps busy this takes a second, in memory a tenth
//! of it. So without a `TMPDIR`, which says where, they live in `/dev/shm` if that has room for more than a few.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use crate::account::Account;
use crate::error::{Error, Result};

/// A file system in memory, on Linux.
const MEMORY: &str = "/dev/shm";

/// With less free, clusters go to the disk: in bytes, some twenty of them. In a container there are often 64 MB at all.
const MEMORY_WANTED: u64 = 2 << 30;

/// The directory for a new cluster of this account.
pub(crate) fn base_directory(account: Account) -> Result<PathBuf> {
    let memory = Path::new(MEMORY);
    if std::env::var_os("TMPDIR").is_none() && is_open(account, memory) && has_room(memory) {
        return Ok(memory.to_owned());
    }
    let wanted = std::env::temp_dir();
    let wanted = wanted
        .canonicalize()
        .map_err(Error::file("find the temporary directory", &wanted))?;
    // A root that has a private one (`TMPDIR=/root/tmp`) gets another, because the servers could not enter it.
    Ok(if is_open(account, &wanted) {
        wanted
    } else {
        PathBuf::from("/tmp")
    })
}

fn has_room(directory: &Path) -> bool {
    statvfs(directory)
        .is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) >= MEMORY_WANTED)
}

/// Whether servers of this account can work there. Of our own directories we find out when we do.
fn is_open(account: Account, directory: &Path) -> bool {
    match account {
        Account::Oneself { .. } => directory.is_dir(),
        Account::Other { uid, .. } => open_to(uid, directory),
    }
}

/// Whether a user that is neither owner nor group member may enter all of the path and write at its end.
fn open_to(uid: u32, directory: &Path) -> bool {
    let allows = |path: &Path, others: u32, owner: u32| {
        fs::metadata(path).is_ok_and(|found| {
            let mode = found.permissions().mode();
            mode & others == others || (found.uid() == uid && mode & owner == owner)
        })
    };
    allows(directory, 0o003, 0o300)
        && directory
            .ancestors()
            .skip(1)
            .all(|ancestor| allows(ancestor, 0o001, 0o100))
}

#[cfg(test)]
mod tests {
    use super::open_to;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    #[test]
    fn a_private_directory_is_not_open_to_another_user() {
        let private = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/private");
        fs::create_dir_all(&private).unwrap();
        fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!open_to(u32::MAX - 7, &private.canonicalize().unwrap()));
        assert!(open_to(u32::MAX - 7, Path::new("/tmp")));
    }
}
