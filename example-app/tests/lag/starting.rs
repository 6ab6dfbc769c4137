//! How it begins and ends.

use manifold_compose::Cluster;
use rustix::process::Signal;

use crate::app::environment;
use crate::program::{Program, run};

#[test]
fn without_servers_it_says_how_to_get_some() {
    let ended = run(&["lag"], &[]);
    assert!(!ended.status.success());
    assert!(ended.stderr.contains("no servers are configured"));
    assert!(ended.stderr.contains("`make demo`"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn it_is_a_table_with_each_node_as_often_as_was_asked() {
    let cluster = Cluster::builder().redis(false).start().unwrap();
    let arguments = ["lag", "--count", "2", "--interval", "1ms"];
    let ended = run(&arguments, &environment(&cluster));
    assert!(ended.status.success(), "{}", ended.stderr);
    let nodes = ended.stdout.lines();
    let nodes: Vec<_> = nodes.filter_map(|line| line.split(' ').next()).collect();
    let once = ["primary", "replica-1", "replica-2"];
    let expected = [&["node"][..], &once, &[""], &once].concat();
    assert_eq!(nodes, expected, "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
}

#[test]
fn asked_to_stop_it_ends_with_success() {
    let cluster = Cluster::builder().redis(false).start().unwrap();
    for signal in [Signal::INT, Signal::TERM] {
        let lag = Program::start(&["lag"], &environment(&cluster));
        lag.line();
        lag.signal(signal);
        let ended = lag.end();
        assert!(ended.status.success(), "{}: {}", ended.status, ended.stderr);
    }
}
