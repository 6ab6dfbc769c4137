//! Dice for spreading load and for jitter; nothing secret hangs on them.

use std::sync::atomic::{AtomicU64, Ordering};

static STATE: AtomicU64 = AtomicU64::new(0x5DEE_CE66_D1CE_4E5B);

/// Any number: [SplitMix64](https://doi.org/10.1145/2714064.2660195), shared by all threads without
/// a lock.
pub fn roll() -> u64 {
    let mut z = STATE.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number from 0 to 1.
pub fn fraction() -> f64 {
    // 32 bits are exact in an f64 and plenty for jitter.
    f64::from(u32::try_from(roll() >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}
