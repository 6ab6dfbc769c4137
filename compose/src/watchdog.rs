//! The watchdog: a shell process that removes a cluster whose owner could not, because it was killed or interrupted.
//!
//! It waits for the end of a pipe that only the owner holds. The standard library opens every descriptor close-on-exec, so
//! no server and no watchdog of another cluster holds it as well.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::account::Account;
use crate::error::{Error, Result};

const SCRIPT: &str = include_str!("watchdog.sh");

/// A running watchdog. Dropping it tells it that the owner is gone, and waits until it has cleaned up.
#[derive(Debug)]
pub(crate) struct Watchdog {
    child: Child,
}

impl Watchdog {
    /// Watches over this directory and the processes in it that run one of the programs.
    pub(crate) fn start(directory: &Path, programs: &[&Path], account: Account) -> Result<Self> {
        Self::start_with(Path::new("/proc"), directory, programs, account)
    }

    fn start_with(
        proc: &Path,
        directory: &Path,
        programs: &[&Path],
        account: Account,
    ) -> Result<Self> {
        let shell = Path::new("/bin/sh");
        let mut command = Command::new(shell);
        command
            .args(["-c", SCRIPT, "manifold-compose-watchdog"])
            .arg(directory)
            .arg(proc)
            .args(programs);
        // Not our output: whoever reads it to its end would wait for the watchdog as well.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.current_dir("/").process_group(0);
        // The servers' own user may look at their processes; in a container not even root may look at those of others.
        account.apply(&mut command);
        Ok(Self {
            child: command
                .spawn()
                .map_err(Error::process("start the watchdog by", shell))?,
        })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // Fails only if somebody else collected our child; it cleans up all the same.
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::random;
    use crate::wait;
    use std::fs;
    use std::path::PathBuf;
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_secs(5);

    fn directory() -> PathBuf {
        let directory = std::env::temp_dir().join(format!("manifold-watchdog-{:016x}", random()));
        fs::create_dir_all(directory.join("redis")).unwrap();
        directory.canonicalize().unwrap()
    }

    fn oneself() -> Account {
        Account::Oneself {
            uid: rustix::process::geteuid().as_raw(),
        }
    }

    /// A process that can pass for a server: it runs in the directory, and names it as an argument.
    fn server_in(place: &Path) -> Child {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "while :; do sleep 60 & wait $!; done", "server"])
            .arg(place)
            .current_dir(place);
        command.process_group(0).spawn().unwrap()
    }

    fn end(mut child: Child) {
        let _ = rustix::process::kill_process_group(
            rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(),
            rustix::process::Signal::KILL,
        );
        child.wait().unwrap();
    }

    #[test]
    fn without_proc_it_finds_the_servers_by_their_id_files() {
        if Command::new("ps").arg("-A").output().is_err() {
            return;
        }
        let directory = directory();
        let mut server = server_in(&directory.join("redis"));
        fs::write(
            directory.join("redis/redis.pid"),
            format!("{}\n", server.id()),
        )
        .unwrap();
        drop(Watchdog::start_with(Path::new("/nowhere"), &directory, &[], oneself()).unwrap());
        assert!(!directory.exists());
        let ended = wait::until(LIMIT, wait::CHEAP, || Ok(server.try_wait().unwrap())).unwrap();
        assert!(ended.is_some(), "the server outlived its owner");
    }

    #[test]
    fn a_process_that_got_the_number_of_a_server_is_left_alone() {
        for proc in ["/proc", "/nowhere"] {
            let directory = directory();
            let mut stranger = server_in(Path::new("/"));
            fs::write(
                directory.join("redis/redis.pid"),
                format!("{}\n", stranger.id()),
            )
            .unwrap();
            let shell = Path::new("/bin/sh").canonicalize().unwrap();
            drop(Watchdog::start_with(Path::new(proc), &directory, &[&shell], oneself()).unwrap());
            assert!(!directory.exists());
            assert!(
                stranger.try_wait().unwrap().is_none(),
                "a stranger was killed"
            );
            end(stranger);
        }
    }
}
