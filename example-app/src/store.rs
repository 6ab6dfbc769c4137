//! What is stored, and the repositories that store it.
//!
//! A repository for each table. A method runs alone, routed by its annotation; its twin
//! `<name>_on(conn, ..)` takes part in another method's transaction. That is how [`Albums::create`]
//! makes an album, its artist and its songs one commit.
//!
//! Albums are read more often than written. Beside them stand blogs, their posts and the comments on
//! them, which many write at once.

mod albums;
mod artists;
mod blogs;
mod comments;
mod posts;
pub mod schema;
mod songs;

pub use albums::{AlbumChange, AlbumSummary, AlbumWithSongs, Albums, ArtistChange, NewAlbum};
pub use blogs::Blogs;
pub use comments::{Comments, NewComment};
pub use posts::{NewPost, PostChange, PostWithComments, Posts};
pub use songs::NewSong;
