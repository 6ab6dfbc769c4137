//! Floor 0: the nouns every other floor may say. Data and small conversions; nothing here waits.

pub mod bounds;
pub mod cacheable;
pub mod call;
pub mod clock;
pub mod endpoint;
pub mod error;
pub mod fingerprint;
pub mod floors;
pub mod history;
pub mod invalidations;
pub mod key;
pub mod marker;
pub mod memory;
pub mod namespace;
pub mod notes;
pub mod outcome;
pub mod policy;
pub mod position;
pub mod route;
pub mod settings;
pub mod sighting;
pub mod stored;
pub mod tls;
pub mod token;
pub mod trap;
pub mod wire;
