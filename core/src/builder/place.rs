//! Where a node is, before there is one.

use crate::pools::connect::server::Server;
use crate::pools::node::Plan;
use crate::terms::endpoint::{Endpoint, Way};
use crate::terms::error::{Error, Result};

/// An endpoint, what it is called if it has no name of its own, and where it was configured.
#[derive(Debug, Clone)]
pub struct Place {
    endpoint: Endpoint,
    pub(super) name: String,
    setting: String,
}

impl Place {
    pub fn new(endpoint: Endpoint, name: String, setting: impl Into<String>) -> Self {
        Self {
            endpoint,
            name,
            setting: setting.into(),
        }
    }

    /// What the pools make a node of.
    pub fn plan(&self) -> Result<Plan> {
        let Endpoint {
            url,
            way,
            name,
            tag,
            statement_timeout,
            pin_after_write,
        } = &self.endpoint;
        if pin_after_write.is_some() && *way == Way::Opaque {
            return Err(Error::configuration(
                format!(
                    "{} is behind a pooler or a balancer, and cannot tell its position",
                    self.setting
                ),
                "connect to a node with `pin_after_write` directly",
            ));
        }
        Ok(Plan {
            server: Server::parse(url, &self.setting)?.behind(*way),
            name: name.as_ref().unwrap_or(&self.name).as_str().into(),
            tag: tag.as_deref().map(Into::into),
            timeout: *statement_timeout,
            pin: *pin_after_write,
        })
    }
}
