//! The bodies of requests about blogs, posts and comments, and which posts to list.

use std::ops::RangeInclusive;

use serde::Deserialize;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::page::{PageQuery, described_number, number};
use super::text::{LONGEST_TITLE, described, present, text, title};
use super::{Checked, Page};
use crate::http::problem::Mistake;
use crate::store::{NewComment, NewPost, PostChange};

/// The longest body of a post, in characters.
const LONGEST_POST: usize = 20_000;
/// The longest body of a comment, in characters.
const LONGEST_COMMENT: usize = 2_000;

fn post_body() -> Object {
    described(LONGEST_POST)
}

fn comment_body() -> Object {
    described(LONGEST_COMMENT)
}

/// All that there is to know of a new blog.
pub struct BlogName(pub String);

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "a blog: an object with a `name`")]
#[schema(as = NewBlog, example = json!({ "name": "Liner Notes" }))]
pub struct BlogJson {
    #[schema(schema_with = title)]
    name: String,
}

impl Checked for BlogName {
    type Unchecked = BlogJson;

    fn check(blog: BlogJson, mistakes: &mut Vec<Mistake>) -> Self {
        text("name", &blog.name, LONGEST_TITLE, mistakes);
        Self(blog.name)
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a post: an object with `title` and `body`"
)]
#[schema(as = NewPost, example = json!({ "title": "Where to begin", "body": "With album 5." }))]
pub struct PostJson {
    #[schema(schema_with = title)]
    title: String,
    #[schema(schema_with = post_body)]
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
#[derive(Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a change: an object with `title` or `body`"
)]
#[schema(as = PostChange, example = json!({ "body": "With album 6." }))]
pub struct PostChangeJson {
    #[serde(default, deserialize_with = "present")]
    #[schema(schema_with = title)]
    title: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(schema_with = post_body)]
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

#[derive(Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a comment: an object with `author` and `body`"
)]
#[schema(as = NewComment, example = json!({ "author": "Ada", "body": "Why not 7?" }))]
pub struct CommentJson {
    #[schema(schema_with = title)]
    author: String,
    #[schema(schema_with = comment_body)]
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

/// The ids that a blog can have.
const BLOGS: RangeInclusive<i64> = 1..=i32::MAX as i64;

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
        let blog = number("blog", query.blog, BLOGS, mistakes);
        Self {
            blog: blog.and_then(|blog| i32::try_from(blog).ok()),
            page: Page::check(query.page, mistakes),
        }
    }
}

impl IntoParams for PostsPage {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let blog = described_number(
            "blog",
            "Only those of this blog; empty: of all",
            BLOGS,
            None,
        );
        let page = Page::into_params(|| None);
        [vec![blog], page].concat()
    }
}
