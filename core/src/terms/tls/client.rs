//! Certificates and keys, read from their files into what rustls connects with.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::{WantsClientCert, WebPkiServerVerifier};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use crate::terms::error::{Error, Result};
use crate::terms::tls::verifier::{Asked, Verifier};
use crate::terms::tls::{Own, Proof, Roots, Tls};

/// One server's TLS, its files read. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    /// For the words of a failure.
    pub(super) tls: Arc<Tls>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.tls).finish()
    }
}

impl Client {
    /// Reads the files. `setting` names where they were configured, for the error.
    pub fn new(tls: &Tls, setting: &str) -> Result<Self> {
        let builder = verifying(tls, setting)?;
        let config = match &tls.own {
            None => builder.with_no_client_auth(),
            Some(own) => identified(builder, own, setting)?,
        };
        Ok(Self {
            config: Arc::new(config),
            tls: Arc::new(tls.clone()),
        })
    }

    /// The same, saying by ALPN which protocol will be spoken.
    pub fn speaking(mut self, protocol: &str) -> Self {
        Arc::make_mut(&mut self.config).alpn_protocols = vec![protocol.as_bytes().to_vec()];
        self
    }

    /// What rustls connects with.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

type Verifying = ConfigBuilder<ClientConfig, WantsClientCert>;

fn verifying(tls: &Tls, setting: &str) -> Result<Verifying> {
    // Named, not the process's: an application may have installed another one, or two crates may have
    // brought one each, and rustls then panics when it is asked for *the* provider.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let bug = |error: &dyn fmt::Display| {
        Error::configuration(error.to_string(), "this is our bug, please report it")
    };
    let asked = match tls.proof {
        Proof::Key => Asked::Nothing,
        Proof::Chain => Asked::Chain(roots(&tls.roots, setting)?),
        Proof::Name => {
            let roots = Arc::new(roots(&tls.roots, setting)?);
            let all = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
            Asked::ChainAndName(all.build().map_err(|error| bug(&error))?)
        }
    };
    let verifier = Arc::new(Verifier {
        asked,
        algorithms: provider.signature_verification_algorithms,
    });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bug(&error))?;
    // What rustls calls so: a verifier of one's own.
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(verifier))
}

fn roots(roots: &Roots, setting: &str) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    let (added, why) = match roots {
        Roots::File(path) => {
            let certificates = certificates(path, "sslrootcert", setting)?;
            let (added, _) = store.add_parsable_certificates(certificates);
            (
                added,
                format!("sslrootcert={} holds no usable root", path.display()),
            )
        }
        Roots::Platform => {
            let found = rustls_native_certs::load_native_certs();
            let why = found.errors.first().map(ToString::to_string);
            let (added, _) = store.add_parsable_certificates(found.certs);
            let why = why.unwrap_or_else(|| "it has none".to_owned());
            (
                added,
                format!("this machine's roots cannot be read ({why})"),
            )
        }
    };
    if added == 0 {
        return Err(Error::configuration(
            format!("{setting}: {why}"),
            "name a PEM file with the certificate of the server's root in sslrootcert",
        ));
    }
    Ok(store)
}

/// All certificates of a file, at least one.
fn certificates(
    path: &Path,
    parameter: &str,
    setting: &str,
) -> Result<Vec<CertificateDer<'static>>> {
    let found =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(unusable(
            path,
            parameter,
            setting,
            "holds no certificate in PEM",
        )),
        Err(error) => Err(unreadable(path, parameter, setting, &error)),
    }
}

fn key(path: &Path, setting: &str) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        PemError::NoItemsFound if is_encrypted(path) => {
            unusable(path, "sslkey", setting, "is encrypted; store it decrypted")
        }
        PemError::NoItemsFound => unusable(path, "sslkey", setting, "holds no private key in PEM"),
        error => unreadable(path, "sslkey", setting, &error),
    })
}

fn is_encrypted(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|text| {
        let marker: &[u8] = b"ENCRYPTED PRIVATE KEY";
        text.windows(marker.len()).any(|part| part == marker)
    })
}

fn identified(builder: Verifying, own: &Own, setting: &str) -> Result<ClientConfig> {
    let chain = certificates(&own.certificate, "sslcert", setting)?;
    let key = key(&own.key, setting)?;
    builder.with_client_auth_cert(chain, key).map_err(|error| {
        Error::configuration(
            format!(
                "{setting}: sslcert={} and sslkey={} are no pair ({error})",
                own.certificate.display(),
                own.key.display()
            ),
            "name a certificate and its own key",
        )
    })
}

fn unreadable(path: &Path, parameter: &str, setting: &str, error: &PemError) -> Error {
    // Of what is in the file nothing is said: it may be a key.
    match error {
        PemError::Io(error) => unusable(
            path,
            parameter,
            setting,
            &format!("cannot be read ({error})"),
        ),
        _ => unusable(path, parameter, setting, "is no PEM file"),
    }
}

fn unusable(path: &Path, parameter: &str, setting: &str, why: &str) -> Error {
    Error::configuration(
        format!("{setting}: {parameter}={} {why}", path.display()),
        "name a readable PEM file; it is read once, at the start",
    )
}
