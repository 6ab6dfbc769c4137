//! Faults of processes: killed, stopped, frozen, a crashed backend.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use crate::support::{
    LIMIT, TLS_REQUEST, cluster_with_table, eventually, processes_of, psql, sql, streaming,
};

#[test]
fn a_killed_node_is_gone_at_once_and_comes_back_with_its_data() {
    let cluster = cluster_with_table(1);
    let port = cluster.primary().port();
    sql(cluster.primary(), "insert into t values (1)");
    for node in cluster.nodes() {
        let others = processes_of(&cluster.directory().join(node.name())).len();
        assert!(others > 3, "a node is a family of processes");
        node.kill().unwrap();
        assert!(!node.is_running());
        assert_eq!(processes_of(&cluster.directory().join(node.name())), []);
        assert_eq!(
            TcpStream::connect(("127.0.0.1", node.port()))
                .unwrap_err()
                .kind(),
            ErrorKind::ConnectionRefused
        );
        assert!(
            node.run_sql("app", "select 1")
                .unwrap_err()
                .is_wrong_state()
        );

        node.start().unwrap();
        assert!(node.start().unwrap_err().is_wrong_state());
        assert_eq!(sql(node, "select count(*) from t"), "1");
    }
    assert_eq!(cluster.primary().port(), port);
    eventually("the replica streams again", || {
        streaming(cluster.primary()) == "1"
    });
    cluster.wait_replayed().unwrap();
}

#[test]
fn a_stopped_node_comes_back_even_if_it_was_frozen() {
    let cluster = cluster_with_table(1);
    cluster.replica(0).freeze().unwrap();
    cluster.replica(0).stop().unwrap();
    cluster.primary().stop().unwrap();
    cluster.primary().stop().unwrap();
    let log = std::fs::read_to_string(cluster.primary().log_path()).unwrap();
    assert!(log.contains("database system is shut down"), "{log}");
    cluster.primary().start().unwrap();
    cluster.replica(0).start().unwrap();
    cluster.wait_replayed().unwrap();
}

#[test]
fn a_frozen_node_keeps_its_connections_and_answers_when_thawed() {
    let cluster = cluster_with_table(1);
    for node in cluster.nodes() {
        node.freeze().unwrap();
        assert!(node.is_running());
        let mut connection = TcpStream::connect(("127.0.0.1", node.port())).unwrap();
        connection.write_all(&TLS_REQUEST).unwrap();
        connection
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let mut answer = [0];
        let silence = connection.read(&mut answer).unwrap_err();
        assert!(
            matches!(silence.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            "{silence}"
        );
        assert!(
            node.run_sql("app", "select 1")
                .unwrap_err()
                .is_wrong_state()
        );
        cluster.wait_replayed().unwrap();

        node.thaw().unwrap();
        connection.set_read_timeout(Some(LIMIT)).unwrap();
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *b"N");
        assert_eq!(sql(node, "select 1"), "1");
    }
}

#[test]
fn a_crashed_backend_takes_all_sessions_with_it_and_the_node_recovers() {
    let cluster = cluster_with_table(1);
    for node in cluster.nodes() {
        let mut session = psql(node);
        session.args([
            &node.url(),
            "-c",
            "select pg_backend_pid()",
            "-c",
            "select pg_sleep(600)",
        ]);
        let mut session = session
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(session.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();

        node.crash_backend(line.trim().parse().unwrap()).unwrap();
        assert!(!session.wait().unwrap().success());
        node.wait_ready().unwrap();
        assert_eq!(sql(node, "select count(*) from t"), "0");
    }
    cluster.wait_replayed().unwrap();
    let error = cluster
        .primary()
        .crash_backend(std::process::id())
        .unwrap_err();
    assert!(error.to_string().contains("pg_backend_pid"), "{error}");
}
