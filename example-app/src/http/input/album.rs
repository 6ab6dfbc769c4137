//! The bodies of requests about albums.

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, SchemaType, Type};

use super::text::{LONGEST_TITLE, present, text, title};
use super::{Checked, mistake};
use crate::http::problem::Mistake;
use crate::store::{AlbumChange, ArtistChange, NewAlbum, NewSong};

/// The most songs of one album.
const MOST_SONGS: usize = 500;

/// An album to be created.
///
/// Members that we do not know are refused: a misspelt `titel` would change nothing, in silence.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an album: an object with a `title`")]
#[schema(as = NewAlbum, example = json!({
    "title": "Kind of Blue",
    "artist": "Miles Davis",
    "songs": [{ "title": "So What" }, { "title": "Blue in Green" }],
}))]
pub struct AlbumJson {
    #[schema(schema_with = title)]
    title: String,
    #[schema(schema_with = title_or_null)]
    artist: Option<String>,
    /// In their order.
    #[serde(default)]
    #[schema(max_items = 500)]
    songs: Vec<SongJson>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "a song: an object with a `title`")]
#[schema(as = NewSong)]
struct SongJson {
    #[schema(schema_with = title)]
    title: String,
}

impl Checked for NewAlbum {
    type Unchecked = AlbumJson;

    fn check(album: AlbumJson, mistakes: &mut Vec<Mistake>) -> Self {
        text("title", &album.title, LONGEST_TITLE, mistakes);
        if let Some(artist) = &album.artist {
            text("artist", artist, LONGEST_TITLE, mistakes);
        }
        if album.songs.len() > MOST_SONGS {
            let detail = format!(
                "must be at most {MOST_SONGS}, and are {}",
                album.songs.len()
            );
            mistakes.push(mistake("songs", detail));
        }
        for (at, song) in album.songs.iter().enumerate().take(MOST_SONGS) {
            text(
                &format!("songs[{at}].title"),
                &song.title,
                LONGEST_TITLE,
                mistakes,
            );
        }
        let songs = album.songs.into_iter().map(|song| NewSong {
            title: song.title,
            milliseconds: None,
        });
        Self {
            title: album.title,
            artist: album.artist,
            songs: songs.collect(),
        }
    }
}

/// A merge patch: what is absent stays, and `"artist": null` takes the artist away.
#[derive(Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a change: an object with `title` or `artist`"
)]
#[schema(as = AlbumChange, example = json!({ "title": "Bigger Ones" }))]
pub struct ChangeJson {
    #[serde(default, deserialize_with = "present")]
    #[schema(schema_with = title)]
    title: Option<String>,
    #[serde(default, deserialize_with = "present_artist")]
    #[schema(schema_with = title_or_null)]
    artist: ArtistChange,
}

fn present_artist<'de, D: Deserializer<'de>>(json: D) -> Result<ArtistChange, D::Error> {
    let artist = Option::deserialize(json)?;
    Ok(artist.map_or(ArtistChange::Nobody, ArtistChange::Is))
}

impl Checked for AlbumChange {
    type Unchecked = ChangeJson;

    fn check(change: ChangeJson, mistakes: &mut Vec<Mistake>) -> Self {
        if let Some(title) = &change.title {
            text("title", title, LONGEST_TITLE, mistakes);
        }
        if let ArtistChange::Is(artist) = &change.artist {
            text("artist", artist, LONGEST_TITLE, mistakes);
        }
        Self {
            title: change.title,
            artist: change.artist,
        }
    }
}

/// For the API's description.
fn title_or_null() -> Object {
    let mut title = title();
    title.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_named_at_once() {
        let album = AlbumJson {
            title: String::new(),
            artist: Some(String::new()),
            songs: vec![
                SongJson { title: "x".into() },
                SongJson {
                    title: String::new(),
                },
            ],
        };
        let mut mistakes = Vec::new();
        NewAlbum::check(album, &mut mistakes);
        let fields: Vec<_> = mistakes
            .iter()
            .map(|mistake| mistake.field.as_str())
            .collect();
        assert_eq!(fields, ["title", "artist", "songs[1].title"]);
    }
}
