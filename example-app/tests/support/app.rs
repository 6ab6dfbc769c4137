//! A running example, and a client for it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use manifold_compose::{Cluster, Node, Redis};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use ureq::http::{HeaderMap, Request};
use ureq::tls::TlsConfig;

/// For everything that takes milliseconds, on a machine that is busy with other things.
pub const LIMIT: Duration = Duration::from_secs(30);
/// What the example reads; nothing of the developer's own gets in.
const VARIABLES: [&str; 8] = [
    "DATABASE_PRIMARY_URL",
    "DATABASE_URL",
    "DATABASE_REPLICA_URLS",
    "DATABASE_REPLICA_URL",
    "REDIS_URL",
    "MANIFOLD_NAMESPACE",
    "MANIFOLD_TOKEN_KEY",
    "PORT",
];

/// A running example. Dropping it stops it as an operator would.
pub struct App {
    child: Child,
    stderr: Option<JoinHandle<String>>,
    agent: ureq::Agent,
    /// Scheme, host and port.
    pub url: String,
    /// Host and port.
    pub address: String,
    /// The environment with which another instance works on the same servers.
    pub servers: Vec<(String, String)>,
    /// The client's, by their names: it has a session, as a browser would.
    cookies: Mutex<BTreeMap<String, String>>,
}

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub route: Option<String>,
    pub content_type: Option<String>,
    pub retry_after: Option<String>,
    pub location: Option<String>,
    pub headers: HeaderMap,
    /// `Null` if it is empty, a string if it is no JSON.
    pub body: Value,
}

impl App {
    /// The example on servers of its own.
    pub fn start() -> Self {
        Self::start_on(&[])
    }

    /// The example in this environment.
    pub fn start_on(environment: &[(String, String)]) -> Self {
        Starting::new(environment).ready()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    /// Sends a request; a body goes as JSON, whatever it is.
    pub fn ask(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let url = format!("{}{path}", self.url);
        let mut request = Request::builder().method(method).uri(url);
        let cookies = self.cookies.lock().unwrap().clone();
        for (name, value) in cookies {
            request = request.header("cookie", format!("{name}={value}"));
        }
        let answer = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body.to_owned()).unwrap())
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        for line in answer.headers().get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        let header = |name: &str| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
        let (route, content_type) = (header("x-manifold-route"), header("content-type"));
        let (retry_after, location) = (header("retry-after"), header("location"));
        let is_json = content_type
            .as_deref()
            .is_some_and(|kind| kind.ends_with("json"));
        let text = answer.body_mut().read_to_string().unwrap();
        Answer {
            status: answer.status().as_u16(),
            route,
            content_type,
            retry_after,
            location,
            headers: answer.headers().clone(),
            body: match text.as_str() {
                "" => Value::Null,
                text if is_json => serde_json::from_str(text).expect("it says that it is JSON"),
                _ => Value::String(text),
            },
        }
    }

    /// A connection for what the client would not do.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// Whether somebody listens at the address of one of the servers, or at the example's own.
    pub fn is_anybody_there(&self) -> bool {
        let urls = self.servers.iter().flat_map(|(_, urls)| urls.split(','));
        let hosts = urls.map(|url| url.rsplit("//").next().unwrap_or(url));
        let hosts = hosts.map(|host| host.rsplit('@').next().unwrap_or(host));
        let mut hosts = hosts.map(|host| host.split('/').next().unwrap_or(host));
        hosts.any(|host| TcpStream::connect(host).is_ok())
            || TcpStream::connect(&self.address).is_ok()
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for its end: how it ended, and what it logged.
    pub fn ended(&mut self) -> (ExitStatus, String) {
        let status = eventually("the example ends", || self.child.try_wait().unwrap());
        let log = self.stderr.take().map(|thread| thread.join().unwrap());
        (status, log.unwrap_or_default())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        self.terminate();
        if !thread::panicking() {
            self.ended();
        }
    }
}

/// The example as cargo built it, with nothing of the developer's own in its environment but the servers' programs.
pub fn program(environment: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_example-app"));
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.env("RUST_LOG", "info").stdin(Stdio::null());
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

/// Starts it: its process, the lines that it prints, and what it logs until its end.
pub fn spawn(
    arguments: &[&str],
    environment: &[(String, String)],
) -> (Child, Receiver<String>, JoinHandle<String>) {
    let mut child = program(environment)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (lines, stdout) = channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            // When nobody listens any more, the pipe is emptied all the same.
            let _ = lines.send(line);
        }
    });
    let stderr = read(child.stderr.take().unwrap());
    (child, stdout, stderr)
}

/// Reads to the end, beside what else happens.
pub fn read(mut output: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        let _ = output.read_to_string(&mut text);
        text
    })
}

/// An example that was started and has not said yet that it is ready.
pub struct Starting {
    child: Child,
    stdout: Receiver<String>,
    stderr: JoinHandle<String>,
    servers: Vec<(String, String)>,
}

impl Starting {
    pub fn new(environment: &[(String, String)]) -> Self {
        Self::with_arguments(&["--listen", "127.0.0.1:0"], environment)
    }

    pub fn with_arguments(arguments: &[&str], environment: &[(String, String)]) -> Self {
        let (child, stdout, stderr) = spawn(arguments, environment);
        Self {
            child,
            stdout,
            stderr,
            servers: environment.to_vec(),
        }
    }

    /// Waits until it serves.
    pub fn ready(self) -> App {
        self.ready_for(TlsConfig::default())
    }

    /// Waits until it serves, and gives it a client that trusts whom `tls` says.
    pub fn ready_for(mut self, tls: TlsConfig) -> App {
        let mut url = None;
        loop {
            let Ok(line) = self.stdout.recv_timeout(LIMIT) else {
                let (status, log) = self.failed();
                panic!("the example did not start ({status}): {log}");
            };
            let line = line.trim();
            if let Some(said) = line.strip_prefix("listening on ") {
                url = Some(said.to_owned());
            } else if let Some((name, value)) = line
                .strip_prefix("export ")
                .and_then(|said| said.split_once('='))
            {
                // Behind the key stands what it is.
                let value = value.split_whitespace().next().unwrap_or_default();
                self.servers.push((name.to_owned(), value.to_owned()));
            } else if line == "try:" {
                break;
            }
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls)
            .timeout_global(Some(LIMIT));
        let url = url.expect("it says where it listens");
        App {
            address: url.split("//").nth(1).unwrap().to_owned(),
            url,
            child: self.child,
            stderr: Some(self.stderr),
            agent: config.build().into(),
            servers: self.servers,
            cookies: Mutex::default(),
        }
    }

    /// Waits for the end of one that does not start: how it ended, and what it said.
    pub fn failed(mut self) -> (ExitStatus, String) {
        let ended = || self.child.try_wait().unwrap();
        let status = eventually("an example that cannot start ends", ended);
        (status, self.stderr.join().unwrap())
    }
}

/// A key that is known to everybody.
pub const TOKEN_KEY: &str = "QSBrZXkgdGhhdCBpcyBrbm93biB0byBldmVyeWJvZHkhISE=";

/// What leads the example to these servers.
pub fn environment(cluster: &Cluster) -> Vec<(String, String)> {
    let replicas: Vec<_> = cluster.replicas().iter().map(Node::url).collect();
    let redis = cluster.redis().map(Redis::url);
    let variables = [
        ("DATABASE_PRIMARY_URL", cluster.primary().url()),
        ("DATABASE_REPLICA_URLS", replicas.join(", ")),
        ("REDIS_URL", redis.unwrap_or_default()),
        ("MANIFOLD_TOKEN_KEY", TOKEN_KEY.to_owned()),
    ];
    variables
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
}

/// Asks until there is an answer, for at most [`LIMIT`].
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that waits; other processes cannot be stepped"
)]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
