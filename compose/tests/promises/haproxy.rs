//! HAProxy before nodes: whose turn it is, and its faults.

use std::collections::BTreeMap;

use manifold_compose::{Cluster, HaProxy, Node};

use crate::support::{ask, connect, eventually, installed};

/// How many of some connections lead to each node.
fn turns(node: &Node, haproxy: &HaProxy, connections: usize) -> BTreeMap<String, usize> {
    let mut turns = BTreeMap::new();
    for _ in 0..connections {
        *turns
            .entry(ask(node, &haproxy.url(), "show cluster_name"))
            .or_default() += 1;
    }
    turns
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

#[test]
fn each_connection_leads_to_the_next_node_and_a_dead_one_is_passed_over() {
    let cluster = Cluster::builder().redis(false).start().unwrap();
    cluster.create_database("another").unwrap();
    for check in [false, true] {
        let Some(haproxy) = installed(cluster.haproxy(cluster.replicas()).check(check).start())
        else {
            return;
        };
        let primary = cluster.primary();
        let even = counts(&[("replica-1", 3), ("replica-2", 3)]);
        assert_eq!(turns(primary, &haproxy, 6), even);
        assert_eq!(
            ask(
                primary,
                &haproxy.url_for("another"),
                "select current_database()"
            ),
            "another"
        );

        cluster.replica(0).kill().unwrap();
        assert_eq!(turns(primary, &haproxy, 4), counts(&[("replica-2", 4)]));
        cluster.replica(0).start().unwrap();
        eventually("the other node has its turn again", || {
            turns(primary, &haproxy, 2).len() == 2
        });
    }
}

#[test]
fn haproxy_comes_back_on_its_port_after_a_kill_even_if_it_was_frozen() {
    let cluster = Cluster::builder().redis(false).replicas(0).start().unwrap();
    let primary = cluster.primary();
    let Some(haproxy) = installed(cluster.haproxy([primary]).start()) else {
        return;
    };
    assert_eq!(ask(primary, &haproxy.url(), "select 1"), "1");
    haproxy.freeze().unwrap();
    assert!(haproxy.start().unwrap_err().is_wrong_state());
    haproxy.thaw().unwrap();
    assert_eq!(ask(primary, &haproxy.url(), "select 2"), "2");
    haproxy.freeze().unwrap();
    haproxy.kill().unwrap();
    assert!(!haproxy.is_running());
    assert!(
        !connect(primary, &haproxy.url(), "select 3")
            .status
            .success()
    );
    haproxy.start().unwrap();
    assert_eq!(ask(primary, &haproxy.url(), "select 4"), "4");
    let nobody = cluster.haproxy([]).start().unwrap_err();
    assert!(nobody.to_string().contains("number of nodes"), "{nobody}");
}
