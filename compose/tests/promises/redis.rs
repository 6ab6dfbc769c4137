//! Redis and its faults.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

use manifold_compose::{Cluster, Redis};

use crate::support::LIMIT;

fn connection(redis: &Redis) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    BufReader::new(stream)
}

fn ask(connection: &mut BufReader<TcpStream>, command: &str) -> std::io::Result<String> {
    write!(connection.get_mut(), "{command}\r\n")?;
    let mut line = String::new();
    connection.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[test]
fn redis_forgets_when_flushed_or_killed_and_keeps_still_when_frozen() {
    let cluster = Cluster::builder().replicas(0).start().unwrap();
    let redis = cluster.redis().unwrap();
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{}", redis.port()));
    let mut open = connection(redis);

    assert_eq!(ask(&mut open, "SET a 1").unwrap(), "+OK");
    redis.flush().unwrap();
    assert_eq!(ask(&mut open, "GET a").unwrap(), "$-1");

    assert_eq!(ask(&mut open, "SET a 1").unwrap(), "+OK");
    redis.freeze().unwrap();
    assert!(redis.flush().unwrap_err().is_wrong_state());
    open.get_ref()
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let silence = ask(&mut open, "EXISTS a").unwrap_err();
    assert!(
        matches!(silence.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{silence}"
    );
    redis.thaw().unwrap();
    open.get_ref().set_read_timeout(Some(LIMIT)).unwrap();
    let mut late = String::new();
    open.read_line(&mut late).unwrap();
    assert_eq!(late.trim_end(), ":1");

    redis.kill().unwrap();
    assert!(!redis.is_running());
    assert!(!matches!(ask(&mut open, "PING"), Ok(answer) if !answer.is_empty()));
    redis.start().unwrap();
    assert_eq!(ask(&mut connection(redis), "EXISTS a").unwrap(), ":0");
}

#[test]
fn redis_comes_back_on_its_port_and_empty_even_if_it_was_killed_while_frozen() {
    let cluster = Cluster::builder().replicas(0).start().unwrap();
    let redis = cluster.redis().unwrap();
    let port = redis.port();
    for _ in 0..3 {
        assert_eq!(ask(&mut connection(redis), "SET a 1").unwrap(), "+OK");
        redis.freeze().unwrap();
        assert!(redis.freeze().is_ok(), "frozen twice is frozen");
        assert!(redis.start().unwrap_err().is_wrong_state());
        redis.kill().unwrap();
        redis.kill().unwrap();
        assert!(redis.freeze().unwrap_err().is_wrong_state());
        redis.start().unwrap();
        assert_eq!(redis.port(), port);
        assert_eq!(ask(&mut connection(redis), "EXISTS a").unwrap(), ":0");
    }
}
