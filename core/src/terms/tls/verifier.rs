//! How much of a server's certificate is verified: rustls' own verification, and the lesser ones of libpq.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// That the server has its certificate's key is always verified: PostgreSQL's channel binding stands on
/// it.
#[derive(Debug)]
pub struct Verifier {
    pub asked: Asked,
    pub algorithms: WebPkiSupportedAlgorithms,
}

/// What is asked beyond that.
#[derive(Debug)]
pub enum Asked {
    Nothing,
    Chain(RootCertStore),
    ChainAndName(Arc<WebPkiServerVerifier>),
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = match &self.asked {
            Asked::Nothing => Ok(ServerCertVerified::assertion()),
            Asked::Chain(roots) => ParsedCertificate::try_from(certificate)
                .and_then(|certificate| {
                    let algorithms = self.algorithms.all;
                    verify_server_cert_signed_by_trust_anchor(
                        &certificate,
                        roots,
                        intermediates,
                        now,
                        algorithms,
                    )
                })
                .map(|()| ServerCertVerified::assertion()),
            Asked::ChainAndName(all) => {
                all.verify_server_cert(certificate, intermediates, name, ocsp, now)
            }
        };
        verified.map_err(|error| match error {
            // A root of that name has another key, as after a root was made anew.
            Error::InvalidCertificate(CertificateError::BadSignature) => {
                CertificateError::UnknownIssuer.into()
            }
            error => error,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
