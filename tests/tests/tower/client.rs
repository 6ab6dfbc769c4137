//! A client of our own, which keeps cookies as a browser does, and shows what it sends.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A browser with its cookies, or a program with its headers.
#[derive(Debug, Clone, Default)]
pub struct Client {
    pub cookies: BTreeMap<String, String>,
    /// Lines of each request.
    pub headers: Vec<Vec<u8>>,
}

/// An answer that the client has not looked at yet.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// All values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(its, _)| its == name);
        named.map(|(_, value)| &**value).collect()
    }

    /// The names of the cookies that it sets.
    pub fn sets(&self) -> Vec<&str> {
        let lines = self.header("set-cookie").into_iter();
        lines.map(|line| line.split_once('=').unwrap().0).collect()
    }
}

impl Client {
    /// A client with a line in the head of each request.
    pub fn with(line: impl Into<Vec<u8>>) -> Self {
        let headers = vec![line.into()];
        let cookies = BTreeMap::new();
        Self { cookies, headers }
    }

    pub async fn get(&mut self, to: SocketAddr, path: &str) -> Answer {
        let answer = self.send(to, "GET", path, "").await;
        self.keep(&answer);
        answer
    }

    pub async fn post(&mut self, to: SocketAddr, path: &str, body: &str) -> Answer {
        let answer = self.send(to, "POST", path, body).await;
        self.keep(&answer);
        answer
    }

    /// Sends a request as it would be sent now, and leaves the answer for later.
    pub async fn send(&self, to: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n"
        );
        let mut request = head.into_bytes();
        let cookies = self.cookies.iter();
        let cookies: Vec<_> = cookies
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request.extend(format!("cookie: {}\r\n", cookies.join("; ")).bytes());
        }
        for line in &self.headers {
            request.extend(line);
            request.extend(b"\r\n");
        }
        request.extend(b"\r\n");
        request.extend(body.bytes());
        let mut stream = TcpStream::connect(to).await.expect("a service");
        stream.write_all(&request).await.expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        parse(&String::from_utf8(answer).expect("text"))
    }

    /// Keeps the cookies of an answer.
    pub fn keep(&mut self, answer: &Answer) {
        for line in answer.header("set-cookie") {
            let pair = line.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let status = lines.next().expect("a status").split(' ').nth(1).unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').expect("a header");
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    Answer {
        status: status.parse().unwrap(),
        headers: headers.collect(),
        body: body.to_owned(),
    }
}
