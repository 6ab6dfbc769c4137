//! A client of several instances, which keeps its cookies as a browser does, and says what it is answered.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, Method, Request};
use serde_json::{Value, json};
use tower_service::Service;

use crate::http::{REASON, ROUTE};

/// More than any answer here has, in bytes.
const LARGEST: usize = 1 << 20;

/// An instance of the application: its name, and what would stand behind its port.
pub struct Instance {
    pub name: &'static str,
    pub router: Router,
}

/// What a read has shown, and who answered it.
pub struct Shown {
    pub found: bool,
    pub route: String,
}

/// An answer, and a line about it.
struct Answer {
    json: Value,
    line: String,
    route: String,
}

/// One client.
#[derive(Default)]
pub struct Client {
    cookies: BTreeMap<String, String>,
}

impl Client {
    /// Publishes a post of this title on a blog, and gives its id.
    pub async fn publish(&mut self, at: &Instance, blog: i32, title: &str) -> Result<i64> {
        let path = format!("/api/blog/{blog}/post");
        let post = json!({ "title": title, "body": "Is it there?" });
        let body = Some(post.to_string());
        let Answer {
            json: created,
            line,
            ..
        } = self.ask(at, Method::POST, &path, body).await?;
        say(&format!("{line}  {title}"));
        created["id"].as_i64().context("no id of a post")
    }

    /// Reads a blog's posts behind the one with the id `after`, and says whether one of this title is
    /// among them, and who answered.
    pub async fn finds(
        &mut self,
        at: &Instance,
        blog: i32,
        after: i64,
        title: &str,
    ) -> Result<Shown> {
        let path = format!("/api/posts?blog={blog}&after={after}");
        let Answer {
            json: posts,
            line,
            route,
        } = self.ask(at, Method::GET, &path, None).await?;
        let posts = posts.as_array().context("no page of posts")?;
        let titles: Vec<_> = posts
            .iter()
            .filter_map(|post| post["title"].as_str())
            .collect();
        let found = titles.contains(&title);
        let shown = if found { title } else { "nothing: STALE" };
        say(&format!("{line}  {shown}"));
        Ok(Shown { found, route })
    }

    async fn ask(
        &mut self,
        at: &Instance,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(&method).uri(path);
        for (name, value) in &self.cookies {
            request = request.header(COOKIE, format!("{name}={value}"));
        }
        let body = body.map_or_else(Body::empty, Body::from);
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .body(body)?;
        // A router is always ready, and does not fail.
        let response = at.router.clone().call(request).await?;
        let (head, body) = response.into_parts();
        self.keep(&head.headers);
        let body = String::from_utf8(to_bytes(body, LARGEST).await?.into())?;
        if !head.status.is_success() {
            bail!("{method} {path} was answered {}: {body}", head.status);
        }
        let said = |name: HeaderName| {
            let value = head.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or("-").to_owned()
        };
        let (route, reason) = (said(ROUTE), said(REASON));
        let line = format!(
            "  {}  {:<4} {path:<27}  {route:<9}  {reason:<8}",
            at.name,
            method.as_str()
        );
        let json = serde_json::from_str(&body)?;
        Ok(Answer { json, line, route })
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(SET_COOKIE) {
            let pair = line.to_str().ok().and_then(|line| line.split(';').next());
            if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Says a line. What is shown is shown to whoever reads it; it happens all the same.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{}", line.trim_end());
}
