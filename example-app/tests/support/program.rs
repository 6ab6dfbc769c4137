//! A command of the example that runs, and what it prints.

use std::process::{Child, ExitStatus};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::app::{LIMIT, spawn};

/// A running command. Dropping it ends it.
pub struct Program {
    child: Child,
    stdout: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
}

/// How a command ended, and what it said.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Program {
    pub fn start(arguments: &[&str], environment: &[(String, String)]) -> Self {
        let (child, stdout, stderr) = spawn(arguments, environment);
        Self {
            child,
            stdout,
            stderr: Some(stderr),
        }
    }

    /// The next line that it prints.
    pub fn line(&self) -> String {
        let line = self.stdout.recv_timeout(LIMIT);
        line.unwrap_or_else(|error| panic!("no further line: {error}"))
    }

    /// The next line of JSON for which there is an answer; for at most 300 lines.
    pub fn until<T>(&self, what: &str, answer: impl Fn(&Value) -> Option<T>) -> T {
        let mut last = Value::Null;
        for _ in 0..300 {
            last = serde_json::from_str(&self.line()).unwrap();
            if let Some(answer) = answer(&last) {
                return answer;
            }
        }
        panic!("not in 300 lines: {what}; the last is {last}");
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end, by itself or by a signal.
    pub fn end(mut self) -> Ended {
        // Its end closes the pipe, and with it the channel.
        let mut lines = Vec::new();
        while let Ok(line) = self.stdout.recv_timeout(LIMIT) {
            lines.push(line + "\n");
        }
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Ended {
            status: self.child.wait().unwrap(),
            stdout: lines.concat(),
            stderr,
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Nothing happens to one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end.
pub fn run(arguments: &[&str], environment: &[(String, String)]) -> Ended {
    Program::start(arguments, environment).end()
}
