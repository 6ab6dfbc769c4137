//! A client posts, and in its next request reads what was before: with replicas that happens to whoever
//! reads without a session. Django's documentation of several databases warns of it, and leaves it there.

use anyhow::{Result, bail};
use diesel_manifold::tower::SessionLayer;
use diesel_manifold::{Balance, Consistency, Manifold, Settings};

use super::client::{Client, Instance, say};
use crate::http::{self, App};
use crate::servers::Servers;
use crate::setup;
use crate::store::Blogs;

/// Posts, each read once by the next request. Behind a replica that is held back the second is stale at
/// the latest; replicas that lag by themselves may need all of them, or show nothing.
const ROUNDS: u32 = 20;
/// The same with a session, read from both instances.
const ROUNDS_WITH_SESSION: u32 = 3;

/// Shows it. It fails if a read of a session is stale.
pub async fn command() -> Result<()> {
    let servers = Servers::find().await?;
    let outcome = show(&servers).await;
    drop(servers);
    outcome
}

async fn show(servers: &Servers) -> Result<()> {
    // Each replica has its turn, so nobody has to wait for the one that is held back.
    let mut settings = Settings::default();
    settings.balance = Balance::RoundRobin;
    let (one, other) = (
        servers.connect_with(settings.clone()).await?,
        servers.connect_with(settings).await?,
    );
    setup::prepare(servers, &one).await?;
    let blog = Blogs::new(one.clone()).create("Read after write").await?;
    servers.hold_back()?;
    say(if servers.are_embedded() {
        "replica-1 is held back: it replays nothing from now on."
    } else {
        "These servers are yours, so no replica is held back: what is stale here is their own lag."
    });
    let shown = match without_session(servers, &one, blog).await {
        Ok(last) => with_session(servers, [&one, &other], blog, last).await,
        Err(error) => Err(error),
    };
    one.shutdown().await;
    other.shutdown().await;
    shown
}

/// Gives the id of the last post.
async fn without_session(servers: &Servers, manifold: &Manifold, blog: i32) -> Result<i64> {
    say("\nWithout a session, `consistency = eventual`:");
    let eventual = manifold.with(Consistency::Eventual);
    let instance = Instance {
        name: "instance 1",
        router: http::router(App::new(eventual, servers.redis.is_some()), None),
    };
    let mut client = Client::default();
    let mut last = 0;
    for round in 1..=ROUNDS {
        let title = format!("post {round}");
        let id = client.publish(&instance, blog, &title).await?;
        let shown = client.finds(&instance, blog, last, &title).await?;
        // The other replica may lag by itself, for a moment; this is about the one that is held back.
        if !shown.found && (shown.route == "replica-1" || !servers.are_embedded()) {
            say("  The client has been told that its post is there, and does not see it.");
            return Ok(id);
        }
        last = id;
    }
    if servers.are_embedded() {
        bail!("the replica that is held back has answered none of {ROUNDS} reads");
    }
    say("  No read was stale: these replicas lag less than the next request takes to come.");
    Ok(last)
}

async fn with_session(
    servers: &Servers,
    manifolds: [&Manifold; 2],
    blog: i32,
    mut last: i64,
) -> Result<()> {
    say("\nWith a session in the client's cookies, through two instances:");
    let instance = |name, manifold: &Manifold| -> Result<Instance> {
        let app = App::new(manifold.clone(), servers.redis.is_some());
        let router = http::router(app, Some(SessionLayer::new(manifold)?));
        Ok(Instance { name, router })
    };
    let one = instance("instance 1", manifolds[0])?;
    let other = instance("instance 2", manifolds[1])?;
    let mut client = Client::default();
    for round in 1..=ROUNDS_WITH_SESSION {
        let title = format!("post {round} of a session");
        let id = client.publish(&one, blog, &title).await?;
        for instance in [&other, &one] {
            let shown = client.finds(instance, blog, last, &title).await?;
            if !shown.found {
                bail!("a session was not shown its own post by {}", instance.name);
            }
        }
        last = id;
    }
    say("  Each request shows what the client wrote, whichever instance and replica answer.");
    Ok(())
}
