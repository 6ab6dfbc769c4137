//! Floor 1, the room that thinks: facts in, decision out. Nothing here waits, looks at a clock or
//! throws dice; who asks brings the time and the dice along, so every rule is tested as a table.

pub mod balance;
pub mod breaker;
pub mod duty;
pub mod fitness;
pub mod lag;
pub mod proof;
pub mod recall;
pub mod ring;
pub mod route;
