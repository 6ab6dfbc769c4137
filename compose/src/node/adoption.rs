//! Making a copy of the template the data of one node, before its first start: a few files tell a replica from a primary.

use std::fmt::Write;

use super::{Node, Upstream, replica_name, slot_of};
use crate::error::Result;
use crate::files;
use crate::template::MOST_REPLICAS;

impl Node {
    /// Makes the copy this node, of a cluster with so many replicas.
    pub(crate) fn adopt_data(&self, replicas: usize) -> Result<()> {
        if let Upstream::Following(upstream) = *self.upstream() {
            return self.adopt_data_of(upstream);
        }
        // A slot is a directory, and while the server is down, removing it is all that dropping it means.
        let slots = self.data.join("pg_replslot");
        let mut surplus = replicas + 1..=MOST_REPLICAS;
        surplus
            .try_for_each(|nth| files::remove_directory(&slots.join(slot_of(&replica_name(nth)))))
    }

    /// Makes the copy a standby of the node on this port.
    pub(super) fn adopt_data_of(&self, upstream: u16) -> Result<()> {
        let slots = self.data.join("pg_replslot");
        // The slots are the primary's; here they would only keep WAL.
        files::remove_directory(&slots)?;
        files::make_directory(&slots, self.account)?;
        files::write(&self.data.join("standby.signal"), "", self.account)?;
        let mut text = String::new();
        let _ = writeln!(
            text,
            "primary_conninfo = '{}'",
            self.connection_info(upstream)
        );
        let _ = writeln!(text, "primary_slot_name = '{}'", self.slot());
        // The file of ALTER SYSTEM, by which the upstream is changed later.
        files::write(&self.data.join("postgresql.auto.conf"), &text, self.account)
    }
}
