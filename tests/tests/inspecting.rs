//! What a look into Redis shows, and what dropping an answer by hand promises.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use diesel_manifold::{Clock, Place, SharedCache, StoredAnswer, StoredName, routes};
use futures_util::FutureExt;
use manifold_tests::{Album, Shop, World, until};
use redis::aio::MultiplexedConnection;

/// Who answers `by_id(id)`.
async fn source(shop: &Shop, id: i32) -> String {
    let (answer, routes) = routes(shop.by_id(id)).await;
    answer.unwrap();
    routes.last().expect("one route").source.to_string()
}

/// All answers under `prefix`, however many pages they take.
async fn list(cache: &SharedCache<'_>, prefix: &str) -> Vec<StoredAnswer> {
    let (mut answers, mut place) = (Vec::new(), Some(Place::default()));
    while let Some(from) = place {
        let page = cache.page(prefix, from).await.unwrap();
        answers.extend(page.answers);
        place = page.next;
    }
    answers
}

fn names(answers: &[StoredAnswer]) -> BTreeSet<String> {
    answers.iter().map(|it| it.name.to_string()).collect()
}

async fn raw(world: &World) -> MultiplexedConnection {
    let client = redis::Client::open(world.redis().url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test]
async fn every_cached_answer_is_listed_once_by_its_readable_name() {
    let world = World::new();
    world.sql(
        world.primary(),
        "INSERT INTO album (title) SELECT 'number ' || n FROM generate_series(3, 350) n",
    );
    world.caught_up();
    let (shop, stranger) = (world.shop().await, world.sibling().shop().await);
    for id in 1..=350 {
        shop.by_id(id).await.unwrap();
    }
    shop.must_be(1).await.unwrap();
    stranger.by_id(2).await.unwrap();
    shop.rename(7, "dropped, and not loaded again")
        .await
        .unwrap();

    let cache = shop.db().shared_cache().await.unwrap();
    let all = list(&cache, "").await;
    let by_id = |id| format!("manifold_tests::shop::Shop::by_id({id}i32)");
    let mut expected: BTreeSet<_> = (1..=350).map(by_id).collect();
    assert!(expected.remove(&by_id(7)), "only its generation is left");
    expected.insert("manifold_tests::shop::Shop::must_be(1i32)".to_owned());
    assert_eq!(names(&all), expected);
    assert_eq!(all.len(), expected.len());

    let first = by_id(1);
    let listed = all.iter().find(|it| it.name.to_string() == first).unwrap();
    assert!(listed.time_left <= Duration::from_secs(120), "{listed:?}");
    assert!(listed.time_left > Duration::from_secs(60), "{listed:?}");
    // Twenty bytes of times, the id, and a title.
    assert!((20..80).contains(&listed.bytes), "{listed:?}");
    assert_eq!(listed.versions, 1);
    let name = StoredName::from(&Shop::by_id_key(&1));
    assert_eq!(
        cache.describe(&name).await.unwrap().unwrap().bytes,
        listed.bytes
    );
    let dropped = StoredName::from(&*by_id(7));
    assert_eq!(cache.describe(&dropped).await.unwrap(), None);

    let some = list(&cache, "manifold_tests::shop::Shop::by_id(35").await;
    assert_eq!(names(&some), BTreeSet::from([by_id(35), by_id(350)]));
    for pattern in ["*", "?anifold", "[m]anifold", "manifold_tests\\"] {
        assert_eq!(list(&cache, pattern).await, [], "{pattern} is no pattern");
    }
}

#[tokio::test]
async fn what_somebody_else_wrote_into_our_names_neither_fails_nor_steers_a_terminal() {
    let world = World::new();
    let shop = world.shop().await;
    shop.by_id(1).await.unwrap();
    let mut redis = raw(&world).await;
    let prefix = format!("mf:{}:", shop.db().namespace());
    let key = |name: &[u8]| [prefix.as_bytes(), name].concat();
    // Our entry of album 1, under names that are none of ours.
    let ours = key(b"manifold_tests::shop::Shop::by_id(1i32)");
    let hostile: [&[u8]; 4] = [
        b"\x1b[2J\x07\r\n",
        b"\xff\xfe\x00",
        "\u{202e}x".as_bytes(),
        b"",
    ];
    for name in hostile {
        redis::cmd("COPY")
            .arg(&ours)
            .arg(key(name))
            .query_async::<()>(&mut redis)
            .await
            .unwrap();
    }
    redis::cmd("SET")
        .arg(key(b"a string"))
        .arg("x")
        .query_async::<()>(&mut redis)
        .await
        .unwrap();
    let mut fields = redis::cmd("HSET");
    fields.arg(key(b"many fields"));
    for field in 0..1000 {
        fields.arg(format!("v:{field}")).arg("x");
    }
    fields.query_async::<()>(&mut redis).await.unwrap();
    for (name, value) in [
        (&b"torn"[..], &b"MF\x01"[..]),
        (b"later version", &[b'M'; 60]),
    ] {
        let mut entry = redis::cmd("HSET");
        entry.arg(key(name)).arg("v:0000000000000000").arg(value);
        entry.query_async::<()>(&mut redis).await.unwrap();
    }

    let cache = shop.db().shared_cache().await.unwrap();
    let listed = list(&cache, "").await;
    let shown = names(&listed);
    assert_eq!(listed.len(), 1 + hostile.len(), "{shown:?}");
    assert!(
        !shown.iter().any(|name| name.contains(char::is_control)),
        "{shown:?}"
    );
    assert!(shown.contains(r"\xff\xfe\0"), "{shown:?}");
    let string = StoredName::from("a string");
    assert_eq!(cache.describe(&string).await.unwrap(), None);
    // A name can be asked for and cleared as it was found.
    for answer in &listed {
        assert!(cache.describe(&answer.name).await.unwrap().is_some());
    }
    let all: Vec<_> = listed.into_iter().map(|answer| answer.name).collect();
    assert_eq!(cache.clear(&all).await.unwrap(), 5);
    assert_eq!(list(&cache, "").await, []);
    cache.clear_prefix("").await.unwrap();
    let kept: String = redis::cmd("GET")
        .arg(key(b"a string"))
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(kept, "x", "what is no hash is not ours");
}

#[tokio::test]
async fn peeking_shows_the_value_and_fills_nothing() {
    let world = World::new();
    let clock = Clock::new();
    let (one, other) = (world.shop().await, world.shop_at(&clock).await);
    let cache = other.db().shared_cache().await.unwrap();
    let peek = async || {
        cache
            .peek::<Option<Arc<Album>>>(&Shop::by_id_key(&1))
            .await
            .unwrap()
    };
    assert_eq!(peek().await, None);
    assert!(
        source(&one, 1).await.starts_with("replica-"),
        "peeking has loaded nothing"
    );
    assert_eq!(peek().await.flatten().unwrap().title, "Kind of Blue");
    let another_type = cache.peek::<String>(&Shop::by_id_key(&1)).await.unwrap();
    assert_eq!(another_type, None);
    assert_eq!(
        source(&other, 1).await,
        "l2",
        "nor filled this process's L1"
    );

    clock.step(Duration::from_secs(121));
    assert_eq!(peek().await, None, "its time is over");
    assert_eq!(list(&cache, "").await, [], "and it is not listed");
}

#[tokio::test]
async fn clearing_wins_against_a_load_that_is_under_way_in_another_process() {
    let world = World::new();
    let (slow, operator, late) = (world.shop().await, world.shop().await, world.shop().await);
    let cache = operator.db().shared_cache().await.unwrap();
    let name = StoredName::from(&Shop::by_id_key(&1));
    slow.close_door().await;
    let loading = tokio::spawn({
        let shop = slow.clone();
        async move { shop.by_id(1).await.unwrap() }
    });
    until("the row was read", async || slow.loads() == 1).await;
    assert_eq!(cache.clear(std::slice::from_ref(&name)).await.unwrap(), 0);
    slow.open_door();
    loading.await.unwrap();
    assert_eq!(
        cache.describe(&name).await.unwrap(),
        None,
        "it was not stored"
    );
    assert!(source(&late, 1).await.starts_with("replica-"));
}

#[tokio::test]
async fn clearing_wins_against_a_load_that_is_under_way_in_this_process() {
    let world = World::new();
    let shop = world.shop().await;
    let cache = shop.db().shared_cache().await.unwrap();
    shop.close_door().await;
    let loading = tokio::spawn({
        let shop = shop.clone();
        async move { shop.by_id(1).await.unwrap() }
    });
    until("the row was read", async || shop.loads() == 1).await;
    assert_eq!(cache.clear_prefix("").await.unwrap(), 0);
    shop.open_door();
    loading.await.unwrap();
    assert_ne!(source(&shop, 1).await, "l1", "it was not kept");
}

#[tokio::test]
async fn what_comes_into_l1_while_redis_is_cleared_does_not_stay_there() {
    let Some(world) = World::alone() else { return };
    let mut settings = manifold_tests::world::settings();
    settings.cache.operation_timeout = Duration::from_millis(50);
    let shop = Shop::new(world.builder().settings(settings).connect().await.unwrap());
    let cache = shop.db().shared_cache().await.unwrap();
    world.redis().freeze().unwrap();
    let names = [StoredName::from(&Shop::by_id_key(&1))];
    let mut clearing = Box::pin(cache.clear(&names));
    assert!((&mut clearing).now_or_never().is_none());
    assert!(source(&shop, 1).await.starts_with("replica-"));
    assert_eq!(source(&shop, 1).await, "l1");
    world.redis().thaw().unwrap();
    // On a slow machine it has failed by now, and the promise is the same.
    let _ = clearing.await;
    assert_ne!(source(&shop, 1).await, "l1");
}

#[tokio::test]
async fn clearing_empties_this_process_and_another_ones_l1_for_no_longer_than_it_says() {
    let world = World::new();
    let clock = Clock::new();
    let here = world.shop().await;
    let there = world.shop_at(&clock).await;
    for id in [1, 2] {
        source(&here, id).await;
        source(&there, id).await;
    }
    let cache = here.db().shared_cache().await.unwrap();
    let names = [1, 3].map(|id| StoredName::from(&Shop::by_id_key(&id)));
    assert_eq!(
        cache.clear(&names).await.unwrap(),
        1,
        "there is no answer 3"
    );
    assert!(source(&here, 1).await.starts_with("replica-"));
    assert_eq!(
        source(&here, 2).await,
        "l2",
        "L1 was emptied, and Redis kept the other"
    );

    assert_eq!(cache.clear_prefix("").await.unwrap(), 2);
    assert_eq!(
        source(&there, 1).await,
        "l1",
        "another process was not told"
    );
    clock.step(Duration::from_secs(10));
    assert!(source(&there, 1).await.starts_with("replica-"));
    assert!(source(&here, 2).await.starts_with("replica-"));
}

#[tokio::test]
async fn clearing_all_is_clearing_ones_own() {
    let world = World::new();
    let (here, there) = (world.shop().await, world.sibling().shop().await);
    source(&here, 1).await;
    source(&there, 1).await;
    let cache = here.db().shared_cache().await.unwrap();
    assert_eq!(cache.clear_prefix("").await.unwrap(), 1);
    let theirs = there.db().shared_cache().await.unwrap();
    assert_eq!(list(&theirs, "").await.len(), 1);
}

#[tokio::test]
async fn without_a_redis_that_answers_the_error_says_what_to_do() {
    let Some(world) = World::alone() else { return };
    let without = world.without_redis().connect().await.unwrap();
    let error = without.shared_cache().await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(error.to_string().contains("REDIS_URL"), "{error}");

    let shop = world.shop().await;
    let cache = shop.db().shared_cache().await.unwrap();
    world.redis().freeze().unwrap();
    let error = cache.page("", Place::default()).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert!(error.to_string().contains("within 2s"), "{error}");
    world.redis().thaw().unwrap();
    assert_eq!(list(&cache, "").await, [], "the connection goes on");

    world.redis().kill().unwrap();
    let error = cache.clear_prefix("").await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    let error = shop.db().shared_cache().await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    let address = format!("127.0.0.1:{}", world.redis().port());
    assert!(error.to_string().contains(&address), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_user_who_may_not_look_is_the_configurations_fault() {
    let Some(world) = World::alone() else { return };
    let mut redis = raw(&world).await;
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER")
        .arg("clerk")
        .arg("on")
        .arg(">clerk")
        .arg("~*")
        .arg("+@all")
        .arg("-scan");
    user.query_async::<()>(&mut redis).await.unwrap();
    let url = world.redis().url().replacen("//", "//clerk:clerk@", 1);
    let manifold = world.without_redis().redis(url).connect().await.unwrap();
    let cache = manifold.shared_cache().await.unwrap();
    let error = cache.page("", Place::default()).await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    let url = world.redis().url().replacen("//", "//clerk:wrong@", 1);
    let manifold = world.without_redis().redis(url).connect().await.unwrap();
    let error = manifold.shared_cache().await.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(!error.to_string().contains("wrong"), "{error}");
}

#[tokio::test]
async fn a_look_that_is_dropped_leaves_the_next_one_alone() {
    let Some(world) = World::alone() else { return };
    let shop = world.shop().await;
    source(&shop, 1).await;
    let cache = shop.db().shared_cache().await.unwrap();
    let name = StoredName::from(&Shop::by_id_key(&1));
    world.redis().freeze().unwrap();
    // Each is dropped while Redis hangs.
    assert!(shop.db().shared_cache().now_or_never().is_none());
    assert!(cache.page("", Place::default()).now_or_never().is_none());
    assert!(cache.describe(&name).now_or_never().is_none());
    let key = Shop::by_id_key(&1);
    assert!(
        cache
            .peek::<Option<Arc<Album>>>(&key)
            .now_or_never()
            .is_none()
    );
    assert!(
        cache
            .clear(std::slice::from_ref(&name))
            .now_or_never()
            .is_none()
    );
    assert!(cache.clear_prefix("").now_or_never().is_none());
    world.redis().thaw().unwrap();
    assert_eq!(cache.describe(&name).await.unwrap().unwrap().name, name);
    assert_eq!(cache.clear_prefix("").await.unwrap(), 1);
    assert!(source(&shop, 1).await.starts_with("replica-"));
}
