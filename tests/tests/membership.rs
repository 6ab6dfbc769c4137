//! Nodes join and leave while the application runs, by hand or by the records of a name; and some answer only
//! the reads that ask for them.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel_manifold::{Consistency, Discovery, Endpoint, Manifold, Repository, Resolve, Resolving};
use manifold_compose::{Cluster, Node};
use manifold_tests::until::until;
use manifold_tests::world::settings;
use manifold_tests::{Shop, World};
use reports::Reports;

/// The nodes by their names, in the manifold's words.
fn names(shop: &Shop) -> Vec<String> {
    let nodes = shop.db().nodes();
    nodes.iter().map(|node| node.name.to_string()).collect()
}

/// Who answers a read of which anybody may be the one, in the server's words.
async fn anybody(shop: &Shop) -> String {
    shop.with(Consistency::Eventual).who().await.unwrap().node
}

#[tokio::test]
async fn a_node_that_joins_answers_reads_and_one_that_leaves_answers_none() {
    let world = World::new();
    let manifold = world.primary_only().connect().await.unwrap();
    let shop = Shop::new(manifold);
    assert_eq!(anybody(&shop).await, "primary");
    let replica = world.replica(0);
    let endpoint = Endpoint::direct(world.url(replica)).named("late");
    shop.db().add_node(endpoint).await.unwrap();
    assert_eq!(names(&shop), ["primary", "late"]);
    assert_eq!(anybody(&shop).await, "replica-1");
    shop.db()
        .add_node(world.url(world.replica(1)))
        .await
        .unwrap();
    assert_eq!(names(&shop), ["primary", "late", "node-3"]);
    shop.db().remove_node("late").await.unwrap();
    assert_eq!(names(&shop), ["primary", "node-3"]);
    for _ in 0..20 {
        assert_eq!(anybody(&shop).await, "replica-2");
    }
    until("its sessions are closed, the watcher's too", async || {
        world.sessions(replica) == 0
    })
    .await;
}

#[tokio::test]
async fn what_cannot_join_or_leave_is_told_so() {
    let world = World::new();
    let shop = world.shop().await;
    let another = Cluster::builder().replicas(0).redis(false).start().unwrap();
    let twice = Endpoint::direct(world.url(world.replica(0))).named("replica-1");
    let refused: [(Endpoint, &str); 3] = [
        (twice, "there is a node called `replica-1` already"),
        (another.primary().url().into(), "another database"),
        ("postgres://".into(), "the URL of the new node"),
    ];
    for (endpoint, why) in refused {
        let error = shop.db().add_node(endpoint).await.unwrap_err();
        assert!(error.is_configuration(), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    for (name, why) in [
        ("nobody", "no node called"),
        ("primary", "takes the writes"),
    ] {
        let error = shop.db().remove_node(name).await.unwrap_err();
        assert!(error.is_configuration(), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(names(&shop), ["primary", "replica-1", "replica-2"]);
    // It stays where it was, although another primary was asked who it is.
    assert_eq!(shop.who_writes().await.unwrap().node, "primary");
}

#[tokio::test]
async fn a_node_that_does_not_answer_joins_and_is_left_out_until_it_does() {
    let Some(world) = World::alone() else { return };
    let shop = Shop::new(world.primary_only().connect().await.unwrap());
    world.replica(0).kill().unwrap();
    shop.db()
        .add_node(world.url(world.replica(0)))
        .await
        .unwrap();
    assert!(!shop.db().nodes()[1].available);
    assert_eq!(anybody(&shop).await, "primary");
    world.replica(0).start().unwrap();
    until("it answers", async || anybody(&shop).await == "replica-1").await;
}

#[tokio::test]
async fn a_call_on_a_node_that_leaves_comes_to_its_end() {
    let world = World::new();
    let shop = Shop::new(world.primary_only().connect().await.unwrap());
    let endpoint = Endpoint::direct(world.url(world.replica(0))).named("leaving");
    shop.db().add_node(endpoint).await.unwrap();
    let reading = tokio::spawn({
        let shop = shop.with(Consistency::Eventual);
        async move { shop.sleep(0.5).await }
    });
    until("it reads", async || world.unfinished(world.replica(0)) == 1).await;
    shop.db().remove_node("leaving").await.unwrap();
    assert_eq!(world.unfinished(world.replica(0)), 0, "it was waited for");
    reading.await.unwrap().unwrap();
}

/// Holds 4 of what was promised: ten times in and out, under load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_times_in_and_out_under_load_no_call_fails() {
    let world = World::new();
    let shop = Shop::new(world.without_redis().connect().await.unwrap());
    let (done, calls) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let (shop, done, calls) = (shop.clone(), Arc::clone(&done), Arc::clone(&calls));
            tokio::spawn(async move {
                let session = shop.db().session();
                let own = Shop::new(shop.db().with_session(&session));
                while !done.load(Ordering::SeqCst) {
                    if worker == 0 {
                        own.rename(1, "in and out").await.expect("a write");
                    }
                    own.titles().await.expect("a read of a session");
                    shop.with(Consistency::Eventual)
                        .who()
                        .await
                        .expect("a read");
                    calls.fetch_add(2, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let so_far = || calls.load(Ordering::SeqCst);
    for _ in 0..10 {
        let before = so_far();
        shop.db().remove_node("replica-2").await.unwrap();
        until("calls went on without it", async || so_far() > before + 50).await;
        let before = so_far();
        let endpoint = Endpoint::direct(world.url(world.replica(1))).named("replica-2");
        shop.db().add_node(endpoint).await.unwrap();
        until("calls went on with it", async || so_far() > before + 50).await;
    }
    done.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.expect("no call failed");
    }
}

/// Records that a test changes.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Option<Vec<SocketAddr>>>>, Arc<AtomicUsize>);

impl Records {
    fn set(&self, nodes: &[&Node]) {
        let address = |node: &&Node| SocketAddr::from(([127, 0, 0, 1], node.port()));
        *self.0.lock().unwrap() = Some(nodes.iter().map(address).collect());
    }

    fn fail(&self) {
        *self.0.lock().unwrap() = None;
    }

    /// Waits until they were looked up twice more, so that what the first of these found is done.
    async fn looked_up(&self) {
        let before = self.1.load(Ordering::SeqCst);
        until("they were looked up", async || {
            self.1.load(Ordering::SeqCst) >= before + 2
        })
        .await;
    }
}

impl Resolve for Records {
    fn resolve<'a>(&'a self, host: &'a str, _: u16) -> Resolving<'a> {
        assert_eq!(host, "replicas.example");
        self.1.fetch_add(1, Ordering::SeqCst);
        let found = self.0.lock().unwrap().clone();
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }
}

#[tokio::test]
async fn nodes_are_added_and_removed_as_the_records_change() {
    let world = World::new();
    let records = Records::default();
    let (one, two) = (world.replica(0), world.replica(1));
    let called = |node: &Node| format!("127.0.0.1:{}", node.port());
    records.set(&[one]);
    let url = world.url(one).replace(&called(one), "replicas.example");
    let discovery = Discovery::dns(url)
        .resolver(records.clone())
        .every(Duration::from_millis(5));
    let builder = world.primary_only().discover(discovery);
    let shop = Shop::new(builder.connect().await.unwrap());
    assert_eq!(names(&shop), ["primary", &called(one)]);
    assert_eq!(anybody(&shop).await, "replica-1");
    records.set(&[one, two]);
    until("the second is found", async || names(&shop).len() == 3).await;
    records.set(&[two]);
    until("the first is gone", async || {
        names(&shop) == ["primary", &called(two)]
    })
    .await;
    assert_eq!(anybody(&shop).await, "replica-2");
    // No answer is no news, and neither is an empty one.
    for lose in [Records::fail, |records: &Records| records.set(&[])] {
        lose(&records);
        records.looked_up().await;
        assert_eq!(names(&shop), ["primary", &called(two)]);
    }
    // The primary is found by the records, too; it is in them as one more node.
    records.set(&[two, world.primary()]);
    until("the primary is found", async || names(&shop).len() == 3).await;
}

#[tokio::test]
async fn the_systems_resolver_finds_the_nodes_behind_a_name() {
    let world = World::new();
    let url = world.url(world.primary()).replace("127.0.0.1", "localhost");
    let builder = Manifold::builder()
        .settings(settings())
        .discover(Discovery::dns(url));
    let shop = Shop::new(builder.connect().await.unwrap());
    assert!(
        names(&shop)
            .iter()
            .any(|name| name.starts_with("127.0.0.1:")),
        "{:?}",
        names(&shop)
    );
    assert_eq!(shop.who_writes().await.unwrap().node, "primary");
}

mod reports {
    use diesel_manifold::Manifold;
    use diesel_manifold::prelude::*;

    /// Reads that one node is for.
    #[derive(Clone, diesel_manifold::Repository)]
    pub struct Reports {
        pub db: Manifold,
    }

    diesel::define_sql_function! { fn current_setting(name: diesel::sql_types::Text) -> Text; }

    /// Which node it is, and its time limit.
    type Session = (String, String);

    #[repository]
    impl Reports {
        #[read(tag = "analytics")]
        pub async fn tagged(&self, conn: &mut ReadConn<'_>) -> Result<Session> {
            self.untagged_on(conn).await
        }

        #[read]
        pub async fn untagged(&self, conn: &mut ReadConn<'_>) -> Result<Session> {
            let settings = (
                current_setting("cluster_name"),
                current_setting("statement_timeout"),
            );
            Ok(diesel::select(settings).get_result(conn).await?)
        }
    }
}

#[tokio::test]
async fn a_tagged_node_answers_the_reads_that_ask_for_it_and_no_other() {
    let world = World::new();
    let analytics = Endpoint::direct(world.url(world.replica(1)))
        .named("reports")
        .tag("analytics")
        .statement_timeout(Duration::from_secs(600));
    let builder = world
        .primary_only()
        .replica(world.url(world.replica(0)))
        .replica(analytics);
    let reports = Reports {
        db: builder.connect().await.unwrap(),
    };
    for _ in 0..20 {
        let tagged = reports.tagged().await.unwrap();
        assert_eq!(tagged, ("replica-2".to_owned(), "10min".to_owned()));
        let untagged = reports.untagged().await.unwrap();
        assert_eq!(untagged, ("replica-1".to_owned(), "30s".to_owned()));
    }
    // A session that was there goes elsewhere for what that node is not for, and sees no less.
    let session = reports.db.session();
    let own = reports.with_session(&session);
    own.tagged().await.unwrap();
    until("its reach is known", async || {
        own.untagged().await.unwrap().0 == "replica-1"
    })
    .await;
}

#[tokio::test]
async fn a_tag_that_no_node_has_counts_for_nothing() {
    let world = World::new();
    let builder = world.primary_only().replica(world.url(world.replica(0)));
    let reports = Reports {
        db: builder.connect().await.unwrap(),
    };
    assert_eq!(reports.tagged().await.unwrap().0, "replica-1");
}
