//! The ids that exist, as far as readers and writers need to know them.

use std::sync::{Mutex, PoisonError};

use super::dice::Place;

/// At most so many are known; then a new one takes the place of the one that is known longest.
const MOST: usize = 10_000;

/// Ids that the servers have told. They may have gaps: a transaction that fails uses up an id.
#[derive(Debug, Default)]
pub struct Ids(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    ids: Vec<i32>,
    /// Where the next one goes once the list is full.
    next: usize,
}

impl Ids {
    /// One more exists.
    pub fn add(&self, id: i32) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.ids.len() < MOST {
            known.ids.push(id);
        } else {
            let at = known.next;
            known.ids[at] = id;
            known.next = (at + 1) % MOST;
        }
    }

    /// The one at this place; 0, which none has, if none is known.
    pub fn at(&self, place: Place) -> i32 {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = place.within(known.ids.len());
        known.ids.get(at).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::dice::Dice;

    #[test]
    fn however_many_there_are_a_bounded_number_is_known_and_new_ones_are() {
        let ids = Ids::default();
        let mut dice = Dice::of(1, 1).next().unwrap();
        assert_eq!(ids.at(dice.anywhere()), 0);
        for id in 1..=25_000 {
            ids.add(id);
        }
        assert_eq!(ids.0.lock().unwrap().ids.len(), MOST);
        let seen: Vec<_> = (0..1_000).map(|_| ids.at(dice.anywhere())).collect();
        assert!(seen.iter().all(|id| *id > 15_000));
        assert!(seen.iter().any(|id| *id > 24_000));
    }
}
