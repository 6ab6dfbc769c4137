//! Where the servers are installed. The order: what the caller said, the PATH, the places that packages use.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Kind, Result};

/// The directory with PostgreSQL's programs.
const POSTGRES_VARIABLE: &str = "MANIFOLD_PG_BIN";
/// The Redis server's program.
const REDIS_VARIABLE: &str = "MANIFOLD_REDIS_SERVER";

/// PgBouncer's program.
const PGBOUNCER_VARIABLE: &str = "MANIFOLD_PGBOUNCER";
/// A folder that `stand-ins/pgbouncer-root` has filled.
const PGBOUNCER_ROOT_VARIABLE: &str = "MANIFOLD_PGBOUNCER_ROOT";
/// HAProxy's program.
const HAPROXY_VARIABLE: &str = "MANIFOLD_HAPROXY";

const POSTGRES_PACKAGE: &str = "`apt-get install postgresql` or `brew install postgresql@17`";
const REDIS_PACKAGE: &str = "`apt-get install redis-server` or `brew install redis`";
const PGBOUNCER_PACKAGE: &str =
    "`apt-get install pgbouncer`, `brew install pgbouncer` or `compose/stand-ins/pgbouncer-root`";
const HAPROXY_PACKAGE: &str = "`apt-get install haproxy` or `brew install haproxy`";

/// Where `stand-ins/pgbouncer-root` puts PgBouncer, below a cache.
const PGBOUNCER_ROOT: &str = "manifold-compose/pgbouncer-13";

/// Where packages put programs that the PATH of an ordinary user may lack.
const PROGRAM_PLACES: [&str; 4] = [
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/local/sbin",
];

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
    find_program(&REDIS, &|name| std::env::var_os(name))
}

/// Finds HAProxy.
pub(crate) fn haproxy() -> Result<PathBuf> {
    find_program(&HAPROXY, &|name| std::env::var_os(name))
}

/// One PgBouncer, and how to run it.
#[derive(Debug, Clone)]
pub(crate) struct PgBouncerProgram {
    /// What is executed: the program, or the dynamic loader that comes with it.
    pub(crate) program: PathBuf,
    /// What its command line begins with.
    pub(crate) arguments: Vec<OsString>,
    /// Major and minor number.
    pub(crate) version: (u32, u32),
}

impl PgBouncerProgram {
    /// Finds the first one of a version that will do: the machine's own, then that of `stand-ins/pgbouncer-root`.
    pub(crate) fn find(wanted: &Range<(u32, u32)>) -> Result<Self> {
        let variable = |name: &str| std::env::var_os(name);
        let mut looked_in = Vec::new();
        for (program, arguments) in pgbouncer_candidates(&variable) {
            let found = is_program(&program)
                .then(|| ask_pgbouncer_version(&program, &arguments))
                .flatten();
            match found {
                Some(version) if wanted.contains(&version) => {
                    return Ok(Self {
                        program,
                        arguments,
                        version,
                    });
                }
                _ => looked_in.push(program),
            }
        }
        let number = |(major, minor): (u32, u32)| format!("{major}.{minor}");
        let mut binary = "pgbouncer".to_owned();
        if wanted.start > ANY_VERSION.start {
            let _ = write!(binary, " {} or later", number(wanted.start));
        }
        if wanted.end < ANY_VERSION.end {
            let _ = write!(binary, " before {}", number(wanted.end));
        }
        let (package, variable) = (PGBOUNCER_PACKAGE, PGBOUNCER_VARIABLE);
        Err(Kind::MissingBinary {
            binary,
            package,
            variable,
            looked_in,
        }
        .into())
    }
}

/// Every version of PgBouncer.
pub(crate) const ANY_VERSION: Range<(u32, u32)> = (0, 0)..(u32::MAX, 0);

/// What may later be started before the nodes, for the watchdog to recognise.
pub(crate) fn front_programs() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name);
    let mut programs: Vec<_> = pgbouncer_candidates(&variable)
        .into_iter()
        .map(|(program, _)| program)
        .collect();
    programs.extend(haproxy());
    programs
}

/// A program alone, as opposed to PostgreSQL's, which belong together.
struct Wanted {
    binary: &'static str,
    package: &'static str,
    variable: &'static str,
}

const REDIS: Wanted = Wanted {
    binary: "redis-server",
    package: REDIS_PACKAGE,
    variable: REDIS_VARIABLE,
};
const HAPROXY: Wanted = Wanted {
    binary: "haproxy",
    package: HAPROXY_PACKAGE,
    variable: HAPROXY_VARIABLE,
};

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
            let binary = POSTGRES_PROGRAMS[0].to_owned();
            Kind::MissingBinary {
                binary,
                package: POSTGRES_PACKAGE,
                variable: POSTGRES_VARIABLE,
                looked_in: candidates,
            }
            .into()
        })
}

fn find_program(wanted: &Wanted, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let candidates = program_candidates(wanted.binary, wanted.variable, variable);
    candidates
        .iter()
        .find(|file| is_program(file))
        .and_then(|found| std::path::absolute(found).ok())
        .ok_or_else(|| {
            let Wanted {
                binary,
                package,
                variable,
            } = *wanted;
            Kind::MissingBinary {
                binary: binary.to_owned(),
                package,
                variable,
                looked_in: candidates,
            }
            .into()
        })
}

/// Where a program may be. What was said explicitly is not replaced by something else.
fn program_candidates(
    binary: &str,
    said_by: &str,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Vec<PathBuf> {
    match variable(said_by) {
        Some(said) => vec![PathBuf::from(said)],
        None => path_of(variable)
            .into_iter()
            .chain(PROGRAM_PLACES.map(PathBuf::from))
            .map(|place| place.join(binary))
            .collect(),
    }
}

/// The machine's own PgBouncer, if there is one, then those of `stand-ins/pgbouncer-root`, whether they are there or not.
fn pgbouncer_candidates(
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Vec<(PathBuf, Vec<OsString>)> {
    let own = program_candidates("pgbouncer", PGBOUNCER_VARIABLE, variable);
    let own = own.into_iter().find(|file| is_program(file));
    let caches = [
        variable("XDG_CACHE_HOME").map(PathBuf::from),
        variable("HOME").map(|home| PathBuf::from(home).join(".cache")),
        Some(PathBuf::from("/var/cache")),
    ];
    let roots = match variable(PGBOUNCER_ROOT_VARIABLE) {
        Some(said) => vec![PathBuf::from(said)],
        None => caches
            .into_iter()
            .flatten()
            .map(|cache| cache.join(PGBOUNCER_ROOT))
            .collect(),
    };
    let root = |root: PathBuf| {
        let (library, program) = (root.join("lib"), root.join("pgbouncer"));
        let arguments = vec!["--library-path".into(), library.into(), program.into()];
        (root.join("loader"), arguments)
    };
    let own = own.map(|program| (program, Vec::new()));
    let all = own.into_iter().chain(roots.into_iter().map(root));
    // Absolute, because servers start in another directory.
    all.filter_map(|(program, arguments)| Some((std::path::absolute(program).ok()?, arguments)))
        .collect()
}

fn ask_pgbouncer_version(program: &Path, arguments: &[OsString]) -> Option<(u32, u32)> {
    let mut command = Command::new(program);
    let output = command.args(arguments).arg("--version").output().ok()?;
    pgbouncer_version(&String::from_utf8_lossy(&output.stdout))
}

/// `PgBouncer 1.18.0` → (1, 18).
fn pgbouncer_version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said
        .lines()
        .next()?
        .strip_prefix("PgBouncer ")?
        .split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
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
    fn the_version_of_pgbouncer_is_read() {
        let debian = "PgBouncer 1.18.0\nlibevent 2.1.12-stable\n";
        assert_eq!(pgbouncer_version(debian), Some((1, 18)));
        assert_eq!(pgbouncer_version("PgBouncer 1.25dev"), Some((1, 25)));
        assert_eq!(pgbouncer_version("Bouncer 1.18.0"), None);
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

        let redis = find_program(&REDIS, &nowhere).unwrap_err();
        assert!(redis.is_missing_binary());
        assert!(redis.to_string().contains("brew install redis"), "{redis}");
    }
}
