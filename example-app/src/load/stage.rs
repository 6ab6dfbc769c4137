//! Where the load is played: the repositories, and what of their data is known.

use diesel_manifold::{Manifold, Result};

use super::arguments::Model;
use super::choice::Choice;
use super::ids::Ids;
use crate::store::{
    AlbumChange, Albums, ArtistChange, Blogs, Comments, NewAlbum, NewComment, NewPost, NewSong,
    PostChange, Posts,
};

/// Rows of a page, as the API gives them by default.
const PAGE: i64 = 20;
/// Rows of a page while it is looked what there is.
const LARGE_PAGE: i64 = 100;
/// Of what there is before, at most so many pages are known.
const LARGE_PAGES: usize = 10;

/// The repositories of both models, and the ids of the one that is played.
#[derive(Debug)]
pub struct Stage {
    posts: Posts,
    comments: Comments,
    albums: Albums,
    /// Where new posts go.
    blog: i32,
    ids: Ids,
}

impl Stage {
    /// Looks what there is. If there will be writers, the blog gets one of their own, with a post.
    pub async fn prepare(model: Model, manifold: &Manifold, writers: u32) -> Result<Self> {
        let mut stage = Self {
            posts: Posts::new(manifold.clone()),
            comments: Comments::new(manifold.clone()),
            albums: Albums::new(manifold.clone()),
            blog: 0,
            ids: Ids::default(),
        };
        stage.look(model).await?;
        if model == Model::Blog && writers > 0 {
            stage.blog = Blogs::new(manifold.clone()).create("Load").await?;
            let (title, body) = ("First".to_owned(), "So that there is a post.".to_owned());
            stage.perform(Choice::Publish { title, body }).await?;
        }
        Ok(stage)
    }

    async fn look(&self, model: Model) -> Result<()> {
        let mut after = 0;
        for _ in 0..LARGE_PAGES {
            let ids: Vec<i32> = match model {
                Model::Blog => {
                    let page = self
                        .posts
                        .page_with_comments(None, after, LARGE_PAGE)
                        .await?;
                    page.iter().map(|post| post.id).collect()
                }
                Model::Albums => {
                    let page = self.albums.page(after, LARGE_PAGE).await?;
                    page.iter().map(|album| album.id).collect()
                }
            };
            let Some(last) = ids.last() else { break };
            after = *last;
            for id in ids {
                self.ids.add(id);
            }
        }
        Ok(())
    }

    /// Makes the call, and tells how many rows it read or wrote.
    pub async fn perform(&self, choice: Choice) -> Result<usize> {
        match choice {
            Choice::PostPage(place) => {
                let after = self.ids.at(place) - 1;
                let page = self.posts.page_with_comments(None, after, PAGE).await?;
                Ok(page.iter().map(|post| 1 + post.comments.len()).sum())
            }
            Choice::Post(place) => {
                let post = self.posts.by_id(self.ids.at(place)).await?;
                Ok(post.map_or(0, |post| 1 + post.comments.len()))
            }
            Choice::Publish { title, body } => {
                let new = NewPost { title, body };
                let id = self.posts.publish(self.blog, &new).await?;
                self.ids.add(id);
                Ok(1)
            }
            Choice::Comment { on, author, body } => {
                let new = NewComment { author, body };
                self.comments.add(self.ids.at(on), &new).await?;
                Ok(1)
            }
            Choice::Edit { post, title } => {
                let (title, body) = (Some(title), None);
                let change = PostChange { title, body };
                let post = self.posts.edit(self.ids.at(post), &change).await?;
                Ok(usize::from(post.is_some()))
            }
            Choice::AlbumPage(place) => {
                let after = self.ids.at(place) - 1;
                Ok(self.albums.page(after, PAGE).await?.len())
            }
            Choice::Album(place) => {
                let album = self.albums.by_id(self.ids.at(place)).await?;
                Ok(album.map_or(0, |album| 1 + album.songs.len()))
            }
            Choice::Create {
                title,
                artist,
                songs,
            } => {
                let songs = songs.into_iter().map(|title| NewSong {
                    title,
                    milliseconds: None,
                });
                let new = NewAlbum {
                    title,
                    artist: Some(artist),
                    songs: songs.collect(),
                };
                let id = self.albums.create(&new).await?;
                self.ids.add(id);
                Ok(1 + new.songs.len())
            }
            Choice::Rename { album, title } => {
                let change = AlbumChange {
                    title: Some(title),
                    artist: ArtistChange::Stays,
                };
                let album = self.albums.change(self.ids.at(album), &change).await?;
                Ok(usize::from(album.is_some()))
            }
        }
    }
}
