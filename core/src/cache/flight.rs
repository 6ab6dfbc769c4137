//! A *flight*: the one load in progress for a key.
//!
//! The right to load is a baton. Nothing is spawned: a leader that is dropped hands the baton to the
//! next waiter, which loads with its own arguments. A flight belongs to a key *and its generation*,
//! so whoever comes after an invalidation starts a new one and never joins a load that began before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::cache::{AnyValue, Generation};
use crate::terms::bounds::Origin;
use crate::terms::key::Key;

type Id = (Key, Generation);

/// The flights under way; as many as calls that are loading, no more.
#[derive(Debug, Default)]
pub struct Flights {
    flights: Mutex<HashMap<Id, Seats>>,
}

/// A flight and how many calls have a seat in it, counted under the map's lock.
#[derive(Debug)]
struct Seats {
    flight: Arc<Flight>,
    taken: usize,
}

#[derive(Debug)]
struct Flight {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
enum State {
    /// Somebody holds the baton.
    Led,
    /// The leader was dropped; who wakes first leads.
    Free,
    /// The answer is there.
    Landed(AnyValue, Origin),
    /// The load failed. Its error belongs to the leader: an error of the user's cannot be cloned.
    Failed,
}

/// A call's seat in a flight.
#[derive(Debug)]
pub enum Seat {
    /// This call loads.
    Lead(Baton),
    /// Another call has loaded; from where it had its answer.
    Landed(AnyValue, Origin),
    /// The call that loaded failed. This one loads for itself alone, as if there were no cache: a
    /// chain of waiters that each wait for the other's failure would add up their time.
    Alone,
}

impl Flights {
    /// Takes a seat in the flight for `key`; waits up to `patience` for its end if another call leads
    /// it.
    ///
    /// The wait has a bound because a leader may be a future that nobody polls at the moment, even
    /// one that waits for this very call.
    pub async fn board(
        self: &Arc<Self>,
        key: &Key,
        generation: Generation,
        patience: Duration,
    ) -> Seat {
        let id = (key.clone(), generation);
        let (flight, leads) = self.join(&id);
        // The guard is made before the first await, so a call that is dropped while it waits leaves
        // no flight behind.
        let passenger = Passenger {
            flights: Arc::clone(self),
            id,
            flight,
        };
        let turn = leads || {
            let waiting = tokio::time::timeout(patience, passenger.flight.my_turn());
            waiting.await.unwrap_or(false)
        };
        if turn {
            return Seat::Lead(Baton { passenger });
        }
        let state = passenger.flight.state();
        match &*state {
            State::Landed(value, origin) => Seat::Landed(Arc::clone(value), origin.clone()),
            State::Led | State::Free | State::Failed => Seat::Alone,
        }
    }

    fn join(&self, id: &Id) -> (Arc<Flight>, bool) {
        let mut flights = self.flights();
        if let Some(seats) = flights.get_mut(id) {
            seats.taken += 1;
            return (Arc::clone(&seats.flight), false);
        }
        let flight = Arc::new(Flight {
            state: Mutex::new(State::Led),
            changed: Notify::new(),
        });
        let seats = Seats {
            flight: Arc::clone(&flight),
            taken: 1,
        };
        flights.insert(id.clone(), seats);
        (flight, true)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Id, Seats>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Waits for the baton or the end. True: this waiter has the baton now.
    async fn my_turn(&self) -> bool {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registers before the state is read: a change in between is not missed.
            changed.as_mut().enable();
            {
                let mut state = self.state();
                match *state {
                    State::Led => {}
                    State::Free => {
                        *state = State::Led;
                        return true;
                    }
                    State::Landed(..) | State::Failed => return false,
                }
            }
            changed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call in a flight, leading or waiting; the last to leave a flight that did not end removes it.
#[derive(Debug)]
struct Passenger {
    flights: Arc<Flights>,
    id: Id,
    flight: Arc<Flight>,
}

impl Drop for Passenger {
    fn drop(&mut self) {
        let mut flights = self.flights.flights();
        let Some(seats) = flights.get_mut(&self.id) else {
            return; // it ended
        };
        if Arc::ptr_eq(&seats.flight, &self.flight) {
            seats.taken -= 1;
            if seats.taken == 0 {
                flights.remove(&self.id);
            }
        }
    }
}

/// The right to load. Dropped without an end, it passes on.
#[derive(Debug)]
pub struct Baton {
    passenger: Passenger,
}

impl Baton {
    /// The generation that was current when the flight began.
    pub fn generation(&self) -> Generation {
        self.passenger.id.1
    }

    /// Shares the answer with everybody who waits.
    pub fn land(self, value: AnyValue, origin: Origin) {
        self.end(State::Landed(value, origin));
    }

    /// Sends everybody who waits to load alone.
    pub fn fail(self) {
        self.end(State::Failed);
    }

    fn end(&self, state: State) {
        // Out of the map first: who comes from now on finds the answer in L1, or flies anew.
        self.passenger.flights.flights().remove(&self.passenger.id);
        *self.passenger.flight.state() = state;
        self.passenger.flight.changed.notify_waiters();
    }
}

impl Drop for Baton {
    fn drop(&mut self) {
        let flight = &self.passenger.flight;
        let mut state = flight.state();
        if matches!(*state, State::Led) {
            *state = State::Free;
            drop(state);
            // One waiter is enough. Is it dropped before it wakes, tokio passes this on to the next.
            flight.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::bounds::Bounds;
    use crate::terms::route::Source;

    const ORIGIN: Origin = Origin {
        source: Source::L2,
        bounds: Bounds {
            stamp: None,
            reach: None,
            primary: false,
        },
    };
    use crate::terms::call::{CachedCall, Name, ReadCall};
    use crate::terms::key::KeyWriter;
    use futures_util::FutureExt;

    const PATIENCE: Duration = Duration::from_secs(3600);
    const CALL: CachedCall = CachedCall::new(ReadCall::new(Name::new("A", "a")), "A::a");

    fn key() -> Key {
        KeyWriter::new(&CALL).argument(&1).finish()
    }

    async fn lead(flights: &Arc<Flights>, generation: u64) -> Baton {
        match flights
            .board(&key(), Generation(generation), PATIENCE)
            .await
        {
            Seat::Lead(baton) => baton,
            other => panic!("expected to lead, got {other:?}"),
        }
    }

    #[tokio::test]
    async fn who_waits_shares_the_leaders_answer() {
        let flights = Arc::<Flights>::default();
        let baton = lead(&flights, 0).await;
        let key = key();
        let waiting = flights.board(&key, Generation(0), PATIENCE);
        let landing = async { baton.land(Arc::new(7i32), ORIGIN) };
        let (seat, ()) = tokio::join!(biased; waiting, landing);
        assert!(
            matches!(seat, Seat::Landed(value, origin) if origin == ORIGIN && *value.downcast_ref::<i32>().unwrap() == 7)
        );
        assert!(flights.flights().is_empty());
    }

    #[tokio::test]
    async fn a_dropped_leader_hands_the_baton_to_exactly_one_waiter() {
        let flights = Arc::<Flights>::default();
        let baton = lead(&flights, 0).await;
        let key = key();
        let mut first = Box::pin(flights.board(&key, Generation(0), PATIENCE));
        let mut second = Box::pin(flights.board(&key, Generation(0), PATIENCE));
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        drop(baton);
        let Seat::Lead(baton) = first.await else {
            panic!("the first waiter leads")
        };
        assert!((&mut second).now_or_never().is_none());
        drop(baton);
        assert!(matches!(second.await, Seat::Lead(_)));
        assert!(flights.flights().is_empty(), "the last to leave cleans up");
    }

    #[tokio::test]
    async fn a_waiter_that_is_dropped_when_its_turn_comes_passes_the_baton_on() {
        let flights = Arc::<Flights>::default();
        let baton = lead(&flights, 0).await;
        let key = key();
        let mut first = Box::pin(flights.board(&key, Generation(0), PATIENCE));
        let mut second = Box::pin(flights.board(&key, Generation(0), PATIENCE));
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none());
        drop(baton);
        drop(first);
        assert!(matches!(second.await, Seat::Lead(_)));
    }

    #[tokio::test]
    async fn after_an_invalidation_a_new_flight_begins() {
        let flights = Arc::<Flights>::default();
        let old = lead(&flights, 0).await;
        let new = lead(&flights, 1).await;
        drop((old, new));
        assert!(flights.flights().is_empty());
    }

    #[tokio::test]
    async fn who_waits_for_a_load_that_fails_loads_alone() {
        let flights = Arc::<Flights>::default();
        let baton = lead(&flights, 0).await;
        let key = key();
        let waiting = flights.board(&key, Generation(0), PATIENCE);
        let (seat, ()) = tokio::join!(biased; waiting, async { baton.fail() });
        assert!(matches!(seat, Seat::Alone));
    }

    #[tokio::test]
    async fn who_waits_for_a_leader_that_nobody_polls_loads_alone() {
        let flights = Arc::<Flights>::default();
        let _baton = lead(&flights, 0).await;
        let key = key();
        let seat = flights.board(&key, Generation(0), Duration::ZERO).await;
        assert!(matches!(seat, Seat::Alone));
    }

    #[test]
    fn calls_that_leave_at_once_leave_no_flight() {
        let flights = Arc::<Flights>::default();
        let key = key();
        for _ in 0..2000 {
            let leader = flights.board(&key, Generation(0), PATIENCE).now_or_never();
            let (flight, leads) = flights.join(&(key.clone(), Generation(0)));
            assert!(!leads && leader.is_some());
            let waiting = Passenger {
                flights: Arc::clone(&flights),
                id: (key.clone(), Generation(0)),
                flight,
            };
            std::thread::scope(|scope| {
                scope.spawn(move || drop(leader));
                scope.spawn(move || drop(waiting));
            });
            assert!(flights.flights().is_empty());
        }
    }
}
