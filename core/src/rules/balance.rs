//! In which order replicas are asked.

use crate::terms::settings::Balance;

/// What is known about a replica that may answer.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Moving average of how long it took to answer, in seconds; 0 before the first answer.
    pub latency: f64,
    /// Reads it is answering now.
    pub in_use: u32,
    /// A connection to it broke and the probe has not answered yet.
    pub suspect: bool,
}

impl Load {
    /// Who costs more answers later.
    pub fn cost(&self) -> f64 {
        // An unmeasured node costs a little, not nothing: else all of a burst would go to it.
        let latency = self.latency.max(0.000_05);
        latency * f64::from(self.in_use.saturating_add(1))
    }
}

/// One call in so many goes to any replica, whatever it costs. Of two replicas the better would be
/// asked for ever otherwise, and nobody would learn that the other one has become fast again.
const EXPLORING: u64 = 16;

/// The order in which to ask the replicas with these `loads`: the chosen one first, the others after
/// it by cost, suspects last. `turn` counts up by one with each call, `dice` is any number.
pub fn order(balance: Balance, loads: &[Load], turn: u64, dice: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..loads.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&loads[a], &loads[b]);
        (a.suspect.cmp(&b.suspect)).then(a.cost().total_cmp(&b.cost()))
    });
    let sound = loads.iter().filter(|load| !load.suspect).count();
    if sound > 1 {
        let chosen = match balance {
            Balance::RoundRobin => round_robin(&order[..sound], turn),
            Balance::PowerOfTwo if dice.is_multiple_of(EXPLORING) => below(dice >> 8, sound),
            Balance::PowerOfTwo => better_of_two(sound, dice),
        };
        order[..=chosen].rotate_right(1);
    }
    order
}

/// Where in `sorted` the replica stands whose turn it is, by its index.
fn round_robin(sorted: &[usize], turn: u64) -> usize {
    let mut by_index: Vec<usize> = (0..sorted.len()).collect();
    by_index.sort_by_key(|&at| sorted[at]);
    by_index[below(turn, sorted.len())]
}

/// Two different random places in a list sorted by cost; the lower is the better one.
fn better_of_two(len: usize, dice: u64) -> usize {
    let first = below(dice, len);
    let second = (first + 1 + below(dice >> 32, len - 1)) % len;
    first.min(second)
}

fn below(number: u64, len: usize) -> usize {
    // The remainder is below `len`, which is a usize.
    usize::try_from(number % len as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Load = Load {
        latency: 0.001,
        in_use: 0,
        suspect: false,
    };
    const BUSY: Load = Load { in_use: 9, ..IDLE };
    const SUSPECT: Load = Load {
        suspect: true,
        ..IDLE
    };

    #[test]
    fn round_robin_asks_one_after_another_whatever_they_cost() {
        let first = |turn| order(Balance::RoundRobin, &[BUSY, IDLE, IDLE], turn, 0)[0];
        assert_eq!([0, 1, 2, 3].map(first), [0, 1, 2, 0]);
    }

    #[test]
    fn of_two_replicas_the_cheaper_is_asked_first() {
        for dice in (0..100).filter(|dice| dice % EXPLORING != 0) {
            assert_eq!(order(Balance::PowerOfTwo, &[BUSY, IDLE], 0, dice), [1, 0]);
        }
    }

    #[test]
    fn of_many_replicas_all_but_the_worst_are_asked_first_by_some_dice() {
        let loads = [IDLE, IDLE, IDLE, BUSY];
        let mut seen = [false; 4];
        let dice = (0..64).map(|n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for dice in dice.filter(|dice| dice % EXPLORING != 0) {
            seen[order(Balance::PowerOfTwo, &loads, 0, dice)[0]] = true;
        }
        assert_eq!(seen, [true, true, true, false]);
    }

    #[test]
    fn the_costliest_replica_is_asked_now_and_then() {
        let first = |dice| order(Balance::PowerOfTwo, &[BUSY, IDLE], 0, dice)[0];
        let asked = (0..10_000)
            .map(|n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .filter(|dice| first(*dice) == 0)
            .count();
        assert!((150..600).contains(&asked), "{asked} of 10000");
    }

    #[test]
    fn a_suspect_is_asked_last_and_every_replica_is_in_the_order() {
        for dice in 0..50 {
            let order = order(Balance::PowerOfTwo, &[SUSPECT, BUSY, BUSY], dice, dice);
            assert_eq!(order[2], 0);
            assert_eq!(order.len(), 3);
        }
        assert_eq!(order(Balance::RoundRobin, &[SUSPECT], 5, 5), [0]);
        assert!(order(Balance::PowerOfTwo, &[], 5, 5).is_empty());
    }
}
