//! A user's session in Redis: what the store has forgotten, or cannot tell, is never "no floor".

use std::time::Duration;

use diesel_manifold::{
    Clock, Manifold, Policy, Reason, Repository, Role, Session, Settings, TokenStore, routes,
};
use manifold_tests::world::settings;
use manifold_tests::{Shop, World, log, until};

const TTL: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
/// Longer than what is stored as it is.
const LONG_KEY: [u8; 200] = [0xFF; 200];

/// A process: a shop, and the store.
struct Process {
    shop: Shop,
    store: TokenStore,
}

impl Process {
    async fn new(world: &World) -> Self {
        Self::with(world.manifold().await)
    }

    async fn configured(world: &World, settings: Settings, clock: &Clock) -> Self {
        let builder = world.builder().settings(settings).clock(clock.clone());
        Self::with(builder.connect().await.expect("a manifold"))
    }

    fn with(manifold: Manifold) -> Self {
        Self {
            store: manifold.token_store().expect("a store"),
            shop: Shop::new(manifold),
        }
    }

    /// The first title, as a session is shown it that comes from the store now.
    async fn shown(&self, key: impl AsRef<[u8]>) -> String {
        self.shown_by(&self.store.session(key).await).await
    }

    async fn shown_by(&self, session: &Session) -> String {
        let titles = self.shop.with_session(session).titles().await;
        titles.expect("titles").swap_remove(0)
    }

    /// The same of a cached answer.
    async fn shown_cached(&self, key: impl AsRef<[u8]>) -> String {
        let session = self.store.session(key).await;
        let album = self.shop.with_session(&session).by_id(1).await;
        album.expect("an answer").expect("an album").title.clone()
    }

    /// A request of the user that writes, up to where its token is saved.
    async fn rename(&self, key: impl AsRef<[u8]>, title: &str) -> Session {
        let session = self.store.session(key).await;
        let shop = self.shop.with_session(&session);
        shop.rename(1, title).await.expect("renamed");
        session
    }

    async fn rename_and_save(&self, key: impl AsRef<[u8]>, title: &str) {
        let session = self.rename(&key, title).await;
        self.store.save(&key, &session).await.expect("saved");
    }

    fn name(&self, key: &str) -> String {
        format!("mf:{}:{key}", self.shop.db().namespace())
    }

    /// Has a marker placed if there is none, and sees where the primary is, so that from now on nothing
    /// needs to be as of now.
    async fn placed(&self, world: &World) {
        let recent = self.shop.with(Policy::new().max_staleness(TTL));
        until("the marker is placed", async || {
            self.store.session("nobody").await;
            let marker: String = redis(world, "GET", &[&self.name("token-marker")]).await;
            let (_, seen) = routes(recent.titles()).await;
            !marker.ends_with('-') && seen[0].reason != Reason::NoSample
        })
        .await;
    }
}

/// A command to Redis, past the library.
async fn redis<T: redis::FromRedisValue>(world: &World, command: &str, words: &[&str]) -> T {
    let client = redis::Client::open(world.redis().url()).expect("a URL");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("Redis");
    let mut command = redis::cmd(command);
    for word in words {
        command.arg(*word);
    }
    command
        .query_async(&mut connection)
        .await
        .expect("an answer")
}

/// From now on replicas show what there is now.
fn hold_back(world: &World) {
    world.caught_up();
    for index in 0..2 {
        world.replica(index).pause_replay().expect("paused");
    }
}

/// Somebody writes, who is no user of the store.
fn write_past_it(world: &World, title: &str) {
    let update = format!("UPDATE album SET title = '{title}' WHERE id = 1");
    world.sql(world.primary(), &update);
}

#[tokio::test]
async fn a_user_sees_his_write_in_another_process_by_the_store_alone() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (Process::new(&world).await, Process::new(&world).await);
    one.placed(&world).await;
    other.placed(&world).await;
    hold_back(&world);
    // The other process holds an answer that nobody tells it is old.
    assert_eq!(other.shown_cached("user").await, "Kind of Blue");
    one.rename_and_save("user", "new").await;
    for _ in 0..3 {
        assert_eq!(other.shown("user").await, "new");
        assert_eq!(other.shown_cached("user").await, "new");
    }
    assert_eq!(other.shown("somebody else").await, "Kind of Blue");
}

#[tokio::test]
async fn keys_are_any_bytes_and_no_user_is_taken_for_another() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (Process::new(&world).await, Process::new(&world).await);
    one.placed(&world).await;
    other.placed(&world).await;
    hold_back(&world);
    let mut longer = LONG_KEY.to_vec();
    longer.push(0);
    let keys: [&[u8]; 6] = [b"", b"*", b"\xFF\0\r\n ", b"a:b", &LONG_KEY, &longer];
    for (n, key) in keys.iter().enumerate() {
        for later in &keys[n..] {
            assert_eq!(other.shown(later).await, "Kind of Blue");
        }
        let title = format!("title {n}");
        one.rename_and_save(key, &title).await;
        assert_eq!(other.shown(key).await, title);
    }
}

#[tokio::test]
async fn a_users_loads_do_not_go_back_in_another_process() {
    let Some(world) = World::alone() else { return };
    let only = async |index| {
        let builder = world.primary_only().redis(world.redis().url());
        let builder = builder.replica(world.url(world.replica(index)));
        Process::with(builder.connect().await.expect("a manifold"))
    };
    let (fresh, held_back) = (only(0).await, only(1).await);
    fresh.placed(&world).await;
    held_back.placed(&world).await;
    world.replica(1).pause_replay().unwrap();
    write_past_it(&world, "seen");
    until("the fresh replica shows it", async || {
        fresh.shown("somebody else").await == "seen"
    })
    .await;
    let session = fresh.store.session("user").await;
    assert_eq!(fresh.shown_by(&session).await, "seen");
    fresh.store.save("user", &session).await.unwrap();
    assert_eq!(held_back.shown("user").await, "seen");
    assert_eq!(held_back.shown("somebody else").await, "Kind of Blue");
}

#[tokio::test]
async fn whoever_saves_last_lowers_no_floor() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (Process::new(&world).await, Process::new(&world).await);
    one.placed(&world).await;
    other.placed(&world).await;
    let early = one.rename("user", "early").await;
    hold_back(&world);
    other.rename_and_save("user", "late").await;
    one.store.save("user", &early).await.unwrap();
    // Nor does one that knows of nothing.
    let new = one.shop.db().session();
    one.store.save("user", &new).await.unwrap();
    for process in [&one, &other] {
        assert_eq!(process.shown("user").await, "late");
        assert_eq!(process.shown("somebody else").await, "early");
    }
}

#[tokio::test]
async fn without_a_token_a_session_includes_what_was_acknowledged_a_ttl_ago_and_no_more() {
    let Some(world) = World::alone() else { return };
    let clock = Clock::new();
    let mut long = settings();
    // Nothing but the session's need makes an answer in memory old.
    long.cache.local_ttl = 10 * TTL;
    let process = Process::configured(&world, long, &clock).await;
    process.placed(&world).await;
    hold_back(&world);
    assert_eq!(process.shown_cached("user").await, "Kind of Blue");
    write_past_it(&world, "forgotten");
    clock.step(TTL - 10 * SECOND);
    assert_eq!(process.shown("user").await, "Kind of Blue");
    assert_eq!(process.shown_cached("user").await, "Kind of Blue");
    clock.step(10 * SECOND);
    assert_eq!(process.shown("user").await, "forgotten");
    assert_eq!(process.shown_cached("user").await, "forgotten");
}

#[tokio::test]
async fn with_a_token_a_session_includes_what_was_acknowledged_a_ttl_ago_too() {
    let Some(world) = World::alone() else { return };
    let clock = Clock::new();
    let process = Process::configured(&world, settings(), &clock).await;
    process.placed(&world).await;
    hold_back(&world);
    // As if its token's time were over, before a request saves that knows nothing of it.
    write_past_it(&world, "forgotten");
    let new = process.shop.db().session();
    process.store.save("user", &new).await.unwrap();
    assert_eq!(process.shown("user").await, "Kind of Blue");
    clock.step(TTL);
    assert_eq!(process.shown("user").await, "forgotten");
}

#[tokio::test]
async fn who_has_not_seen_the_primary_for_a_ttl_asks_it() {
    let Some(world) = World::alone() else { return };
    let clock = Clock::new();
    let mut seldom = settings();
    seldom.read.poll = 60 * TTL;
    let process = Process::configured(&world, seldom, &clock).await;
    process.placed(&world).await;
    hold_back(&world);
    write_past_it(&world, "forgotten");
    // Further than the pause between two polls would be looked at again.
    clock.step(2 * TTL);
    assert_eq!(process.shown("user").await, "forgotten");
}

#[tokio::test]
async fn a_process_that_keeps_tokens_for_less_is_trusted_for_less() {
    let Some(world) = World::alone() else { return };
    let clock = Clock::new();
    let mut short = settings();
    short.token_store.ttl = 10 * SECOND;
    let short = Process::configured(&world, short, &Clock::new()).await;
    short.placed(&world).await;
    let long = Process::configured(&world, settings(), &clock).await;
    long.placed(&world).await;
    hold_back(&world);
    write_past_it(&world, "forgotten");
    assert_eq!(long.shown("user").await, "Kind of Blue");
    clock.step(10 * SECOND);
    assert_eq!(long.shown("user").await, "forgotten");
}

#[tokio::test]
async fn what_was_flushed_away_is_in_every_session_and_nothing_later_is() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (Process::new(&world).await, Process::new(&world).await);
    one.placed(&world).await;
    other.placed(&world).await;
    hold_back(&world);
    one.rename_and_save("user", "flushed").await;
    world.redis().flush().unwrap();
    assert_eq!(other.shown("user").await, "flushed");
    // And so it stays, when it is known where the primary was.
    other.placed(&world).await;
    for process in [&one, &other] {
        assert_eq!(process.shown("user").await, "flushed");
        assert_eq!(process.shown("somebody else").await, "flushed");
    }
    for index in 0..2 {
        world.replica(index).resume_replay().unwrap();
    }
    hold_back(&world);
    write_past_it(&world, "later");
    assert_eq!(other.shown("user").await, "flushed", "it asks for no more");
}

#[tokio::test]
async fn a_redis_that_comes_back_with_old_data_has_forgotten() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (Process::new(&world).await, Process::new(&world).await);
    one.placed(&world).await;
    other.placed(&world).await;
    one.rename_and_save("user", "in its dump").await;
    let name = one.name("token:user");
    let in_its_dump: Vec<u8> = redis(&world, "GET", &[&name]).await;
    let _: String = redis(&world, "SAVE", &[]).await;
    hold_back(&world);
    one.rename_and_save("user", "behind it").await;
    world.redis().kill().unwrap();
    world.redis().start().unwrap();
    let now: Vec<u8> = redis(&world, "GET", &[&name]).await;
    assert_eq!(now, in_its_dump, "it has old data");
    assert_eq!(other.shown("user").await, "behind it");
    other.placed(&world).await;
    assert_eq!(other.shown("user").await, "behind it");
}

#[tokio::test]
async fn a_redis_that_may_not_be_written_to_is_not_believed_and_promoted_it_has_forgotten() {
    let Some(world) = World::alone() else { return };
    let (one, other) = (Process::new(&world).await, Process::new(&world).await);
    one.placed(&world).await;
    other.placed(&world).await;
    one.rename_and_save("user", "before").await;
    assert_eq!(other.shown("user").await, "before");
    hold_back(&world);
    // A replica of nobody: it goes on to answer with what it has.
    let _: String = redis(&world, "REPLICAOF", &["127.0.0.1", "1"]).await;
    write_past_it(&world, "saved elsewhere");
    assert_eq!(other.shown("user").await, "saved elsewhere");
    let session = other.store.session("user").await;
    assert!(other.store.save("user", &session).await.is_err());
    let _: String = redis(&world, "REPLICAOF", &["NO", "ONE"]).await;
    until("Redis is believed again", async || {
        let marker: String = redis(&world, "GET", &[&other.name("token-marker")]).await;
        let run: String = redis(&world, "INFO", &["replication"]).await;
        let run = run
            .lines()
            .find_map(|line| line.strip_prefix("master_replid:"));
        assert_eq!(other.shown("user").await, "saved elsewhere");
        marker.contains(run.unwrap()) && !marker.ends_with('-')
    })
    .await;
}

/// With as much time for Redis as a process has.
fn hurried() -> Settings {
    let mut hurried = settings();
    hurried.cache.operation_timeout = Duration::from_millis(100);
    hurried.cache.breaker_open = Duration::from_millis(50);
    hurried
}

/// Redis breaks; what a process cannot save it tries again, and what it cannot load is everything.
async fn breaks(breaks: impl Fn(&World), mends: impl Fn(&World)) {
    log::listen();
    let Some(world) = World::alone() else { return };
    let one = Process::configured(&world, hurried(), &Clock::new()).await;
    let other = Process::configured(&world, hurried(), &Clock::new()).await;
    one.placed(&world).await;
    other.placed(&world).await;
    one.rename_and_save("user", "before").await;
    let name = one.name("token:user");
    let before: Vec<u8> = redis(&world, "GET", &[&name]).await;
    hold_back(&world);
    breaks(&world);
    let session = one.rename("user", "unsaved").await;
    log::taken();
    let error = one.store.save("user", &session).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    for _ in 0..8 {
        // Until the breaker is open, and then, too.
        assert_eq!(other.shown("user").await, "unsaved");
        assert_eq!(other.shown("somebody else").await, "unsaved");
    }
    let told = log::taken();
    assert!(told.contains("the token store does not answer"), "{told}");
    mends(&world);
    until("its token is there", async || {
        assert_eq!(other.shown("user").await, "unsaved");
        let now: Option<Vec<u8>> = redis(&world, "GET", &[&name]).await;
        now.is_some_and(|now| now != before)
    })
    .await;
    other.placed(&world).await;
    assert_eq!(other.shown("user").await, "unsaved");
}

#[tokio::test]
async fn while_redis_is_killed_nothing_is_lost() {
    let start = |world: &World| world.redis().start().expect("started");
    breaks(|world| world.redis().kill().expect("killed"), start).await;
}

#[tokio::test]
async fn while_redis_is_frozen_nothing_is_lost() {
    let thaw = |world: &World| world.redis().thaw().expect("thawed");
    breaks(|world| world.redis().freeze().expect("frozen"), thaw).await;
}

#[tokio::test]
async fn a_token_that_was_not_acknowledged_is_saved_in_the_background() {
    let Some(world) = World::alone() else { return };
    let one = Process::configured(&world, hurried(), &Clock::new()).await;
    one.placed(&world).await;
    let name = one.name("token:user");
    let token = async || redis::<Option<Vec<u8>>>(&world, "GET", &[&name]).await;
    let session = one.rename("user", "new").await;
    world.redis().freeze().unwrap();
    assert!(one.store.save("user", &session).await.is_err());
    // Whatever was on the way to it before does not come any more.
    world.redis().kill().unwrap();
    world.redis().start().unwrap();
    until("it is there", async || token().await.is_some()).await;
    // When the manifold is shut down there is no later.
    world.redis().kill().unwrap();
    assert!(one.store.save("user", &session).await.is_err());
    assert_eq!(one.shown_by(&session).await, "new", "others run meanwhile");
    world.redis().start().unwrap();
    one.shop.db().shutdown().await;
    assert!(token().await.is_some());
}

#[tokio::test]
async fn what_redis_does_not_take_its_process_knows_until_it_does() {
    let Some(world) = World::alone() else { return };
    let mut patient = settings();
    patient.cache.breaker_failures = u32::MAX;
    let process = Process::configured(&world, patient, &Clock::new()).await;
    process.placed(&world).await;
    hold_back(&world);
    let limit = async |bytes: &str| {
        let _: String = redis(&world, "CONFIG", &["SET", "maxmemory", bytes]).await;
    };
    // No room: it answers who asks, and refuses who saves.
    limit("1").await;
    let session = process.rename("user", "new").await;
    let other = process.rename("user", "newer").await;
    for session in [&other, &session] {
        let error = process.store.save("user", session).await.unwrap_err();
        assert!(error.is_unreachable(), "{error}");
        assert_eq!(process.shown("user").await, "newer");
    }
    assert_eq!(process.shown("somebody else").await, "Kind of Blue");
    limit("0").await;
    until("it is saved", async || {
        assert_eq!(process.shown("user").await, "newer");
        redis::<i64>(&world, "EXISTS", &[&process.name("token:user")]).await == 1
    })
    .await;
    assert_eq!(process.shown("user").await, "newer");
}

#[tokio::test]
async fn something_else_under_a_key_hides_nothing_and_the_next_token_takes_its_place() {
    log::listen();
    let Some(world) = World::alone() else { return };
    let (one, other) = (Process::new(&world).await, Process::new(&world).await);
    one.placed(&world).await;
    other.placed(&world).await;
    hold_back(&world);
    one.rename_and_save("user", "hidden").await;
    let name = one.name("token:user");
    let _: String = redis(&world, "SET", &[&name, "no token"]).await;
    log::taken();
    assert_eq!(other.shown("user").await, "hidden");
    assert_eq!(other.shown("user").await, "hidden");
    let told = log::taken();
    let said = told.matches("in the place of a token").count();
    assert_eq!(said, 1, "{told}");
    // Even if the next that is saved knows of nothing.
    let new = one.shop.db().session();
    one.store.save("user", &new).await.unwrap();
    let token: Vec<u8> = redis(&world, "GET", &[&name]).await;
    assert_eq!(token.len(), 73);
    assert_eq!(other.shown("user").await, "hidden");
    assert_eq!(other.shown("somebody else").await, "Kind of Blue");
}

#[tokio::test]
async fn a_redis_that_evicts_is_not_believed_that_there_was_no_token() {
    log::listen();
    let Some(world) = World::alone() else { return };
    let set = async |name: &str, value: &str| {
        let _: String = redis(&world, "CONFIG", &["SET", name, value]).await;
    };
    let clock = Clock::new();
    let process = Process::configured(&world, settings(), &clock).await;
    process.placed(&world).await;
    hold_back(&world);
    process.rename_and_save("user", "evicted").await;
    let _: i64 = redis(&world, "DEL", &[&process.name("token:user")]).await;
    assert_eq!(process.shown("user").await, "Kind of Blue");
    // Its operator changes it while it runs.
    set("maxmemory", "100mb").await;
    set("maxmemory-policy", "volatile-lru").await;
    clock.step(10 * SECOND);
    log::taken();
    assert_eq!(process.shown("user").await, "evicted");
    assert_eq!(process.shown("user").await, "evicted");
    let told = log::taken();
    assert_eq!(told.matches("maxmemory-policy").count(), 1, "{told}");
    // A token that is there was not evicted.
    process.rename_and_save("other", "kept").await;
    write_past_it(&world, "later");
    assert_eq!(process.shown("other").await, "later", "the primary answers");
}

#[tokio::test]
async fn a_redis_that_does_not_say_what_it_is_is_not_believed_and_goes_on_to_cache() {
    let Some(world) = World::alone() else { return };
    let rules = ["SETUSER", "shop", "on", ">secret", "~*", "+@all", "-info"];
    let _: String = redis(&world, "ACL", &rules).await;
    let url = format!("redis://shop:secret@127.0.0.1:{}", world.redis().port());
    let builder = world.without_redis().redis(url);
    let process = Process::with(builder.connect().await.unwrap());
    hold_back(&world);
    write_past_it(&world, "new");
    for _ in 0..8 {
        assert_eq!(process.shown("user").await, "new");
    }
    process.shop.by_id(1).await.unwrap();
    let cache = process.shop.db().shared_cache().await.unwrap();
    let page = cache.page("", Default::default()).await.unwrap();
    assert_eq!(page.answers.len(), 1, "the breaker is closed");
}

#[tokio::test]
async fn when_no_node_tells_where_it_is_the_writes_are_saved_and_nothing_less_than_now() {
    let Some(world) = World::alone() else { return };
    let mut seldom = settings();
    seldom.read.poll = 60 * TTL;
    seldom.read.deadline = Duration::from_millis(300);
    let one = Process::configured(&world, seldom, &Clock::new()).await;
    let other = Process::new(&world).await;
    other.placed(&world).await;
    let session = one.rename("user", "new").await;
    assert_eq!(one.shown_by(&session).await, "new");
    let as_of_now = one.shop.db().session_as_of_now();
    for node in world.cluster().nodes() {
        node.freeze().expect("frozen");
    }
    let error = one.store.save("user", &session).await.unwrap_err();
    let none = one.store.save("nobody else", &as_of_now).await.unwrap_err();
    for node in world.cluster().nodes() {
        node.thaw().expect("thawed");
    }
    assert!(error.is_lagging() && none.is_lagging(), "{error} {none}");
    let there = async |key| redis::<i64>(&world, "EXISTS", &[&one.name(key)]).await;
    assert_eq!(
        (there("token:user").await, there("token:nobody else").await),
        (1, 0)
    );
    assert_eq!(other.shown("user").await, "new");
}

#[tokio::test]
async fn who_drops_all_cached_answers_drops_no_token() {
    let Some(world) = World::alone() else { return };
    let process = Process::new(&world).await;
    process.placed(&world).await;
    process.rename_and_save("user", "new").await;
    process.shown_cached("user").await;
    let keys = async || {
        let mut keys: Vec<String> = redis(&world, "KEYS", &["*token*"]).await;
        keys.sort();
        keys
    };
    let before = keys().await;
    assert_eq!(before.len(), 2, "{before:?}");
    let cache = process.shop.db().shared_cache().await.unwrap();
    assert_eq!(cache.clear_prefix("").await.unwrap(), 1);
    assert_eq!(keys().await, before);
}

#[tokio::test]
async fn a_store_that_could_not_keep_its_promise_is_the_configurations_fault() {
    let world = World::new();
    let error = async |settings: Option<Settings>| {
        let builder = match settings {
            Some(settings) => world.builder().settings(settings),
            None => world.without_redis(),
        };
        let manifold = builder.connect().await.expect("a manifold");
        let error = manifold.token_store().unwrap_err();
        assert!(error.is_configuration(), "{error}");
        error.to_string()
    };
    let text = error(None).await;
    assert!(text.contains("set REDIS_URL"), "{text}");
    for (ttl, history) in [(61, 60), (0, 60), (60, 59)] {
        let mut settings = settings();
        settings.token_store.ttl = Duration::from_secs(ttl);
        settings.read.history = Duration::from_secs(history);
        let text = error(Some(settings)).await;
        assert!(text.contains("token_store.ttl"), "{text}");
    }
}

#[tokio::test]
async fn who_lost_an_acknowledged_write_is_told_in_any_process_and_then_no_more() {
    let Some(world) = World::alone() else { return };
    let process = async || {
        let nodes = world.cluster().nodes();
        let builder = nodes.fold(Manifold::builder(), |builder, node| {
            builder.node(world.url(node))
        });
        let builder = builder.redis(world.redis().url()).settings(settings());
        Process::with(builder.connect().await.expect("a manifold"))
    };
    let (one, other) = (process().await, process().await);
    one.placed(&world).await;
    other.placed(&world).await;
    for replica in world.cluster().replicas() {
        replica.cut_walreceiver().unwrap();
    }
    one.rename_and_save("user", "lost").await;
    one.rename_and_save("another", "lost, too").await;
    world.primary().kill().unwrap();
    world.replica(0).promote().unwrap();
    until("the promoted one takes the writes", async || {
        let who = other.shop.who_writes().await;
        who.is_ok_and(|who| who.node == "replica-1")
    })
    .await;
    let told = async |key: &str| {
        let session = other.store.session(key).await;
        let shown = other.shop.with_session(&session).titles().await;
        (session, shown.err())
    };
    // As long as it is not saved that its user was told.
    for _ in 0..2 {
        let error = told("user").await.1.expect("it is told");
        assert!(error.is_write_lost(), "{error}");
    }
    assert!(told("somebody else").await.1.is_none());
    let (session, error) = told("user").await;
    assert!(error.expect("it is told").is_write_lost());
    assert_eq!(other.shown_by(&session).await, "Kind of Blue");
    other.store.save("user", &session).await.unwrap();
    for _ in 0..2 {
        let (_, error) = told("user").await;
        assert!(error.is_none(), "{error:?}");
    }
    // A session that wrote since, and knew of nothing.
    let new = other.shop.db().session();
    other
        .shop
        .with_session(&new)
        .rename(1, "after")
        .await
        .unwrap();
    other.store.save("another", &new).await.unwrap();
    let (session, error) = told("another").await;
    assert!(error.expect("it is told").is_write_lost());
    other.store.save("another", &session).await.unwrap();
    assert!(told("another").await.1.is_none());
    assert_eq!(other.shown("another").await, "after");
    // What the marker says of the old timeline keeps nobody from a replica of the new one.
    world.replica(1).follow(world.replica(0)).unwrap();
    until("a replica answers", async || {
        let session = other.store.session("nobody").await;
        let (_, seen) = routes(other.shop.with_session(&session).titles()).await;
        seen[0].role == Some(Role::Replica)
    })
    .await;
}
