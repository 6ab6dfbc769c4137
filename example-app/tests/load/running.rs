//! A running load, and its figures when it has ended.

use std::process::{Child, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use manifold_compose::Cluster;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::app::{environment, eventually, program, read};

/// A load that was started. Dropped, it is asked to stop; a second time, so that it does not wait.
pub struct Load {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

/// One that has ended.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Load {
    /// On these servers, or on its own; the arguments are words.
    pub fn start(cluster: Option<&Cluster>, arguments: &str) -> Self {
        let servers = cluster.map(environment).unwrap_or_default();
        let mut child = program(&servers)
            .arg("load")
            .args(arguments.split_whitespace())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = Some(read(child.stdout.take().unwrap()));
        let stderr = Some(read(child.stderr.take().unwrap()));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Whether it has not ended yet.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Ended {
        let status = eventually("the load ends", || self.child.try_wait().unwrap());
        let text = |thread: Option<JoinHandle<String>>| thread.unwrap().join().unwrap();
        Ended {
            status,
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        self.interrupt();
        self.interrupt();
        if !thread::panicking() {
            eventually("the load ends", || self.child.try_wait().unwrap());
        }
    }
}

impl Ended {
    /// What `--json` has printed.
    pub fn figures(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }

    /// That all went well.
    pub fn assert_success(&self) {
        assert!(self.status.success(), "{}\n{}", self.stdout, self.stderr);
    }
}

/// The figures of one kind of call.
pub fn kind<'a>(figures: &'a Value, call: &str) -> &'a Value {
    let kinds = figures["kinds"].as_array().unwrap();
    let found = kinds.iter().find(|kind| kind["call"] == call);
    found.unwrap_or_else(|| panic!("no {call}: {figures}"))
}
