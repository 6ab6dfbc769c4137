//! Whether a node may be asked: what it refuses, what breaks, how far it lags; and the probe, which brings it
//! back in the background.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::Node;
use crate::pools::dice;
use crate::rules::balance::Load;
use crate::rules::duty::Duty;
use crate::rules::fitness::{Bounds, Fact, Fitness, Turn};
use crate::rules::lag;
use crate::terms::error::Error;
use crate::terms::sighting::Sighting;

impl Node {
    /// It refused a connection: it is left out from now on.
    pub fn refused(&self, error: &Error) {
        self.say(self.learn(Fact::Refused), error);
    }

    /// A connection to it broke: the background asks whether the node did, too.
    pub fn broke(&self) {
        self.track.void();
        if let Turn::Other = self.learn(Fact::Broke) {
            self.shared.wake.notify_one();
        }
    }

    /// Asks it in the background, if that is due; of one that is left out, if it is `sought`, at once.
    pub async fn probe_if_due(&self, sought: bool) {
        let is_due = self.fitness().wants_probe(self.shared.clock.now());
        let is_wanted = is_due || (sought && self.is_left_out());
        if !is_wanted {
            return;
        }
        match self.readers.manager().connect().await {
            Ok(_) => {
                if let Turn::Back = self.learn(Fact::ProbeAnswered) {
                    if self.duty() != Duty::Outside {
                        tracing::info!(node = %self.name, "node is back");
                    }
                    self.shared.roles.stir();
                }
            }
            Err(error) => self.say(self.learn(Fact::ProbeFailed), &error),
        }
    }

    /// Says once that it answers nothing because it is on a timeline that came to its end, and once that it does
    /// again. `elsewhere`: somebody takes writes.
    pub fn tell_outside(&self, elsewhere: bool) {
        let is = self.duty() == Duty::Outside && elsewhere;
        if self.outside.swap(is, Ordering::Relaxed) == is {
            return;
        }
        let (node, address) = (&self.name, &self.address);
        if is {
            let latest = self.shared.survey.latest();
            tracing::warn!(
                %node, %address, ?latest,
                "node left out: it is on an older timeline than the primary; let it follow that one"
            );
        } else {
            tracing::info!(%node, "node is back: it follows the primary");
        }
    }

    fn say(&self, turn: Turn, error: &dyn std::fmt::Display) {
        let (node, address) = (&self.name, &self.address);
        if let Turn::LeftOut = turn {
            tracing::warn!(%node, %address, %error, "node left out");
            self.shared.roles.stir();
        } else {
            tracing::debug!(%node, %address, %error, "node still left out");
        }
    }

    /// Notes a fact.
    fn learn(&self, fact: Fact) -> Turn {
        let bounds = Bounds {
            first: self.shared.settings.ejection,
            // While it is away nobody takes writes, so it is not left alone for long.
            longest: if self.shared.roles.now().is_primary(self.id) {
                self.shared.settings.ejection
            } else {
                self.shared.settings.max_ejection
            },
        };
        let mut fitness = self.fitness.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *fitness;
        *fitness = before.learn(fact, self.shared.clock.now(), bounds, dice::fraction());
        Turn::from(before, *fitness)
    }

    fn fitness(&self) -> Fitness {
        *self.fitness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is left out because it fails.
    pub fn is_left_out(&self) -> bool {
        !self.fitness().may_answer()
    }

    /// What `future` comes to, which waits for this node. `None`: the node was left out before. One that froze tells
    /// nobody that it will not answer.
    ///
    /// # Cancel safety
    ///
    /// As safe as `future`, which is dropped in the second case.
    pub async fn unless_left_out<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = future => Some(done),
            () = self.shared.roles.until(|| self.is_left_out()) => None,
        }
    }

    /// Whether no read is sent to it because it lags too far.
    pub fn is_lagging(&self) -> bool {
        self.lagging.load(Ordering::Relaxed)
    }

    /// What balancing needs to know; `None` if the node is left out because it fails.
    pub fn load(&self) -> Option<Load> {
        let fitness = self.fitness();
        fitness.may_answer().then(|| Load {
            latency: f64::from_bits(self.latency.load(Ordering::Relaxed)),
            in_use: self.in_use.load(Ordering::Relaxed),
            suspect: fitness == Fitness::Suspect,
        })
    }

    /// Notes whether a replica lags too far, or no longer.
    pub(super) fn note_lag(&self, sighting: &Sighting) {
        let was = self.lagging.load(Ordering::Relaxed);
        let behind = (self.shared.survey.behind(sighting.position)).filter(|_| sighting.standby);
        let is = sighting.standby && lag::is_out(was, behind, self.shared.lag);
        if is == was || self.lagging.swap(is, Ordering::Relaxed) == is {
            return;
        }
        let (node, address) = (&self.name, &self.address);
        if is {
            tracing::warn!(%node, %address, ?behind, "node left out: it lags too far");
        } else {
            tracing::info!(%node, "node is back: it has caught up");
        }
        self.shared.roles.stir();
    }
}
