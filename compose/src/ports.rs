//! Free ports on 127.0.0.1.
//!
//! Not the ones that binding port 0 would give: those are the kernel's for outgoing connections, and while a killed node is
//! down its port could go to some client, even to the one that is trying to reconnect. A node must come back on its port.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use crate::error::{Kind, Result};

/// Below the ranges for outgoing connections of Linux (from 32768) and macOS (from 49152), above well-known servers.
const FIRST: u16 = 15_000;
const COUNT: u16 = 17_000;

/// How many random ports are tried. With half of the range taken, all of these fail once in 2^100 times.
const ATTEMPTS: usize = 100;

/// Ports of this process's clusters, including nodes that are down right now.
static OURS: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that no other cluster of this process gets until this is dropped.
#[derive(Debug)]
pub(crate) struct Port(u16);

impl Port {
    /// Finds one. Another process may still take it before the server binds it; the start is then tried again.
    pub(crate) fn free() -> Result<Self> {
        let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..ATTEMPTS {
            let port = FIRST + u16::try_from(random() % u64::from(COUNT)).unwrap_or(0);
            if !ours.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                ours.insert(port);
                return Ok(Self(port));
            }
        }
        Err(Kind::NoFreePort.into())
    }

    /// One that a server elsewhere has.
    pub(crate) fn taken(port: u16) -> Self {
        Self(port)
    }

    pub(crate) fn number(&self) -> u16 {
        self.0
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        OURS.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.0);
    }
}

/// A random number without a dependency: the standard library seeds every hasher afresh.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
