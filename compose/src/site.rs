//! The directory of one cluster, and what is needed to put servers into it.

use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::base::base_directory;
use crate::binaries::{self, Postgres};
use crate::configuration::Configuration;
use crate::error::Result;
use crate::files;
use crate::ports::random;
use crate::tls::Tls;
use crate::watchdog::Watchdog;

/// Dropping it removes the directory. Servers in it are to be dropped before.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) postgres: Postgres,
    pub(crate) redis_server: Option<PathBuf>,
    pub(crate) account: Account,
    pub(crate) configuration: Configuration,
    directory: PathBuf,
    // Dropped after the directory is removed, so that it finds nothing to do.
    _watchdog: Watchdog,
}

impl Site {
    /// Makes an empty directory with a watchdog. The watchdog comes first: from then on nothing can be left behind.
    pub(crate) fn open(
        postgres: Postgres,
        redis_server: Option<PathBuf>,
        tls: Option<&Tls>,
    ) -> Result<Self> {
        let account = Account::choose()?;
        // Short, because the Unix sockets are in it.
        let directory = base_directory(account)?.join(format!("manifold-{:08x}", random() >> 32));
        files::make_directory(&directory, account)?;
        let mut programs: Vec<&Path> = vec![
            &postgres.postgres,
            &postgres.initdb,
            &postgres.pg_basebackup,
        ];
        programs.extend(redis_server.as_deref());
        let fronts = binaries::front_programs();
        programs.extend(fronts.iter().map(PathBuf::as_path));
        let watchdog = match Watchdog::start(&directory, &programs, account) {
            Ok(watchdog) => watchdog,
            Err(error) => {
                files::remove_directory(&directory)?;
                return Err(error);
            }
        };
        let configuration = Configuration::write(&directory, account, tls)?;
        Ok(Self {
            postgres,
            redis_server,
            account,
            configuration,
            directory,
            _watchdog: watchdog,
        })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // What could not be removed here is the watchdog's, a moment later.
        let _ = files::remove_directory(&self.directory);
    }
}
