//! The bodies of requests about blogs, posts and comments, and which posts to list.

use serde::Deserialize;

use super::page::{PageQuery, number};
use super::text::{LONGEST_TITLE, present, text};
use super::{Checked, Page};
use crate::http::problem::Mistake;
use crate::store::{NewComment, NewPost, PostChange};

/// The longest body of a post, in characters.
const LONGEST_POST: usize = 20_000;
/// The longest body of a comment, in characters.
const LONGEST_COMMENT: usize = 2_000;

/// All that there is to know of a new blog.
pub struct BlogName(pub String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a blog: an object with a `name`")]
pub struct BlogJson {
    name: String,
}

impl Checked for BlogName {
    type Unchecked = BlogJson;

    fn check(blog: BlogJson, mistakes: &mut Vec<Mistake>) -> Self {
        text("name", &blog.name, LONGEST_TITLE, mistakes);
        Self(blog.name)
    }
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a post: an object with `title` and `body`"
)]
pub struct PostJson {
    title: String,
    body: String,
}

impl Checked for NewPost {
    type Unchecked = PostJson;

    fn check(post: PostJson, mistakes: &mut Vec<Mistake>) -> Self {
        text("title", &post.title, LONGEST_TITLE, mistakes);
        text("body", &post.body, LONGEST_POST, mistakes);
        Self {
            title: post.title,
            body: post.body,
        }
    }
}

/// A merge patch: what is absent stays.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a change: an object with `title` or `body`"
)]
pub struct PostChangeJson {
    #[serde(default, deserialize_with = "present")]
    title: Option<String>,
    #[serde(default, deserialize_with = "present")]
    body: Option<String>,
}

impl Checked for PostChange {
    type Unchecked = PostChangeJson;

    fn check(change: PostChangeJson, mistakes: &mut Vec<Mistake>) -> Self {
        if let Some(title) = &change.title {
            text("title", title, LONGEST_TITLE, mistakes);
        }
        if let Some(body) = &change.body {
            text("body", body, LONGEST_POST, mistakes);
        }
        Self {
            title: change.title,
            body: change.body,
        }
    }
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a comment: an object with `author` and `body`"
)]
pub struct CommentJson {
    author: String,
    body: String,
}

impl Checked for NewComment {
    type Unchecked = CommentJson;

    fn check(comment: CommentJson, mistakes: &mut Vec<Mistake>) -> Self {
        text("author", &comment.author, LONGEST_TITLE, mistakes);
        text("body", &comment.body, LONGEST_COMMENT, mistakes);
        Self {
            author: comment.author,
            body: comment.body,
        }
    }
}

/// Which posts to list.
pub struct PostsPage {
    /// `None`: of all blogs.
    pub blog: Option<i32>,
    pub page: Page,
}

#[derive(Deserialize)]
pub struct PostsQuery {
    blog: Option<String>,
    #[serde(flatten)]
    page: PageQuery,
}

impl Checked for PostsPage {
    type Unchecked = PostsQuery;

    fn check(query: PostsQuery, mistakes: &mut Vec<Mistake>) -> Self {
        let blog = number("blog", query.blog, 1..=i32::MAX.into(), mistakes);
        Self {
            blog: blog.and_then(|blog| i32::try_from(blog).ok()),
            page: Page::check(query.page, mistakes),
        }
    }
}
