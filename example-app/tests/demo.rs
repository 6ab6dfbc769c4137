//! `demo stale-read`: what it shows is what happens.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has said what it has to say, in its helpers as well"
)]
// Its other users need more of them.
#![expect(dead_code, reason = "this test asks nothing over HTTP by itself")]

#[path = "support/app.rs"]
mod app;
#[path = "support/program.rs"]
mod program;

use app::environment;
use manifold_compose::Cluster;
use program::run;

const STALE: &str = "nothing: STALE";

#[test]
fn a_replica_that_is_held_back_shows_what_was_before_but_never_to_a_session() {
    let ended = run(&["demo", "stale-read"], &[]);
    let said = &ended.stdout;
    assert!(ended.status.success(), "{said}\n{}", ended.stderr);
    let (without, with) = said.split_once("With a session").expect("both parts");
    let stale = without.lines().rfind(|line| line.ends_with(STALE));
    assert!(
        stale.is_some_and(|line| line.contains("replica-1")),
        "{said}"
    );
    assert!(!with.contains(STALE), "{said}");
    for round in 1..=3 {
        let title = format!("  post {round} of a session");
        let lines: Vec<_> = with.lines().filter(|line| line.ends_with(&title)).collect();
        let [post, there, here] = lines[..] else {
            panic!("{said}")
        };
        assert!(
            post.contains("instance 1  POST") && post.contains("primary"),
            "{post}"
        );
        assert!(there.contains("instance 2  GET"), "{there}");
        assert!(here.contains("instance 1  GET"), "{here}");
        for read in [there, here] {
            assert!(!read.contains("replica-1"), "it is held back: {read}");
        }
    }
}

#[test]
fn on_servers_of_ones_own_it_holds_no_replica_back_and_says_so() {
    let cluster = Cluster::start().unwrap();
    let ended = run(&["demo", "stale-read"], &environment(&cluster));
    assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.contains("no replica is held back"),
        "{}",
        ended.stdout
    );
    let (_, with) = ended
        .stdout
        .split_once("With a session")
        .expect("both parts");
    assert!(!with.contains(STALE), "{}", ended.stdout);
    for replica in cluster.replicas() {
        let paused = replica
            .run_sql("app", "SELECT pg_is_wal_replay_paused()")
            .unwrap();
        assert_eq!(paused, "f");
    }
}

#[test]
fn without_a_key_nothing_is_served_or_shown_and_it_says_how_to_make_one() {
    let cluster = Cluster::start().unwrap();
    let mut environment = environment(&cluster);
    environment.retain(|(name, _)| name != "MANIFOLD_TOKEN_KEY");
    for command in [&["demo", "stale-read"][..], &["--listen", "127.0.0.1:0"]] {
        let ended = run(command, &environment);
        assert!(!ended.status.success());
        assert!(
            ended.stderr.contains("MANIFOLD_TOKEN_KEY"),
            "{}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains("openssl rand -base64 32"),
            "{}",
            ended.stderr
        );
    }
}
