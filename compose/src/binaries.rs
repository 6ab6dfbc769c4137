//! Where the servers are installed. The order: what the caller said, the PATH, the places that packages use.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Kind, Result};

/// The directory with PostgreSQL's programs.
const POSTGRES_VARIABLE: &str = "MANIFOLD_PG_BIN";
/// The Redis server's program.
const REDIS_VARIABLE: &str = "MANIFOLD_REDIS_SERVER";

const POSTGRES_PACKAGE: &str = "`apt-get install postgresql` or `brew install postgresql@17`";
const REDIS_PACKAGE: &str = "`apt-get install redis-server` or `brew install redis`";

/// All of these must be in one directory: a `psql` alone, as Debian puts one on the PATH, is no server.
const POSTGRES_PROGRAMS: [&str; 4] = ["postgres", "initdb", "psql", "pg_basebackup"];

/// Parent, directories' prefix, and what follows: `/usr/lib/postgresql/15/bin`. The highest version found wins.
const VERSIONED_PLACES: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// Versions before this one lack what the configuration and the roles rely on.
const OLDEST_MAJOR: u32 = 15;

/// The programs of one PostgreSQL installation.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_field_names,
    reason = "the fields are named as the programs are"
)]
pub(crate) struct Postgres {
    pub(crate) postgres: PathBuf,
    pub(crate) initdb: PathBuf,
    pub(crate) psql: PathBuf,
    pub(crate) pg_basebackup: PathBuf,
    /// What `postgres --version` says; a template belongs to exactly this.
    pub(crate) version: String,
}

impl Postgres {
    /// Finds the installation and asks its version.
    pub(crate) fn find() -> Result<Self> {
        let directory = postgres_directory(&|name| std::env::var_os(name))?;
        let postgres = directory.join("postgres");
        let output = Command::new(&postgres)
            .arg("--version")
            .output()
            .map_err(Error::process("ask the version of", &postgres))?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if major(&version).is_none_or(|major| major < OLDEST_MAJOR) {
            return Err(Kind::UnsupportedVersion { found: version }.into());
        }
        Ok(Self {
            postgres,
            initdb: directory.join("initdb"),
            psql: directory.join("psql"),
            pg_basebackup: directory.join("pg_basebackup"),
            version,
        })
    }
}

/// Finds the Redis server.
pub(crate) fn redis_server() -> Result<PathBuf> {
    find_redis_server(&|name| std::env::var_os(name))
}

fn postgres_directory(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let candidates = match variable(POSTGRES_VARIABLE) {
        // Said explicitly, so a wrong value is an error and not a reason to take something else.
        Some(said) => vec![PathBuf::from(said)],
        None => path_of(variable)
            .into_iter()
            .chain(versioned_places())
            .collect(),
    };
    let complete = |directory: &&PathBuf| {
        POSTGRES_PROGRAMS
            .iter()
            .all(|program| is_program(&directory.join(program)))
    };
    // Absolute, because servers start in another directory. Not resolved: one program may be several by its name, as Debian's
    // redis-server is.
    candidates
        .iter()
        .find(complete)
        .and_then(|found| std::path::absolute(found).ok())
        .ok_or_else(|| {
            let binary = POSTGRES_PROGRAMS[0];
            Kind::MissingBinary {
                binary,
                package: POSTGRES_PACKAGE,
                variable: POSTGRES_VARIABLE,
                looked_in: candidates,
            }
            .into()
        })
}

fn find_redis_server(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let candidates: Vec<PathBuf> = match variable(REDIS_VARIABLE) {
        Some(said) => vec![PathBuf::from(said)],
        None => {
            let homebrew = ["/opt/homebrew/bin", "/usr/local/bin"].map(PathBuf::from);
            path_of(variable)
                .into_iter()
                .chain(homebrew)
                .map(|place| place.join("redis-server"))
                .collect()
        }
    };
    candidates
        .iter()
        .find(|file| is_program(file))
        .and_then(|found| std::path::absolute(found).ok())
        .ok_or_else(|| {
            let binary = "redis-server";
            Kind::MissingBinary {
                binary,
                package: REDIS_PACKAGE,
                variable: REDIS_VARIABLE,
                looked_in: candidates,
            }
            .into()
        })
}

fn path_of(variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    variable("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default()
}

/// The packages' places, the highest version first; a place that does not exist is kept without its version, for the message.
fn versioned_places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    for (parent, prefix, below) in VERSIONED_PLACES {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let mut versions: Vec<(u32, PathBuf)> = entries
            .filter_map(|entry| {
                let version = entry
                    .file_name()
                    .to_str()?
                    .strip_prefix(prefix)?
                    .parse()
                    .ok()?;
                Some((version, entry.path().join(below)))
            })
            .collect();
        versions.sort_unstable_by(|a, b| b.cmp(a));
        if versions.is_empty() {
            places.push(Path::new(parent).join(format!("{prefix}*")).join(below));
        }
        places.extend(versions.into_iter().map(|(_, place)| place));
    }
    places
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// `postgres (PostgreSQL) 15.14 (Debian …)` → 15; `17beta1` → 17.
fn major(version: &str) -> Option<u32> {
    let number = version.split(") ").nth(1)?;
    let digits = number
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(number.len());
    number[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_form() {
        for (said, expected) in [
            (
                "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)",
                Some(15),
            ),
            ("postgres (PostgreSQL) 17beta1", Some(17)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("postgres", None),
        ] {
            assert_eq!(major(said), expected, "{said}");
        }
    }

    #[test]
    fn what_was_said_explicitly_is_not_replaced_by_something_else() {
        let nowhere = |name: &str| (name != "PATH").then(|| OsString::from("/nowhere"));
        let postgres = postgres_directory(&nowhere).unwrap_err();
        assert!(postgres.is_missing_binary());
        let message = postgres.to_string();
        assert!(
            message.contains("apt-get install postgresql") && message.contains("/nowhere"),
            "{message}"
        );

        let redis = find_redis_server(&nowhere).unwrap_err();
        assert!(redis.is_missing_binary());
        assert!(redis.to_string().contains("brew install redis"), "{redis}");
    }
}
