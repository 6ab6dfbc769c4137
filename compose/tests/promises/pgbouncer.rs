//! PgBouncer before nodes: which one, whom it leads to, what it keeps apart, and its faults.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use manifold_compose::{Cluster, Node, PgBouncer, PoolMode};

use crate::support::{LIMIT, TLS_REQUEST, ask, connect, eventually, installed, processes_of, psql};

/// A session that stays open, and says what it is asked.
struct Session {
    psql: Child,
    output: BufReader<ChildStdout>,
}

impl Session {
    fn open(node: &Node, url: &str) -> Self {
        let mut psql = psql(node);
        psql.arg(url).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut psql = psql.stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(psql.stdout.take().unwrap());
        Self { psql, output }
    }

    fn ask(&mut self, sql: &str) -> String {
        writeln!(self.psql.stdin.as_mut().unwrap(), "{sql};").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}

#[test]
fn it_leads_to_every_database_of_its_node_and_to_the_others_by_their_names() {
    let cluster = Cluster::builder().redis(false).start().unwrap();
    let (primary, replica) = (cluster.primary(), cluster.replica(0));
    cluster.create_database("another").unwrap();
    let builder = cluster.pgbouncer(replica).also(primary);
    let Some(pgbouncer) = installed(builder.start()) else {
        return;
    };
    let whom = "select current_setting('cluster_name'), current_database(), current_user";
    for (url, expected) in [
        (pgbouncer.url(), "replica-1|app|app"),
        (pgbouncer.url_for("another"), "replica-1|another|app"),
        (pgbouncer.url_of(primary), "primary|app|app"),
        (pgbouncer.url_of(replica), "replica-1|app|app"),
    ] {
        assert_eq!(ask(primary, &url, whom), expected, "{url}");
    }
    let wrong = pgbouncer.url().replace("app:app", "app:wrong");
    assert!(!connect(primary, &wrong, "select 1").status.success());
    let (major, minor) = pgbouncer.version();
    let version = ask(primary, &pgbouncer.console_url(), "show version");
    let expected = format!("PgBouncer {major}.{minor}.");
    assert!(version.starts_with(&expected), "{version}, {pgbouncer}");
}

#[test]
fn a_version_that_is_wanted_is_the_one_that_starts_and_the_old_ones_know_no_prepared_statements() {
    let cluster = Cluster::builder().redis(false).replicas(0).start().unwrap();
    let primary = cluster.primary();
    let statements = |pgbouncer: &PgBouncer| {
        let config = ask(primary, &pgbouncer.console_url(), "show config");
        let row = config
            .lines()
            .find_map(|line| line.strip_prefix("max_prepared_statements|"));
        row.map(|row| row.split('|').next().unwrap_or_default().to_owned())
    };
    let any = cluster.pgbouncer(primary);
    if let Some(old) = installed(any.clone().before(1, 21).start()) {
        assert!(old.version() < (1, 21), "{old}");
        assert_eq!(statements(&old), None);
        let refused = any.clone().before(1, 21).max_prepared_statements(7).start();
        let refused = refused.unwrap_err();
        assert!(
            refused.is_not_started() && refused.to_string().contains("max_prepared_statements"),
            "{refused}"
        );
    }
    if let Some(new) = installed(any.clone().at_least(1, 21).start()) {
        assert!(new.version() >= (1, 21), "{new}");
        // As the file that the containers read says.
        assert_eq!(statements(&new).as_deref(), Some("200"));
        let other = any.clone().at_least(1, 21).max_prepared_statements(7);
        assert_eq!(statements(&other.start().unwrap()).as_deref(), Some("7"));
    }
    let none = any.at_least(99, 0).start().unwrap_err();
    let said = none.to_string();
    assert!(
        none.is_missing_binary()
            && said.contains("pgbouncer 99.0 or later")
            && said.contains("stand-ins/pgbouncer-root"),
        "{none}"
    );
}

#[test]
fn a_connection_is_shared_by_transaction_or_kept_for_a_session() {
    let cluster = Cluster::builder().redis(false).replicas(0).start().unwrap();
    let primary = cluster.primary();
    for (mode, shared) in [(PoolMode::Transaction, true), (PoolMode::Session, false)] {
        let builder = cluster.pgbouncer(primary).pool_mode(mode).pool_size(2);
        let Some(pgbouncer) = installed(builder.start()) else {
            return;
        };
        let mut first = Session::open(primary, &pgbouncer.url());
        let mut second = Session::open(primary, &pgbouncer.url());
        let backends = [&mut first, &mut second].map(|it| it.ask("select pg_backend_pid()"));
        assert_eq!(backends[0] == backends[1], shared, "{mode:?}");
        // A third client finds both connections taken, if they are kept.
        let mut third = Session::open(primary, &pgbouncer.url());
        let waiting = || {
            let pools = ask(primary, &pgbouncer.console_url(), "show pools");
            let app = pools.lines().find(|pool| pool.starts_with("app|app|"));
            app.and_then(|pool| pool.split('|').nth(3)) == Some("1")
        };
        if shared {
            assert_eq!(third.ask("select pg_backend_pid()"), backends[0]);
        } else {
            writeln!(third.psql.stdin.as_mut().unwrap(), "select 1;").unwrap();
            eventually("the third client waits", waiting);
            drop(first);
            let mut line = String::new();
            third.output.read_line(&mut line).unwrap();
            assert_eq!(line.trim_end(), "1");
        }
    }
}

#[test]
fn pgbouncer_comes_back_on_its_port_after_a_kill_and_is_silent_while_frozen() {
    let cluster = Cluster::builder().redis(false).replicas(0).start().unwrap();
    let primary = cluster.primary();
    for builder in [
        cluster.pgbouncer(primary).before(1, 21),
        cluster.pgbouncer(primary).at_least(1, 21),
    ] {
        let Some(pgbouncer) = installed(builder.start()) else {
            continue;
        };
        let url = pgbouncer.url();
        assert_eq!(ask(primary, &url, "select 1"), "1");
        let mut open = Session::open(primary, &url);
        assert_eq!(open.ask("select 2"), "2");

        pgbouncer.freeze().unwrap();
        assert!(pgbouncer.start().unwrap_err().is_wrong_state());
        let mut silent = TcpStream::connect(("127.0.0.1", pgbouncer.port())).unwrap();
        silent
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        silent.write_all(&TLS_REQUEST).unwrap();
        assert!(silent.read(&mut [0]).is_err());
        pgbouncer.thaw().unwrap();
        silent.set_read_timeout(Some(LIMIT)).unwrap();
        assert_eq!(silent.read(&mut [0]).unwrap(), 1);
        assert_eq!(open.ask("select 3"), "3");

        pgbouncer.freeze().unwrap();
        pgbouncer.kill().unwrap();
        assert!(!pgbouncer.is_running());
        assert_eq!(open.ask("select 4"), "", "the connection is gone");
        assert!(!connect(primary, &url, "select 5").status.success());
        pgbouncer.start().unwrap();
        assert_eq!(ask(primary, &url, "select 6"), "6");

        // A client waits while the node is down, and is led there as soon as it is back.
        let mut patient = psql(primary);
        patient.args(["-c", "select 7", &url]);
        primary.kill().unwrap();
        let patient = patient.stdout(Stdio::piped()).spawn().unwrap();
        let log = || std::fs::read_to_string(pgbouncer.log_path()).unwrap();
        eventually("it finds the node down", || {
            log().contains("connect failed")
        });
        primary.start().unwrap();
        let answer = patient.wait_with_output().unwrap().stdout;
        assert_eq!(String::from_utf8_lossy(&answer).trim(), "7");
    }
}

#[test]
fn pgbouncer_may_outlive_its_cluster_and_then_leaves_nothing() {
    let cluster = Cluster::builder().redis(false).replicas(0).start().unwrap();
    let Some(pgbouncer) = installed(cluster.pgbouncer(cluster.primary()).start()) else {
        return;
    };
    let directory = cluster
        .directory()
        .join(format!("pgbouncer-{}", pgbouncer.port()));
    assert_eq!(processes_of(&directory).len(), 1);
    let of_cluster = cluster.directory().to_owned();
    drop(cluster);
    assert!(pgbouncer.is_running() && directory.exists());
    drop(pgbouncer);
    assert_eq!(processes_of(&of_cluster), []);
    assert!(!of_cluster.exists());
}
