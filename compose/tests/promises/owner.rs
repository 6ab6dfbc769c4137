//! A process that owns a cluster and dies: this test binary, started again to run the one test below.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use manifold_compose::Cluster;

use crate::support::installed;

/// What the owner does after it has started its cluster.
const MODE: &str = "MANIFOLD_COMPOSE_TEST_OWNER";

#[test]
#[ignore = "not a test: the owner process of the others"]
fn owner_process() {
    let Ok(mode) = std::env::var(MODE) else {
        return;
    };
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(error) => {
            println!("OWNER missing={} {error}", error.is_missing_binary());
            return;
        }
    };
    if mode == "broken" {
        cluster.replica(0).freeze().unwrap();
        cluster.replica(1).kill().unwrap();
        cluster.redis().unwrap().freeze().unwrap();
    }
    let fronts = (mode == "fronts").then(|| {
        let (primary, old) = (cluster.primary(), cluster.pgbouncer(cluster.primary()));
        let poolers = [
            old.before(1, 21),
            cluster.pgbouncer(primary).at_least(1, 21),
        ];
        let poolers = poolers.map(|pooler| installed(pooler.start()));
        if let Some(frozen) = &poolers[1] {
            frozen.freeze().unwrap();
        }
        (poolers, installed(cluster.haproxy([primary]).start()))
    });
    println!("OWNER {}", cluster.directory().display());
    match mode.as_str() {
        "abort" => std::process::abort(),
        "drop" => {}
        "rejoining" => loop {
            cluster.replica(0).kill().unwrap();
            cluster.replica(0).rejoin(cluster.primary()).unwrap();
        },
        // Until it is killed; or until the test is gone, which holds the other end.
        _ => drop(std::io::stdin().read_to_end(&mut Vec::new())),
    }
    drop(fronts);
}

pub struct Owner {
    pub process: Child,
    output: BufReader<ChildStdout>,
}

impl Owner {
    /// Starts an owner with these environment variables.
    pub fn spawn(mode: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "owner::owner_process",
            "--ignored",
            "--nocapture",
        ]);
        command.env(MODE, mode).envs(variables.iter().copied());
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    /// What it says: the directory of its running cluster, or why there is none.
    #[track_caller]
    pub fn says(&mut self) -> String {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(
                self.output.read_line(&mut line).unwrap(),
                0,
                "the owner said nothing"
            );
            // The harness writes the test's name in front.
            if let Some((_, rest)) = line.split_once("OWNER ") {
                said.push_str(rest.trim_end());
                return said;
            }
        }
    }

    #[track_caller]
    pub fn directory(&mut self) -> PathBuf {
        let said = self.says();
        assert!(said.starts_with('/'), "{said}");
        PathBuf::from(said)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid =
            rustix::process::Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
