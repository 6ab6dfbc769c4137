//! An outage under load: the primary is killed while writers and readers are at work, a replica is promoted, and what
//! they notice of it is measured. One manifold, with the settings that it is given; nobody tells it anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use diesel_manifold::{Clock, Error, Manifold, Moment, Session};
use manifold_compose::Node;

use crate::history::aftermath::counted;
use crate::history::failover::follow;
use crate::history::register::{self, Register};
use crate::{World, until};

/// Who is at work meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Sessions that write, and read back what they wrote.
    pub writers: usize,
    /// Sessions that only read.
    pub readers: usize,
    /// The replica that is promoted was cut off for so long when the primary dies: what is acknowledged meanwhile is
    /// lost.
    pub behind: Duration,
}

/// Writes that each writer has acknowledged before the primary dies, and again before it is over.
const ROUND_OF_WRITES: usize = 20;

/// What was noticed.
#[derive(Debug, Clone, Default)]
pub struct Noticed {
    /// From the primary's death until the promotion was asked for, and until PostgreSQL said that it was done.
    pub promotion: (Duration, Duration),
    /// From the end of the promotion to the first acknowledgement of a write that began after the primary's death.
    pub first_write: Duration,
    /// The same for the last of the writers.
    pub last_writer: Duration,
    /// Reads that were answered.
    pub reads: usize,
    /// Reads that failed; being told of a loss is no failure.
    pub failed_reads: Vec<String>,
    /// The longest read of all.
    pub longest_read: Duration,
    /// Writes that were acknowledged.
    pub acknowledged: usize,
    /// Writes that failed. Nothing of them is there, or their caller was told that nobody knows.
    pub failed_writes: usize,
    /// Acknowledged writes that are lost.
    pub lost: usize,
    /// Sessions with such a write.
    pub holders: usize,
    /// Of those, the ones that were told.
    pub told: usize,
    /// Sessions that were told although nothing of theirs is lost: that it may be.
    pub told_in_vain: usize,
}

/// What one session did.
#[derive(Debug, Default)]
struct Diary {
    /// Acknowledged numbers, and when the call began and ended.
    acknowledged: Vec<(i64, Moment, Moment)>,
    failed_writes: usize,
    reads: usize,
    failed_reads: Vec<String>,
    longest_read: Duration,
    was_told: bool,
}

/// Kills the primary under load, promotes a replica, and waits until all writers write again. Then the cluster is made
/// whole again, so that roles may go round.
///
/// # Panics
///
/// If the cluster refuses, or a writer writes no more.
pub async fn run(world: &World, manifold: &Manifold, load: Load) -> Noticed {
    let clock = Clock::new();
    let stop = Arc::new(AtomicBool::new(false));
    let written: Arc<[AtomicUsize]> = (0..load.writers).map(|_| AtomicUsize::new(0)).collect();
    let worker = |row: Option<usize>| Worker {
        register: Register::new(manifold.clone()),
        session: manifold.session(),
        clock: clock.clone(),
        row,
    };
    let working: Vec<_> = (0..load.writers)
        .map(Some)
        .chain(std::iter::repeat_n(None, load.readers))
        .map(|row| {
            let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
            tokio::spawn(worker(row).work(stop, written))
        })
        .collect();
    // The one that came back last may be left out still.
    until("all nodes are in use", async || {
        let nodes = manifold.nodes();
        nodes.iter().all(|node| node.available)
    })
    .await;
    all_wrote(&written, ROUND_OF_WRITES).await;

    let old = world.acting_primary();
    let nodes = world.cluster().nodes();
    let replicas: Vec<_> = nodes.filter(|it| it.port() != old.port()).collect();
    let (new, third) = (replicas[0], replicas[1]);
    tokio::task::block_in_place(|| new.cut_walreceiver()).expect("it is cut off");
    passes(load.behind).await;
    let died = clock.now();
    tokio::task::block_in_place(|| old.kill()).expect("it dies");
    let asked = clock.now();
    tokio::task::block_in_place(|| new.promote()).expect("it is promoted");
    let promoted = clock.now();
    tokio::task::block_in_place(|| follow(world, third, new));
    all_wrote(&written, ROUND_OF_WRITES).await;
    stop.store(true, Ordering::SeqCst);
    let mut diaries = Vec::new();
    for worker in working {
        diaries.push(worker.await.expect("no worker panics"));
    }
    tokio::task::block_in_place(|| rejoin(world, old, new));
    noticed(world, &diaries, load, (died, asked, promoted))
}

/// Waits until each writer has so many more writes acknowledged than now.
async fn all_wrote(written: &[AtomicUsize], more: usize) {
    let now = || written.iter().map(|it| it.load(Ordering::SeqCst));
    let before: Vec<_> = now().collect();
    until("all writers have written", async || {
        now().zip(&before).all(|(now, before)| now >= before + more)
    })
    .await;
}

/// The replica falls behind for this time, in which nothing is waited for.
async fn passes(time: Duration) {
    let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
}

fn rejoin(world: &World, old: &Node, new: &Node) {
    old.rejoin(new).expect("it joins again");
    world.caught_up();
}

fn noticed(
    world: &World,
    diaries: &[Diary],
    load: Load,
    (died, asked, promoted): (Moment, Moment, Moment),
) -> Noticed {
    let log = counted(register::surviving(world));
    let (writers, _) = diaries.split_at(load.writers);
    let first_writes = writers.iter().map(|writer| {
        let after = writer
            .acknowledged
            .iter()
            .find(|(_, start, _)| *start > died);
        let (_, _, end) = after.expect("each has written since");
        end.since(promoted)
    });
    let (mut lost, mut holders, mut told, mut told_in_vain) = (0, 0, 0, 0);
    for (row, writer) in writers.iter().enumerate() {
        let numbers = writer.acknowledged.iter().map(|(number, ..)| *number);
        let gone = numbers.filter(|number| !log.contains_key(&(row, *number)));
        let gone = gone.count();
        lost += gone;
        holders += usize::from(gone > 0);
        told += usize::from(gone > 0 && writer.was_told);
        told_in_vain += usize::from(gone == 0 && writer.was_told);
    }
    Noticed {
        promotion: (asked.since(died), promoted.since(died)),
        first_write: first_writes.clone().min().unwrap_or_default(),
        last_writer: first_writes.max().unwrap_or_default(),
        reads: diaries.iter().map(|it| it.reads).sum(),
        failed_reads: diaries
            .iter()
            .flat_map(|it| it.failed_reads.clone())
            .collect(),
        longest_read: diaries
            .iter()
            .map(|it| it.longest_read)
            .max()
            .unwrap_or_default(),
        acknowledged: diaries.iter().map(|it| it.acknowledged.len()).sum(),
        failed_writes: diaries.iter().map(|it| it.failed_writes).sum(),
        lost,
        holders,
        told,
        told_in_vain,
    }
}

/// One session at work.
struct Worker {
    register: Register,
    session: Session,
    clock: Clock,
    /// The row that it writes.
    row: Option<usize>,
}

impl Worker {
    async fn work(self, stop: Arc<AtomicBool>, written: Arc<[AtomicUsize]>) -> Diary {
        let mut diary = Diary::default();
        // Of a sequence that goes on over several outages.
        let mut number = self.last_number().await;
        while !stop.load(Ordering::SeqCst) {
            if let Some(row) = self.row {
                number += 1;
                if self.write(row, number, &mut diary).await {
                    written[row].fetch_add(1, Ordering::SeqCst);
                }
            }
            self.read(&mut diary).await;
        }
        // Whoever has lost something and was not told yet is told now.
        self.read(&mut diary).await;
        diary
    }

    fn own(&self) -> Register {
        Register::new(self.register.db().with_session(&self.session))
    }

    async fn last_number(&self) -> i64 {
        let Some(row) = self.row else { return 0 };
        self.own().all().await.expect("nothing is broken yet")[row]
    }

    async fn write(&self, row: usize, number: i64, diary: &mut Diary) -> bool {
        let start = self.clock.now();
        let key = i32::try_from(row).expect("few writers");
        match self.own().put(key, number, false, Duration::ZERO).await {
            Ok(()) => {
                diary.acknowledged.push((number, start, self.clock.now()));
                return true;
            }
            Err(error) if is_told(&error) => diary.was_told = true,
            Err(_) => diary.failed_writes += 1,
        }
        false
    }

    async fn read(&self, diary: &mut Diary) {
        let start = self.clock.now();
        let answer = self.own().all().await;
        diary.longest_read = diary.longest_read.max(self.clock.now().since(start));
        match answer {
            Ok(_) => diary.reads += 1,
            Err(error) if is_told(&error) => diary.was_told = true,
            Err(error) => diary.failed_reads.push(error.to_string()),
        }
    }
}

fn is_told(error: &Error) -> bool {
    error.is_write_lost() || error.is_write_uncertain()
}
