//! TLS: what a URL asks for, in libpq's words, and what that means.

use std::fmt;
use std::path::PathBuf;

use crate::terms::error::{Error, Result};

#[cfg(feature = "tls")]
pub mod client;
pub mod parameters;
#[cfg(feature = "tls")]
mod verdict;
#[cfg(feature = "tls")]
mod verifier;

use parameters::Parameters;

/// How much a connection to PostgreSQL insists on TLS: libpq's
/// [`sslmode`](https://www.postgresql.org/docs/current/libpq-ssl.html).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Never.
    Disable,
    /// Only if the server refuses without.
    Allow,
    /// If the server has it.
    Prefer,
    /// Always, whatever certificate the server shows.
    Require,
    /// Always, with a certificate that a root has signed.
    VerifyCa,
    /// Always, with such a certificate for the name that was connected to.
    VerifyFull,
}

const MODES: [(Mode, &str); 6] = [
    (Mode::Disable, "disable"),
    (Mode::Allow, "allow"),
    (Mode::Prefer, "prefer"),
    (Mode::Require, "require"),
    (Mode::VerifyCa, "verify-ca"),
    (Mode::VerifyFull, "verify-full"),
];

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = MODES.iter().find(|(mode, _)| mode == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl Mode {
    /// Whether a connection without TLS is none.
    pub const fn insists(self) -> bool {
        matches!(self, Self::Require | Self::VerifyCa | Self::VerifyFull)
    }
}

/// What a server's certificate has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Only that the server has its key.
    Key,
    /// That a root has signed it, too.
    Chain,
    /// And that it is for the name that was connected to.
    Name,
}

/// Who may have signed a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Those that this machine trusts.
    Platform,
    /// Those in a PEM file.
    File(PathBuf),
}

impl fmt::Display for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("this machine's roots"),
            Self::File(path) => write!(f, "the roots in {}", path.display()),
        }
    }
}

/// The PEM files of our own certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// How to speak TLS with one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub proof: Proof,
    pub roots: Roots,
    pub own: Option<Own>,
}

impl Tls {
    /// What the parameters of a PostgreSQL URL mean. `setting` names where they stand, for the error.
    pub fn of_postgres(parameters: &Parameters, setting: &str) -> Result<(Mode, Self)> {
        let system = parameters.sslrootcert.as_deref() == Some("system");
        let mode = match parameters.sslmode.as_deref() {
            Some(said) => mode(said, setting)?,
            None if system => Mode::VerifyFull,
            None => Mode::Prefer,
        };
        if system && mode != Mode::VerifyFull {
            // libpq's rule: everybody can get a certificate of a public root for some name.
            return Err(Error::configuration(
                format!(
                    "{setting} has sslrootcert=system with sslmode={mode}, which proves nothing"
                ),
                "use sslmode=verify-full with it",
            ));
        }
        let tls = Self::new(parameters, Proof::Key, setting)?;
        let proof = match (mode, &tls.roots) {
            (Mode::VerifyFull, _) => Proof::Name,
            (Mode::VerifyCa, _) | (_, Roots::File(_)) => Proof::Chain,
            (_, Roots::Platform) => Proof::Key,
        };
        Ok((mode, Self { proof, ..tls }))
    }

    /// What the parameters of a Redis URL mean, whose scheme asks for TLS or does not.
    pub fn of_redis(parameters: &Parameters, wanted: bool, setting: &str) -> Result<Option<Self>> {
        if let (false, Some(name)) = (wanted, parameters.names().next()) {
            return Err(Error::configuration(
                format!("{setting} has {name}, and asks for no TLS"),
                "write rediss:// with two s, or remove the parameter",
            ));
        }
        if parameters.sslmode.is_some() {
            return Err(Error::configuration(
                format!("{setting} has sslmode, which is PostgreSQL's"),
                "remove it: rediss:// always verifies the certificate and its name",
            ));
        }
        wanted
            .then(|| Self::new(parameters, Proof::Name, setting))
            .transpose()
    }

    fn new(parameters: &Parameters, proof: Proof, setting: &str) -> Result<Self> {
        let roots = match &parameters.sslrootcert {
            Some(path) if path != "system" => Roots::File(path.into()),
            _ => Roots::Platform,
        };
        let own = match (&parameters.sslcert, &parameters.sslkey) {
            (Some(certificate), Some(key)) => Some(Own {
                certificate: certificate.into(),
                key: key.into(),
            }),
            (None, None) => None,
            (cert, _) => {
                let (one, other) = match cert {
                    Some(_) => ("sslcert", "sslkey"),
                    None => ("sslkey", "sslcert"),
                };
                return Err(Error::configuration(
                    format!("{setting} has {one} without {other}"),
                    "name the certificate and its key, each by its PEM file",
                ));
            }
        };
        Ok(Self { proof, roots, own })
    }
}

fn mode(said: &str, setting: &str) -> Result<Mode> {
    let known = MODES.iter().find(|(_, name)| *name == said);
    known.map(|(mode, _)| *mode).ok_or_else(|| {
        let names: Vec<_> = MODES.iter().map(|(_, name)| *name).collect();
        Error::configuration(
            format!("{setting} has sslmode={said}"),
            format!("it is one of {}", names.join(", ")),
        )
    })
}

/// Why TLS failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub why: String,
    /// What to change in the configuration; `None`: it is right, and the server or the way to it is not.
    pub fix: Option<&'static str>,
}

/// Stands in for a connection's TLS where it is compiled out: nobody can have one.
#[cfg(not(feature = "tls"))]
pub mod client {
    use std::error::Error as StdError;

    use super::{Error, Result, Tls, Verdict};

    /// Cannot exist.
    #[derive(Debug, Clone)]
    pub enum Client {}

    impl Client {
        /// Says that there is none.
        pub fn new(_: &Tls, setting: &str) -> Result<Self> {
            Err(Error::configuration(
                format!("{setting} asks for TLS, which this program was built without"),
                "turn on the feature `tls` of diesel-manifold",
            ))
        }

        /// Nobody can ask.
        pub fn speaking(self, _: &str) -> Self {
            self
        }

        /// Nobody can ask.
        pub fn verdict(&self, _: &(dyn StdError + 'static)) -> Option<Verdict> {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests;
