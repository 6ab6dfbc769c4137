//! Fails over while the sessions work: promotes a replica, and brings the old primary back, first as what it was.
//!
//! 1. The one to be promoted may be cut off for a while, so that it lacks what is acknowledged then.
//! 2. The primary dies; or it does not, and from then on there are two.
//! 3. The replica is promoted. The third node stays with the old timeline for a while, then it follows.
//! 4. The old primary, if it died, comes back as a primary, and knows nothing.
//! 5. It is gone for good, and joins again as a replica of the new one.
//!
//! While roles change no other hand breaks a node; afterwards they go on with whoever is a replica then.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use diesel_manifold::Clock;
use fastrand::Rng;
use manifold_compose::Node;

use crate::World;
use crate::history::aftermath::Failover;
use crate::history::faults::{keep_the_log, set_delay};
use crate::history::nemesis::{Happened, Stage, between, expect, goes_on, node_at};
use crate::history::operation::dice;
use crate::history::plan::Plan;

/// How a hand fails over. Times are in milliseconds: at least, at most.
#[derive(Debug, Clone, Copy)]
pub struct Failovers {
    /// Each comes once before any comes again.
    pub ways: &'static [Way],
    /// What the one to be promoted has.
    pub heir: &'static [Heir],
    /// How long the third node is cut off before the others notice anything, if it is.
    pub third_cut: (u64, u64),
    /// How long the one to be promoted is cut off, if it is.
    pub cut: (u64, u64),
    /// Nobody takes writes for so long, after the primary died.
    pub nobody: (u64, u64),
    /// What the third node does meanwhile.
    pub third: &'static [Third],
    /// How long the third node stays with the old timeline.
    pub stays: (u64, u64),
    /// How long the old primary is away, if it died.
    pub away: (u64, u64),
    /// How long there are two.
    pub two: (u64, u64),
    /// Until the next one.
    pub rests: (u64, u64),
}

/// What becomes of the old primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It dies, and comes back later as a primary.
    Dies,
    /// It stays, and so do its connections.
    Stays,
}

/// What the node has that is promoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heir {
    /// All that it can have.
    Whole,
    /// It was cut off for a while.
    Cut,
}

/// What the third node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Third {
    /// It receives and replays what there is: often more than the one that is promoted.
    Keeps,
    /// It was cut off, too, and hears the rest of the old timeline from the new primary.
    Cut,
    /// The same, and it is late to replay that.
    Late,
}

/// How late: longer than it was cut off.
const LATE: &str = "900ms";

impl Failovers {
    /// What a full run goes through.
    pub const FULL: Self = Self {
        ways: &[Way::Dies, Way::Stays],
        heir: &[Heir::Whole, Heir::Cut],
        third_cut: (0, 150),
        cut: (0, 150),
        nobody: (0, 200),
        third: &[Third::Keeps, Third::Cut, Third::Late],
        stays: (0, 300),
        away: (0, 500),
        two: (50, 1500),
        rests: (300, 1500),
    };
}

impl Way {
    /// How it is called in a report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dies => "failover",
            Self::Stays => "split brain",
        }
    }
}

/// In a report: the old primary runs again as one.
pub const RETURNS: &str = "old primary returns";

/// Fails over as the plan says until nobody holds the other end of `stop`. When it returns the cluster is whole.
///
/// # Panics
///
/// If the cluster refuses.
pub fn work(
    (world, plan, seed, clock): (&World, &Plan, u64, &Clock),
    stage: &Stage,
    stop: &Receiver<()>,
) -> (Vec<Failover>, Vec<Happened>) {
    let (mut failovers, mut happened) = (Vec::new(), Vec::new());
    let Some(how) = plan.failovers else {
        return (failovers, happened);
    };
    let mut round = Round {
        world,
        clock,
        stage,
        stop,
        how,
        dice: dice(seed, "failover", 0),
    };
    let mut deck = Vec::new();
    while goes_on(stop, between(&mut round.dice, how.rests)) {
        if deck.is_empty() {
            deck = how.ways.to_vec();
            round.dice.shuffle(&mut deck);
        }
        let way = deck.pop().expect("there are ways");
        failovers.push(round.fail_over(way, &mut happened));
    }
    (failovers, happened)
}

/// What one round needs.
struct Round<'r> {
    world: &'r World,
    clock: &'r Clock,
    stage: &'r Stage,
    stop: &'r Receiver<()>,
    how: Failovers,
    dice: Rng,
}

impl Round<'_> {
    fn fail_over(&mut self, way: Way, happened: &mut Vec<Happened>) -> Failover {
        let (how, clock) = (self.how, self.clock);
        let mut cast = self.stage.write().expect("no hand panicked");
        let mut replicas = cast.replicas.clone();
        self.dice.shuffle(&mut replicas);
        let [heir, third] = replicas[..] else {
            panic!("a failover needs two replicas");
        };
        let at = |place| node_at(self.world, place);
        let (old, new, other) = (at(cast.primary), at(heir), at(third));
        let third_does = how.third[self.dice.usize(..how.third.len())];
        let has = how.heir[self.dice.usize(..how.heir.len())];

        let began = clock.now();
        if third_does != Third::Keeps {
            expect("cut", other.name(), other.cut_walreceiver());
            self.pass(how.third_cut);
        }
        // Not before: it would have the rest of what it received to replay before it asks for more.
        if third_does == Third::Late {
            expect("late", other.name(), set_delay(other, LATE));
        }
        if has == Heir::Cut {
            expect("cut", new.name(), new.cut_walreceiver());
            self.pass(how.cut);
        }
        if way == Way::Dies {
            expect("kill", old.name(), old.kill());
            self.pass(how.nobody);
        }
        let promoting = clock.now();
        expect("promote", new.name(), new.promote());
        let promoted = clock.now();
        let switch = frozen_position(new);
        self.pass(how.stays);
        follow(self.world, other, new);
        cast.primary = heir;
        cast.replicas = vec![third];
        drop(cast);

        let back = clock.now();
        if way == Way::Dies {
            self.pass(how.away);
            expect("start", old.name(), old.start());
        }
        self.pass(how.two);
        expect("kill", old.name(), old.kill());
        let over = clock.now();
        if way == Way::Dies {
            happened.push(told(RETURNS, old, back, over));
        }
        happened.push(told(way.name(), old, began, over));
        expect("rejoin", old.name(), old.rejoin(new));
        keep_the_log(self.world, old);
        let mut cast = self.stage.write().expect("no hand panicked");
        expect("be punctual", other.name(), set_delay(other, "0"));
        let whole = self.world.cluster().wait_replayed();
        expect("replay", "the replicas", whole);
        cast.replicas = replicas_of(self.world, heir);
        Failover {
            began,
            promoting,
            promoted,
            over,
            promotes: new.name().to_owned(),
            switch,
        }
    }

    fn pass(&mut self, lasts: (u64, u64)) {
        let lasts: Duration = between(&mut self.dice, lasts);
        goes_on(self.stop, lasts);
    }
}

/// Everybody but the primary, in the order of places: hands find the same ones by the same numbers.
fn replicas_of(world: &World, primary: usize) -> Vec<usize> {
    let places = 0..world.cluster().nodes().count();
    places.filter(|place| *place != primary).collect()
}

fn told(
    name: &'static str,
    node: &Node,
    start: diesel_manifold::Moment,
    end: diesel_manifold::Moment,
) -> Happened {
    Happened {
        name,
        node: node.name().to_owned(),
        start,
        end,
    }
}

/// How far a promoted node had replayed.
fn frozen_position(promoted: &Node) -> u64 {
    let sql = "select (pg_last_wal_replay_lsn() - '0/0')::bigint";
    let answer = promoted.run_sql("postgres", sql);
    let answer = answer.expect("the new primary answers");
    answer
        .trim()
        .parse()
        .expect("it was promoted, so it had replayed")
}

/// Has a replica follow the new primary. One that has received more of the old timeline than is left of it cannot,
/// and is made anew.
///
/// # Panics
///
/// If the cluster refuses.
pub fn follow(world: &World, replica: &Node, new: &Node) {
    // It must not receive any more while we look how much it has.
    expect("cut", replica.name(), replica.cut_walreceiver());
    let sql = format!(
        "select greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0' <= {}",
        frozen_position(new)
    );
    let can = replica
        .run_sql("postgres", &sql)
        .expect("a replica answers");
    if can.trim() == "t" {
        expect("follow", replica.name(), replica.follow(new));
    } else {
        expect("kill", replica.name(), replica.kill());
        expect("rejoin", replica.name(), replica.rejoin(new));
        keep_the_log(world, replica);
    }
}
