use diesel_manifold::Cacheable;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Cacheable)]
struct Node {
    children: Vec<Node>,
}

fn main() {}
