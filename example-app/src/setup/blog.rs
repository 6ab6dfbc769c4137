//! A first blog, so that there are posts to read.

use diesel_manifold::prelude::*;

use crate::store::{Blogs, Comments, NewComment, NewPost, Posts};

const NAME: &str = "Liner Notes";

/// Title, body, and comments by their authors.
type SamplePost = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const POSTS: [SamplePost; 3] = [
    (
        "Where to begin",
        "With album 5. Ask for it twice: a replica answers first, then this process's own memory.",
        &[
            (
                "Ada",
                "And in the second instance it is l2 before it is l1.",
            ),
            ("Grace", "Until somebody renames it."),
        ],
    ),
    (
        "What a comment costs",
        "One insert on the primary, and this post is no longer cached: it is kept with its comments.",
        &[("Ada", "So this one was read from the database again.")],
    ),
    (
        "Nobody has commented on this",
        "Then its list is empty, and there is one all the same.",
        &[],
    ),
];

/// Creates it if there is no blog: all of it, or nothing.
pub async fn create(manifold: &Manifold) -> Result<()> {
    let (blogs, posts) = (Blogs::new(manifold.clone()), Posts::new(manifold.clone()));
    let comments = Comments::new(manifold.clone());
    manifold
        .transaction(async |tx| {
            // Another instance that creates it is waited for.
            tx.batch_execute("LOCK TABLE blog IN SHARE ROW EXCLUSIVE MODE")
                .await?;
            if blogs.any_on(&mut tx.as_read()).await? {
                return Ok(());
            }
            let blog = blogs.create_on(tx, NAME).await?;
            for (title, body, said) in POSTS {
                let new = NewPost {
                    title: title.to_owned(),
                    body: body.to_owned(),
                };
                let post = posts.publish_on(tx, blog, &new).await?;
                for (author, body) in said {
                    let new = NewComment {
                        author: (*author).to_owned(),
                        body: (*body).to_owned(),
                    };
                    comments.add_on(tx, post, &new).await?;
                }
            }
            Ok(())
        })
        .await
}
