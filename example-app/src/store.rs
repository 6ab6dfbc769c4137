//! What is stored, and the repositories that store it.
//!
//! Three repositories, one for each table. A method runs alone, routed by its annotation; its twin
//! `<name>_on(conn, ..)` takes part in another method's transaction. That is how [`Albums::create`]
//! makes an album, its artist and its songs one commit.

mod albums;
mod artists;
pub mod schema;
mod songs;

pub use albums::{AlbumChange, AlbumSummary, AlbumWithSongs, Albums, ArtistChange, NewAlbum};
pub use songs::NewSong;
