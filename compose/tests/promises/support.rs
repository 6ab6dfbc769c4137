//! What the tests share: asking again, a client that is not the superuser, and the traces that a cluster leaves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use manifold_compose::{Cluster, Node, Result};

/// Enough for a busy machine; a promise that holds is seen within milliseconds.
pub const LIMIT: Duration = Duration::from_secs(15);

/// What a client sends first when it would like TLS; the server answers with one byte.
pub const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Asks until it is so, and fails the test at the deadline.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "waits for a condition in another process, whose time cannot be stepped"
)]
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !so() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a statement in the application's database as the superuser.
#[track_caller]
pub fn sql(node: &Node, sql: &str) -> String {
    node.run_sql("app", sql).unwrap()
}

/// A cluster without Redis, with a table `t` that the replicas have.
#[track_caller]
pub fn cluster_with_table(replicas: usize) -> Cluster {
    let cluster = Cluster::builder()
        .replicas(replicas)
        .redis(false)
        .start()
        .unwrap();
    sql(cluster.primary(), "create table t (id int)");
    cluster.wait_replayed().unwrap();
    cluster
}

/// The `psql` of this installation, for connections as an application makes them.
pub fn psql(node: &Node) -> Command {
    let directory = sql(node, "select setting from pg_config where name = 'BINDIR'");
    let mut command = Command::new(Path::new(&directory).join("psql"));
    command.args(["-X", "-A", "-t", "-q"]);
    command
}

/// Connects by a URL, over TCP, and runs a statement.
pub fn connect(node: &Node, url: &str, sql: &str) -> Output {
    psql(node).args(["-c", sql, url]).output().unwrap()
}

/// What it answers to a statement that it takes.
#[track_caller]
pub fn ask(node: &Node, url: &str, sql: &str) -> String {
    let output = connect(node, url, sql);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{url}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What was started; nothing if it is not to be had on this machine, which is then said.
#[track_caller]
pub fn installed<T>(started: Result<T>) -> Option<T> {
    if let Err(error) = &started
        && error.is_missing_binary()
    {
        let test = thread::current().name().unwrap_or("this").to_owned();
        println!("skipped: {test}, because {error}");
        return None;
    }
    Some(started.unwrap())
}

/// How many replicas stream from this node.
pub fn streaming(node: &Node) -> String {
    sql(
        node,
        "select count(*) from pg_stat_replication where state = 'streaming'",
    )
}

/// The processes that belong to a cluster's directory: servers, watchdog, and whatever else.
pub fn processes_of(directory: &Path) -> Vec<u32> {
    let name = directory.to_str().unwrap();
    if !Path::new("/proc/self/stat").exists() {
        let output = Command::new("ps")
            .args(["-A", "-ww", "-o", "pid=", "-o", "command="])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let of_it = text.lines().filter(|line| line.contains(name));
        return of_it
            .filter_map(|line| line.split_ascii_whitespace().next()?.parse().ok())
            .collect();
    }
    let belongs = |process: &Path| {
        let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
        let works_in = fs::read_link(process.join("cwd")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(name) || works_in.starts_with(directory)
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| belongs(&entry.path()))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The System V shared memory segment of a node, by its id file.
pub fn segment_of(directory: &Path, node: &str) -> String {
    let text = fs::read_to_string(directory.join(node).join("postmaster.pid")).unwrap();
    text.lines()
        .nth(6)
        .unwrap()
        .split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .to_owned()
}

/// Whether such a segment exists; where the system does not tell, none does.
pub fn segment_exists(id: &str) -> bool {
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    table
        .lines()
        .any(|line| line.split_ascii_whitespace().nth(1) == Some(id))
}

/// Fails unless nothing of a cluster is left: no directory, no process.
#[track_caller]
pub fn assert_nothing_left(directory: &Path) {
    eventually("the directory is removed", || !directory.exists());
    eventually("no process is left", || processes_of(directory).is_empty());
}

/// A directory for temporary files that any user can work in, removed when dropped.
pub struct Temporary(pub PathBuf);

impl Temporary {
    pub fn new(name: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let path =
            std::env::temp_dir().join(format!("manifold-test-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        Self(path.canonicalize().unwrap())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
