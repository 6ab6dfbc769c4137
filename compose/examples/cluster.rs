//! Starts a cluster, prints where it is, and waits for Ctrl-C. Nothing of it is left afterwards.
//!
//! ```text
//! cargo run -p manifold-compose --example cluster
//! ```

use std::thread;
use std::time::Instant;

use manifold_compose::Cluster;

#[expect(
    clippy::disallowed_methods,
    reason = "how long a start really takes is what it shows"
)]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a program that shows something"
)]
fn main() {
    let began = Instant::now();
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    let took = began.elapsed();
    println!("directory {}", cluster.directory().display());
    for node in cluster.nodes() {
        println!("{} {}", node.name(), node.url());
    }
    if let Some(redis) = cluster.redis() {
        println!("redis {}", redis.url());
    }
    println!("started in {} ms", took.as_millis());
    loop {
        thread::park();
    }
}
