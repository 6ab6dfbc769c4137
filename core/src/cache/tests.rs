//! An invalidation wins against every load that began before it. Without Redis: its part is tested
//! against a real one, in the `tests` package.

use super::*;
use crate::terms::call::{CachedCall, Name, ReadCall};
use crate::terms::key::KeyWriter;

const CALL: CachedCall = CachedCall::new(ReadCall::new(Name::new("A", "a")), "A::a");
const TTL: Duration = Duration::from_secs(5);

fn key(id: i32) -> Key {
    KeyWriter::new(&CALL).argument(&id).finish()
}

fn cache() -> (Cache, Clock) {
    let clock = Clock::new();
    let cache = Cache::new(None, CacheSettings::default(), clock.clone()).expect("no settings");
    (cache, clock)
}

fn near<T: crate::terms::cacheable::Cacheable>(cache: &Cache) -> Option<T> {
    cache.near(&key(1), |_| true).map(|(answer, _)| answer)
}

fn fill() -> Fill {
    Fill {
        value: Arc::new(7i32),
        bounds: Bounds::default(),
        weight: 4,
        ttl: TTL,
    }
}

fn keep(cache: &Cache, generation: Generation) {
    cache.keep_near(&key(1), generation, fill());
}

#[test]
fn a_kept_answer_is_served_until_its_time_is_over() {
    let (cache, clock) = cache();
    keep(&cache, cache.generation(&key(1)));
    assert_eq!(near::<i32>(&cache), Some(7));
    clock.step(TTL);
    assert_eq!(near::<i32>(&cache), None);
}

#[test]
fn a_load_that_began_before_an_invalidation_is_not_kept() {
    let (cache, _) = cache();
    let before = cache.generation(&key(1));
    cache.invalidate_near(&[key(1)]);
    keep(&cache, before);
    assert_eq!(near::<i32>(&cache), None);
}

#[test]
fn an_answer_that_gets_into_l1_behind_an_invalidation_is_not_served() {
    let (cache, _) = cache();
    let before = cache.generation(&key(1));
    cache.invalidate_near(&[key(1)]);
    // As a load does that had looked at the generation just before.
    (cache.local).insert(key(1), before, fill());
    assert_eq!(near::<i32>(&cache), None);
}

#[test]
fn nothing_is_kept_while_a_writes_outcome_is_asked_for() {
    let (cache, _) = cache();
    let refusal = cache.refuse_undecided(&[key(1)]);
    keep(&cache, cache.generation(&key(1)));
    assert_eq!(near::<i32>(&cache), None);
    drop(refusal);
    keep(&cache, cache.generation(&key(1)));
    assert_eq!(near::<i32>(&cache), Some(7));
}

#[test]
fn an_answer_of_another_type_under_the_same_name_is_a_miss() {
    let (cache, _) = cache();
    keep(&cache, cache.generation(&key(1)));
    assert_eq!(near::<String>(&cache), None);
}
