//! What is told at the end is true.

use manifold_compose::Cluster;
use serde_json::Value;

use crate::running::{Load, kind};

#[test]
fn a_short_load_ends_without_errors_and_its_table_has_both_replicas() {
    let load = Load::start(None, "--for 2s --writers 1 --readers 10").ended();
    load.assert_success();
    let table = &load.stdout;
    assert!(table.contains("blog for 2."), "{table}");
    assert!(table.contains("closed loop"), "{table}");
    assert!(table.contains(" calls, 0 errors\n"), "{table}");
    let mut lines = table
        .lines()
        .skip_while(|line| !line.contains("answered by"));
    let sources = lines
        .next()
        .unwrap()
        .trim_start()
        .trim_start_matches("answered by");
    let pages = lines.find(|line| line.contains("Posts::page_with_comments"));
    let pages = pages.unwrap().split_whitespace().skip(1);
    for (source, count) in sources.split_whitespace().zip(pages) {
        let answered = count.parse::<u64>().unwrap() > 0;
        assert_eq!(answered, source.starts_with("replica-"), "{table}");
    }
    for replica in ["replica-1", "replica-2"] {
        assert!(sources.contains(replica), "{table}");
    }
}

#[test]
fn the_figures_agree_with_each_other_and_with_the_database() {
    let cluster = Cluster::start().unwrap();
    let load = Load::start(Some(&cluster), "--for 2s --readers 10 --json").ended();
    load.assert_success();
    let figures = load.figures();
    assert_sums(&figures);
    let written = |call: &str| kind(&figures, call)["answered"].as_u64().unwrap();
    let rows = |table: &str| -> u64 {
        let sql = format!("select count(*) from {table}");
        cluster
            .primary()
            .run_sql("app", &sql)
            .unwrap()
            .parse()
            .unwrap()
    };
    // Beside the samples: 3 posts and 3 comments, and a first post for the load itself.
    assert_eq!(rows("post"), 3 + 1 + written("Posts::publish"));
    assert_eq!(rows("comment"), 3 + written("Comments::add"));
    assert!(written("Comments::add") > 0, "{figures}");
    let pages = kind(&figures, "Posts::page_with_comments");
    assert!(
        pages["rows"].as_u64().unwrap() > pages["answered"].as_u64().unwrap(),
        "{pages}"
    );
}

#[test]
fn albums_are_read_from_the_cache_and_written_too() {
    let load = Load::start(None, "--model albums --for 2s --readers 10 --json").ended();
    load.assert_success();
    let figures = load.figures();
    assert_sums(&figures);
    let albums = kind(&figures, "Albums::by_id");
    assert!(albums["routes"]["l1"].as_u64().unwrap() > 0, "{albums}");
    assert!(
        albums["rows"].as_u64().unwrap() > albums["answered"].as_u64().unwrap(),
        "{albums}"
    );
    for write in ["Albums::create", "Albums::change"] {
        let write = kind(&figures, write);
        assert_eq!(write["routes"]["primary"], write["answered"], "{write}");
        assert!(write["answered"].as_u64().unwrap() > 0, "{write}");
    }
}

#[test]
fn an_open_loop_makes_the_calls_of_its_rate_or_says_how_many_it_could_not_begin() {
    let load = Load::start(None, "--rate 50 --for 2s --writers 0 --readers 10 --json").ended();
    load.assert_success();
    let figures = load.figures();
    assert_sums(&figures);
    let due = (figures["seconds"].as_f64().unwrap() * 50.0).ceil();
    let reads = figures["calls"].as_f64().unwrap();
    let not_begun = figures["not_begun"].as_f64().unwrap();
    assert!(reads + not_begun >= due, "{figures}");
    // Without a rate there would be hundreds; each reader may have had one in his hand at the end.
    assert!(reads <= due + 10.0, "{figures}");
    assert_eq!(kind(&figures, "Comments::add")["calls"], 0);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_started() {
    for (arguments, said) in [("--readers 0", "1..=1000"), ("--for 0s", "100ms..=1day")] {
        let load = Load::start(None, arguments).ended();
        assert_eq!(load.status.code(), Some(2), "{}", load.stderr);
        assert!(load.stderr.contains(said), "{}", load.stderr);
        assert_eq!(load.stdout, "");
    }
}

/// Every call has ended in one way, every answer came from one place, and the totals are the sums.
pub fn assert_sums(figures: &Value) {
    let number = |value: &Value| {
        value
            .as_u64()
            .unwrap_or_else(|| panic!("no number: {figures}"))
    };
    let kinds = figures["kinds"].as_array().unwrap();
    for kind in kinds {
        let (calls, answered, failed) = (&kind["calls"], &kind["answered"], &kind["failed"]);
        assert_eq!(number(calls), number(answered) + number(failed), "{kind}");
        let routes = kind["routes"].as_object().unwrap().values();
        assert_eq!(routes.map(number).sum::<u64>(), number(answered), "{kind}");
        let latency = &kind["latency_us"];
        assert_eq!(latency.is_null(), number(answered) == 0, "{kind}");
        if !latency.is_null() {
            let percentiles = ["p50", "p90", "p99", "max"].map(|name| number(&latency[name]));
            assert!(percentiles.is_sorted(), "{kind}");
        }
    }
    for total in ["calls", "answered", "failed"] {
        let sum: u64 = kinds.iter().map(|kind| number(&kind[total])).sum();
        assert_eq!(number(&figures[total]), sum, "{figures}");
    }
    let errors = figures["errors"].as_array().unwrap();
    let counted: u64 = errors.iter().map(|error| number(&error["count"])).sum();
    assert_eq!(counted, number(&figures["failed"]), "{figures}");
}
