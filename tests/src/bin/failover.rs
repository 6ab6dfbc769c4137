//! `make failover`: kills the primary under load, promotes a replica, and says what writers and readers notice of it.

use std::process::ExitCode;
use std::time::Duration;

use diesel_manifold::Settings;
use manifold_tests::World;
use manifold_tests::history::register;
use manifold_tests::outage::{self, Load, Noticed};

/// How often, unless it is said otherwise. Roles go round.
const ROUNDS: usize = 5;

const LOAD: Load = Load {
    writers: 4,
    readers: 8,
    behind: Duration::from_millis(50),
};

/// Writes succeed again within this time of the promotion.
const LIMIT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let rounds = match (words.next(), words.next()) {
        (None, _) => Some(ROUNDS),
        (Some(rounds), None) => rounds.parse().ok(),
        _ => None,
    };
    let Some(rounds) = rounds.filter(|rounds| *rounds > 0) else {
        eprintln!("usage: failover [ROUNDS]");
        return ExitCode::from(2);
    };
    let Some(world) = World::alone() else {
        return ExitCode::FAILURE;
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let held = runtime.block_on(all(&world, rounds));
    if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn all(world: &World, rounds: usize) -> bool {
    register::create(world, LOAD.writers);
    let settings = Settings::default();
    println!(
        "{} writers and {} readers; the settings are the defaults: `read.deadline` {:?}, `write.find_primary` {:?}, \
         `read.poll` {:?}",
        LOAD.writers,
        LOAD.readers,
        settings.read.deadline,
        settings.write.find_primary,
        settings.read.poll
    );
    let builder = world.builder().settings(settings);
    let manifold = builder.connect().await.expect("a manifold");
    let mut held = true;
    for round in 1..=rounds {
        let noticed = outage::run(world, &manifold, LOAD).await;
        tell(round, &noticed);
        held &= noticed.failed_reads.is_empty()
            && noticed.last_writer < LIMIT
            && noticed.told == noticed.holders;
    }
    manifold.shutdown().await;
    held
}

fn tell(round: usize, noticed: &Noticed) {
    let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
    let (asked, promoted) = noticed.promotion;
    println!(
        "{round}: promotion asked for {} after the primary's death, done after {}",
        ms(asked),
        ms(promoted)
    );
    println!(
        "   writes: the first {} after the promotion, the last writer's {}; {} acknowledged, {} failed",
        ms(noticed.first_write),
        ms(noticed.last_writer),
        noticed.acknowledged,
        noticed.failed_writes
    );
    println!(
        "   reads: {} answered, {} failed, the longest {}",
        noticed.reads,
        noticed.failed_reads.len(),
        ms(noticed.longest_read)
    );
    println!(
        "   acknowledged and lost: {} writes of {} sessions, of which {} were told; {} told that it may be and was not",
        noticed.lost, noticed.holders, noticed.told, noticed.told_in_vain
    );
    for error in noticed.failed_reads.iter().take(3) {
        println!("   a read failed: {error}");
    }
}
