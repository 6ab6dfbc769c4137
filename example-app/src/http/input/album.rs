//! The bodies of requests about albums.

use serde::{Deserialize, Deserializer};

use super::{Checked, mistake};
use crate::http::problem::Mistake;
use crate::store::{AlbumChange, ArtistChange, NewAlbum, NewSong};

/// The longest title or name, in characters.
const LONGEST_TEXT: usize = 200;
/// The most songs of one album.
const MOST_SONGS: usize = 500;

/// Members that we do not know are refused: a misspelt `titel` would change nothing, in silence.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an album: an object with a `title`")]
pub struct AlbumJson {
    title: String,
    artist: Option<String>,
    #[serde(default)]
    songs: Vec<SongJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a song: an object with a `title`")]
struct SongJson {
    title: String,
}

impl Checked for NewAlbum {
    type Unchecked = AlbumJson;

    fn check(album: AlbumJson, mistakes: &mut Vec<Mistake>) -> Self {
        text("title", &album.title, mistakes);
        if let Some(artist) = &album.artist {
            text("artist", artist, mistakes);
        }
        if album.songs.len() > MOST_SONGS {
            let detail = format!(
                "must be at most {MOST_SONGS}, and are {}",
                album.songs.len()
            );
            mistakes.push(mistake("songs", detail));
        }
        for (at, song) in album.songs.iter().enumerate().take(MOST_SONGS) {
            text(&format!("songs[{at}].title"), &song.title, mistakes);
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
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a change: an object with `title` or `artist`"
)]
pub struct ChangeJson {
    #[serde(default, deserialize_with = "present")]
    title: Option<String>,
    #[serde(default, deserialize_with = "present_artist")]
    artist: ArtistChange,
}

/// A title that is absent stays, and one that is `null` is a mistake.
fn present<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    String::deserialize(json).map(Some)
}

fn present_artist<'de, D: Deserializer<'de>>(json: D) -> Result<ArtistChange, D::Error> {
    let artist = Option::deserialize(json)?;
    Ok(artist.map_or(ArtistChange::Nobody, ArtistChange::Is))
}

impl Checked for AlbumChange {
    type Unchecked = ChangeJson;

    fn check(change: ChangeJson, mistakes: &mut Vec<Mistake>) -> Self {
        if let Some(title) = &change.title {
            text("title", title, mistakes);
        }
        if let ArtistChange::Is(artist) = &change.artist {
            text("artist", artist, mistakes);
        }
        Self {
            title: change.title,
            artist: change.artist,
        }
    }
}

fn text(field: &str, text: &str, mistakes: &mut Vec<Mistake>) {
    let length = text.chars().count();
    if text.trim().is_empty() {
        mistakes.push(mistake(field, "must not be empty"));
    } else if length > LONGEST_TEXT {
        let detail = format!("must have at most {LONGEST_TEXT} characters, and has {length}");
        mistakes.push(mistake(field, detail));
    } else if text.contains('\0') {
        // PostgreSQL cannot store it, and would say so as an error of ours.
        mistakes.push(mistake(field, "must not contain the character NUL"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_refused_for_one_reason() {
        let long = "ä".repeat(LONGEST_TEXT);
        for (value, refused) in [
            ("Kind of Blue", None),
            (&*long, None),
            (
                &*format!("{long}!"),
                Some("must have at most 200 characters, and has 201"),
            ),
            ("", Some("must not be empty")),
            (" \t", Some("must not be empty")),
            ("a\0b", Some("must not contain the character NUL")),
        ] {
            let mut mistakes = Vec::new();
            text("title", value, &mut mistakes);
            let said = mistakes.first().map(|mistake| mistake.detail.as_str());
            assert_eq!(said, refused, "{value:?}");
        }
    }

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
