//! A session for each client, by the layer: real requests, over real HTTP, to several processes.

#[path = "tower/bad.rs"]
mod bad;
#[path = "tower/client.rs"]
mod client;
#[path = "tower/sessions.rs"]
mod sessions;
#[path = "tower/shops.rs"]
mod shops;
#[path = "tower/stored.rs"]
mod stored;
#[path = "tower/tokens.rs"]
mod tokens;
