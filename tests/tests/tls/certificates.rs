//! Certificates for servers and clients, made for one test and gone with it.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SignatureAlgorithm, date_time_ymd,
};

/// A root, and the directory with all it has signed.
pub struct Authority {
    directory: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
    root: PathBuf,
}

/// A certificate and its key, in PEM files.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Pair {
    /// As parameters of a URL.
    pub fn parameters(&self) -> String {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        format!("sslcert={certificate}&sslkey={key}")
    }
}

impl Authority {
    /// A root that signs by ECDSA on P-256.
    pub fn new() -> Self {
        Self::signing_by(&rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// A root that signs by another algorithm.
    pub fn signing_by(algorithm: &'static SignatureAlgorithm) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "a root for tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a root");
        let root = directory.path().join("root.pem");
        fs::write(&root, certificate.pem()).expect("written");
        Self {
            issuer: Issuer::new(params, key),
            directory,
            root,
        }
    }

    /// The PEM file of the root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The root as a parameter of a URL.
    pub fn parameter(&self) -> String {
        format!("sslrootcert={}", self.root.display())
    }

    /// A server's certificate for these names.
    pub fn server(&self, names: &[&str]) -> Pair {
        self.sign(
            "server",
            &Self::params(names, ExtendedKeyUsagePurpose::ServerAuth),
        )
    }

    /// A server's certificate that ended long ago.
    pub fn expired(&self, names: &[&str]) -> Pair {
        let mut params = Self::params(names, ExtendedKeyUsagePurpose::ServerAuth);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign("expired", &params)
    }

    /// A certificate that nobody but itself has signed; `authority`: one that may sign others.
    pub fn self_signed(&self, names: &[&str], authority: bool) -> Pair {
        let mut params = Self::params(names, ExtendedKeyUsagePurpose::ServerAuth);
        if authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        self.write("alone", &certificate.pem(), &key)
    }

    /// The certificate of a client that logs in as this role.
    pub fn client(&self, role: &str) -> Pair {
        let mut params = Self::params(&[], ExtendedKeyUsagePurpose::ClientAuth);
        params.distinguished_name.push(DnType::CommonName, role);
        self.sign(role, &params)
    }

    /// A file beside the others.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, content).expect("written");
        path
    }

    fn params(names: &[&str], purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.extended_key_usages = vec![purpose];
        params
    }

    fn sign(&self, name: &str, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        self.write(name, &certificate.pem(), &key)
    }

    fn write(&self, name: &str, certificate: &str, key: &KeyPair) -> Pair {
        Pair {
            certificate: self.file(&format!("{name}.pem"), certificate),
            key: self.file(&format!("{name}.key"), &key.serialize_pem()),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
