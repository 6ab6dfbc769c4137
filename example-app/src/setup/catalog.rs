//! The sample data: real albums, loaded on the first start.
//!
//! It shows `manifold.transaction(..)`: hundreds of repository writes in one commit. So it is all or
//! nothing: a crash half way leaves nothing, and a replica that has one album has them all.

use std::collections::HashMap;

use diesel_manifold::prelude::*;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use crate::store::{Albums, NewAlbum, NewSong};

const CATALOG: &str = include_str!("../../data/chinook-songs.csv");

/// The tables are empty, and from now on count from 1: a load that was rolled back has used up ids.
/// This is rolled back with the load.
const COUNT_FROM_1: &str =
    "ALTER TABLE album ALTER COLUMN id RESTART; ALTER TABLE song ALTER COLUMN id RESTART";

/// Loads the sample data if there is no album.
pub async fn load(manifold: &Manifold) -> anyhow::Result<()> {
    let albums = Albums::new(manifold.clone());
    let catalog = parse(CATALOG)?;
    let loaded = manifold
        .transaction(async |tx| -> Result<bool> {
            // Another instance that loads them is waited for.
            tx.batch_execute("LOCK TABLE album IN SHARE ROW EXCLUSIVE MODE")
                .await?;
            // Asked on the primary, in the transaction: a replica may not know yet that there are some.
            if albums.any_on(&mut tx.as_read()).await? {
                return Ok(false);
            }
            tx.batch_execute(COUNT_FROM_1).await?;
            let progress = progress(catalog.len());
            for album in &catalog {
                albums.create_on(tx, album).await?;
                progress.inc(1);
            }
            progress.finish_and_clear();
            Ok(true)
        })
        .await?;
    if loaded {
        let songs: usize = catalog.iter().map(|album| album.songs.len()).sum();
        tracing::info!(albums = catalog.len(), songs, "sample data loaded");
    }
    Ok(())
}

/// A bar on the terminal; nothing where there is none.
fn progress(albums: usize) -> ProgressBar {
    let bar = ProgressBar::new(albums as u64).with_message("loading albums");
    match ProgressStyle::with_template("  {msg} {wide_bar} {pos}/{len}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A row of the file.
#[derive(Deserialize)]
struct Row<'a> {
    artist: &'a str,
    album: &'a str,
    song: &'a str,
    milliseconds: i32,
}

/// The albums in the order in which they first appear; the file does not group its songs.
fn parse(file: &str) -> Result<Vec<NewAlbum>, csv::Error> {
    let mut albums: Vec<NewAlbum> = Vec::new();
    let mut places = HashMap::new();
    let mut reader = csv::Reader::from_reader(file.as_bytes());
    let headers = reader.headers()?.clone();
    for record in reader.records() {
        let record = record?;
        let row: Row<'_> = record.deserialize(Some(&headers))?;
        let key = (row.artist.to_owned(), row.album.to_owned());
        let place = *places.entry(key).or_insert_with(|| {
            albums.push(NewAlbum {
                title: row.album.to_owned(),
                artist: Some(row.artist.to_owned()),
                songs: Vec::new(),
            });
            albums.len() - 1
        });
        albums[place].songs.push(NewSong {
            title: row.song.to_owned(),
            milliseconds: Some(row.milliseconds),
        });
    }
    Ok(albums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn songs_of_an_album_are_found_wherever_they_are_in_the_file() {
        let albums = parse(CATALOG).unwrap();
        assert_eq!(albums.len(), 347);
        let (first, fifth) = (&albums[0], &albums[4]);
        assert_eq!(first.title, "For Those About To Rock We Salute You");
        assert_eq!(first.songs.len(), 10);
        assert_eq!(first.songs[1].title, "Put The Finger On You");
        assert_eq!((fifth.title.as_str(), fifth.songs.len()), ("Big Ones", 15));
    }

    #[test]
    fn albums_of_one_title_by_two_artists_are_two() {
        let file = "artist,album,song,milliseconds\nA,Greatest Hits,x,1\nB,Greatest Hits,y,2\n";
        assert_eq!(parse(file).unwrap().len(), 2);
    }
}
