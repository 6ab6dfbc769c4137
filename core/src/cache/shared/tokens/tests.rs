//! The scripts, on a real Redis.

use manifold_compose::Cluster;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::cache::shared::link::Link;
use crate::terms::clock::Clock;
use crate::terms::floors::tests::floors;
use crate::terms::floors::{Floors, Sequence, Written};
use crate::terms::namespace::Namespace;
use crate::terms::position::Position;
use crate::terms::settings::CacheSettings;
use crate::terms::token::{heard, said, said_written};

const SYSTEM: i64 = -2;
/// Whose numbers the saving process knows.
const EPOCH: u64 = 7;
const TTL: Duration = Duration::from_secs(60);

struct Store {
    shared: Shared,
    link: Link,
    _cluster: Cluster,
}

impl Store {
    async fn new() -> Self {
        let cluster = Cluster::builder().replicas(0).redis(true).start();
        let cluster = cluster.expect("a Redis");
        let url = cluster.redis().expect("a Redis").url();
        let settings = CacheSettings {
            operation_timeout: Duration::from_secs(5),
            ..CacheSettings::default()
        };
        let shared = Shared::new(&url, settings, Clock::new()).expect("a URL");
        let namespace = Namespace::new(SYSTEM, "shop", "public", "");
        shared.open(namespace).await.expect("Redis answers");
        Self {
            shared,
            link: Link::new(&url).expect("a URL"),
            _cluster: cluster,
        }
    }

    async fn save(&self, floors: &Floors, replace: bool) -> bool {
        self.save_as(&saved(floors), replace).await
    }

    async fn save_as(&self, saved: &Saved, replace: bool) -> bool {
        let saving = self.shared.save(b"user", saved, replace);
        saving.await.expect("Redis answers")
    }

    async fn look(&self) -> Found {
        self.shared.look(b"user", TTL).await.expect("Redis answers")
    }

    async fn floors(&self) -> Floors {
        let token = self.look().await.token.expect("a token");
        heard(SYSTEM, &token).expect("one of ours")
    }

    /// Runs a command about the user's token, past the store.
    async fn run<T: redis::FromRedisValue>(&self, command: &str, arguments: &[&[u8]]) -> T {
        let name = self.shared.token_name(b"user").expect("a name");
        self.command(command, &name, arguments).await
    }

    async fn command<T: redis::FromRedisValue>(
        &self,
        command: &str,
        name: &[u8],
        arguments: &[&[u8]],
    ) -> T {
        let mut command = redis::cmd(command);
        command.arg(name).arg(arguments);
        let asked = async |mut connection| command.query_async(&mut connection).await;
        self.link.run(asked).await.expect("Redis answers")
    }
}

fn saved(floors: &Floors) -> Saved {
    Saved {
        said: said(SYSTEM, floors),
        epoch: EPOCH,
        ttl: TTL,
        recalled: said_written(None).to_vec(),
    }
}

#[test]
fn a_save_merges_as_a_session_does() {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("a runtime");
    let store = runtime.block_on(Store::new());
    let check = |(old, new, recalled): (Floors, Floors, Option<Written>)| {
        let recalled = recalled.map(|it| {
            if it.before.lsn() % 2 == 0 {
                it
            } else {
                old.written.unwrap_or(it)
            }
        });
        let merged = runtime.block_on(async {
            store.run::<i64>("DEL", &[]).await;
            assert!(store.save(&old, false).await);
            let new = Saved {
                recalled: said_written(recalled).to_vec(),
                ..saved(&new)
            };
            assert!(store.save_as(&new, false).await);
            store.floors().await
        });
        let mut expected = new;
        expected.merge(&old, EPOCH);
        if let Some(recalled) = old.written.filter(|&written| Some(written) == recalled) {
            expected.written = new.written;
            expected.saw(recalled.after);
        }
        prop_assert_eq!(merged, expected);
        Ok(())
    };
    // Floors often have the epoch that is known, and positions often differ in one byte only.
    let config = ProptestConfig::with_cases(2000);
    let outcome = TestRunner::new(config).run(
        &(floors(), floors(), floors().prop_map(|it| it.written)),
        check,
    );
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[tokio::test]
async fn positions_are_compared_in_all_their_64_bits() {
    let store = Store::new().await;
    // A double holds neither of the two apart; a locale may sort `a` before `B`.
    let near = [
        u64::MAX - 1,
        u64::MAX,
        u64::from(b'B'),
        u64::from(b'a'),
        1 << 63,
    ];
    for one in near {
        for other in near {
            store.run::<i64>("DEL", &[]).await;
            for lsn in [one, other] {
                let floors = Floors {
                    seen: Some(Position::new(1, lsn)),
                    sequence: Some(Sequence {
                        epoch: EPOCH,
                        number: lsn,
                    }),
                    ..Floors::default()
                };
                assert!(store.save(&floors, false).await);
            }
            let found = store.floors().await;
            let most = one.max(other);
            assert_eq!(found.seen, Some(Position::new(1, most)), "{one} {other}");
            assert_eq!(found.sequence.map(|it| it.number), Some(most));
        }
    }
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_told_and_replaced_only_by_who_knows_it() {
    let store = Store::new().await;
    let mine = Floors {
        seen: Some(Position::new(1, 100)),
        ..Floors::default()
    };
    let mut later_version = said(SYSTEM, &mine);
    later_version[0] += 1;
    let other_cluster = said(SYSTEM + 1, &mine);
    let torn = &said(SYSTEM, &mine)[1..];
    let long = [&said(SYSTEM, &mine)[..], b"x"].concat();
    let foreign: [&[u8]; 6] = [b"", b"x", torn, &long, &later_version, &other_cluster];
    for foreign in foreign {
        store.run::<String>("SET", &[foreign]).await;
        let there = store.look().await.token.expect("something");
        assert!(heard(SYSTEM, &there).is_err(), "{foreign:?}");
        assert!(!store.save(&mine, false).await, "{foreign:?}");
        assert_eq!(store.run::<Vec<u8>>("GET", &[]).await, foreign);
        assert!(store.save(&mine, true).await);
        assert_eq!(store.floors().await, mine);
    }
    // Nor is it an error that would make Redis look broken.
    store.run::<i64>("DEL", &[]).await;
    store.run::<i64>("HSET", &[b"v:1", b"x"]).await;
    assert_eq!(store.look().await.token.as_deref(), Some(&b""[..]));
    assert!(!store.save(&mine, false).await);
    assert!(store.save(&mine, true).await);
    assert_eq!(store.floors().await, mine);
}

#[tokio::test]
async fn a_token_is_kept_longer_than_any_process_looks_back() {
    let store = Store::new().await;
    store.save(&Floors::default(), false).await;
    let kept = async || store.run::<u64>("PTTL", &[]).await;
    let (least, most) = (60_000 * 9 / 8, 60_000 * 9 / 8 + 1000);
    let without_marker = kept().await;
    assert!((least..=most).contains(&without_marker), "{without_marker}");
    // A process with a shorter time keeps it for as long as the one that has begun the marker.
    assert_eq!(store.look().await.marker.ttl, TTL);
    let short = Duration::from_millis(10);
    let short = Saved {
        ttl: short,
        ..saved(&Floors::default())
    };
    assert!(store.save_as(&short, false).await);
    assert!((least..=most).contains(&kept().await));
}

#[tokio::test]
async fn a_marker_is_placed_only_by_who_has_seen_it_and_lasts() {
    let store = Store::new().await;
    let first = store.look().await.marker;
    assert_eq!(first.position, None);
    assert_eq!(store.look().await.marker, first, "it is begun once");
    // The store forgets between the look and the placing.
    let name = store.shared.marker_name().expect("a name");
    store.command::<i64>("DEL", &name, &[]).await;
    let at = |lsn| first.placed(Position::new(1, lsn), TTL);
    assert!(!store.shared.place(&first, &at(1)).await.expect("told"));
    let second = store.look().await.marker;
    assert_ne!(second.text, first.text);
    assert!(!store.shared.place(&first, &at(1)).await.expect("told"));
    let text = second.placed(Position::new(1, 2), TTL);
    assert!(store.shared.place(&second, &text).await.expect("told"));
    assert!(!store.shared.place(&second, &at(3)).await.expect("told"));
    assert_eq!(store.look().await.marker, Marker::parse(&text));
    assert_eq!(store.command::<i64>("PTTL", &name, &[]).await, -1);
    // Something else in its place is replaced.
    store.command::<i64>("DEL", &name, &[]).await;
    store.command::<i64>("LPUSH", &name, &[b"x"]).await;
    assert_eq!(store.look().await.marker.position, None);
}

#[test]
fn a_server_without_a_limit_evicts_nothing_whatever_its_policy() {
    let told = |limit, policy| {
        format!(
            "# Server\r\nrun_id:ab\r\nrole:master\r\nmaster_replid:cd\r\nmaxmemory:{limit}\r\nmaxmemory_policy:{policy}\r\n"
        )
    };
    let evicts = |told: &str| Facts::parse(told).expect("facts").evicts;
    assert!(!evicts(&told("0", "allkeys-lru")));
    assert!(!evicts(&told("1048576", "noeviction")));
    assert!(evicts(&told("1048576", "allkeys-lru")));
    assert!(evicts(&told("1048576", "volatile-ttl")));
    assert!(evicts("run_id:ab\r\nrole:master\r\n"), "it does not say");
    assert_eq!(Facts::parse(&told("0", "x")).expect("facts").run, "ab/cd");
    for told in [
        "role:master\r\n",
        "run_id:ab\r\n",
        "run_id:ab\r\nrole:slave\r\n",
    ] {
        assert!(Facts::parse(told).is_err(), "{told}");
    }
}
