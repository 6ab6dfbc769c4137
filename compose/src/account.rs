//! The user that the servers run as. PostgreSQL refuses root, which is what a container's test run usually is.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::{Error, Kind, Result};

/// Whom we run servers as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// We are not root: servers run as we do, and files belong to us anyway.
    Oneself { uid: u32 },
    /// We are root: servers run as this user, and their files are given to it.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// Oneself; for root, the user `postgres` that the server's package created, else `nobody`.
    pub(crate) fn choose() -> Result<Self> {
        let uid = rustix::process::geteuid();
        if !uid.is_root() {
            return Ok(Self::Oneself { uid: uid.as_raw() });
        }
        let found = ["postgres", "nobody"].into_iter().find_map(|user| {
            Some(Self::Other {
                uid: ask_id("-u", user).filter(|uid| *uid != 0)?,
                gid: ask_id("-g", user)?,
            })
        });
        found.ok_or_else(|| Kind::NoAccount.into())
    }

    pub(crate) fn uid(self) -> u32 {
        match self {
            Self::Oneself { uid } | Self::Other { uid, .. } => uid,
        }
    }

    /// Makes the command run as this user.
    pub(crate) fn apply(self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    /// Gives a file or directory to this user.
    pub(crate) fn own(self, path: &Path) -> Result<()> {
        match self {
            Self::Oneself { .. } => Ok(()),
            Self::Other { uid, gid } => {
                chown(path, Some(uid), Some(gid)).map_err(Error::file("give away", path))
            }
        }
    }
}

/// Asks `id`, which knows users that are in no local file (LDAP, macOS directory services).
fn ask_id(option: &str, user: &str) -> Option<u32> {
    let output = Command::new("id").args([option, user]).output().ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
