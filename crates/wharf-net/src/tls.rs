//! Whom we trust: the system's certificates, or those that the user names instead.
//!
//! Invariant: nothing is read before the first handshake, and no more than needed then. Certificates are looked for
//! in two stages: first one bundle file (`SSL_CERT_FILE`, the configured bundle, or the system's), and only if that
//! does not know the server's issuer, the directories and everything else the system has, which takes ten times as
//! long to read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::NetError;
use crate::settings::{ClientIdentity, Settings, host_of};

/// Where Linux distributions and BSDs keep their bundle.
const SYSTEM_BUNDLES: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// The TLS configuration for these settings, showing `identity` rather than the settings' own certificate.
pub(crate) fn config(
    settings: &Settings,
    identity: Option<&ClientIdentity>,
) -> Result<ClientConfig, NetError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // Said now, because a bundle that the user named and that is missing must not end in "unknown issuer".
    if let Some(path) = &settings.ca_bundle {
        std::fs::metadata(path).map_err(|error| unusable("the CA bundle", path, &error))?;
    }
    let pem = pem_certificates(&settings.ca_pem)?;
    let verifier = Verifier {
        provider: Arc::clone(&provider),
        sources: Sources::new(settings, pem),
        accept_any: settings.accept_any_certificate,
        trusted_hosts: settings.trusted_hosts.iter().map(|host| host_of(host)).collect(),
        near: OnceLock::new(),
        far: OnceLock::new(),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NetError::Settings {
            what: "TLS".to_owned(),
            message: error.to_string(),
        })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let files = |path: &PathBuf| ClientIdentity::Files {
        cert: path.clone(),
        key: path.clone(),
    };
    let own = settings.client_cert.as_ref().map(files);
    let mut config = match identity.or(own.as_ref()) {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (certificates, key) = client_identity(identity)?;
            builder
                .with_client_auth_cert(certificates, key)
                .map_err(|error| unusable(CLIENT, cert_path(identity), &error))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

const CLIENT: &str = "the client certificate";

fn client_identity(identity: &ClientIdentity) -> Result<Identity, NetError> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| unusable(CLIENT, path, &error));
    let (cert, key) = match identity {
        ClientIdentity::Files { cert, key } => (read(cert)?, read(key)?),
        ClientIdentity::Pem { cert, key } => (cert.clone().into_bytes(), key.clone().into_bytes()),
    };
    let certificates = CertificateDer::pem_slice_iter(&cert)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(CLIENT, cert_path(identity), &error))?;
    let key =
        PrivateKeyDer::from_pem_slice(&key).map_err(|error| unusable(CLIENT, key_path(identity), &error))?;
    Ok((certificates, key))
}

fn cert_path(identity: &ClientIdentity) -> &Path {
    match identity {
        ClientIdentity::Files { cert, .. } => cert,
        ClientIdentity::Pem { .. } => Path::new("(in the configuration)"),
    }
}

fn key_path(identity: &ClientIdentity) -> &Path {
    match identity {
        ClientIdentity::Files { key, .. } => key,
        ClientIdentity::Pem { .. } => Path::new("(in the configuration)"),
    }
}

/// Certificates that stand in the configuration itself. Said now where they are none, as for a bundle.
fn pem_certificates(texts: &[String]) -> Result<Vec<CertificateDer<'static>>, NetError> {
    let mut certificates = Vec::new();
    for text in texts {
        let before = certificates.len();
        for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
            certificates.push(certificate.map_err(|error| pem_unusable(&error))?);
        }
        if certificates.len() == before {
            return Err(pem_unusable(&"it holds no certificate"));
        }
    }
    Ok(certificates)
}

fn pem_unusable(error: &dyn std::fmt::Display) -> NetError {
    NetError::Settings {
        what: "the CA certificate in the configuration".to_owned(),
        message: error.to_string(),
    }
}

fn unusable(what: &str, path: &Path, error: &dyn std::fmt::Display) -> NetError {
    NetError::Settings {
        what: format!("{what} `{}`", path.display()),
        message: error.to_string(),
    }
}

/// Where certificates come from, in the two stages.
#[derive(Debug)]
struct Sources {
    bundle: Option<PathBuf>,
    directories: Vec<PathBuf>,
    /// Certificates that stand in the configuration.
    pem: Vec<CertificateDer<'static>>,
    /// A file of certificates beside all others.
    extra: Option<PathBuf>,
    /// Whether the user named none, so that the system's own apply.
    system: bool,
}

impl Sources {
    fn new(settings: &Settings, pem: Vec<CertificateDer<'static>>) -> Self {
        let system =
            settings.ca_bundle.is_none() && settings.ca_directories.is_empty() && settings.ca_pem.is_empty();
        let system_bundle = || {
            SYSTEM_BUNDLES
                .iter()
                .map(PathBuf::from)
                .find(|path| path.is_file())
        };
        Self {
            bundle: if system {
                system_bundle()
            } else {
                settings.ca_bundle.clone()
            },
            directories: settings.ca_directories.clone(),
            pem,
            extra: settings.extra_ca.clone(),
            system,
        }
    }

    fn near(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        for path in self.bundle.iter().chain(&self.extra) {
            let found = rustls_native_certs::load_certs_from_paths(Some(path), None);
            add(&mut roots, found);
        }
        roots.add_parsable_certificates(self.pem.iter().cloned());
        roots
    }

    fn far(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        if self.system {
            add(&mut roots, rustls_native_certs::load_native_certs());
        }
        for directory in &self.directories {
            add(
                &mut roots,
                rustls_native_certs::load_certs_from_paths(None, Some(directory)),
            );
        }
        roots
    }
}

fn add(roots: &mut RootCertStore, found: rustls_native_certs::CertificateResult) {
    for error in found.errors {
        tracing::debug!(%error, "a certificate file was skipped");
    }
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(added, ignored, "certificates loaded");
}

type Stage = OnceLock<Option<Arc<WebPkiServerVerifier>>>;

/// Checks a server's certificate against the first stage, then the second.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    sources: Sources,
    trusted_hosts: Vec<String>,
    accept_any: bool,
    near: Stage,
    far: Stage,
}

impl Verifier {
    /// `None` where there are no certificates at all.
    fn build(&self, roots: RootCertStore) -> Option<Arc<WebPkiServerVerifier>> {
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .ok()
    }

    fn is_trusted(&self, server_name: &ServerName<'_>) -> bool {
        self.accept_any
            || !self.trusted_hosts.is_empty() && {
                let name = server_name.to_str().to_ascii_lowercase();
                self.trusted_hosts.contains(&name)
            }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.is_trusted(server_name) {
            return Ok(ServerCertVerified::assertion());
        }
        let unknown = || rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let check = |stage: &Option<Arc<WebPkiServerVerifier>>| match stage {
            Some(roots) => {
                roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Err(unknown()),
        };
        match check(self.near.get_or_init(|| self.build(self.sources.near()))) {
            Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                check(self.far.get_or_init(|| self.build(self.sources.far())))
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_is_missing_is_told_at_once() {
        let settings = Settings {
            ca_bundle: Some("/nonexistent/ca.pem".into()),
            ..Settings::default()
        };
        let error = config(&settings, None).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/ca.pem"), "{error}");
    }

    #[test]
    fn a_key_file_without_a_key_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let settings = Settings {
            client_cert: Some(file.path().to_owned()),
            ..Settings::default()
        };
        assert!(
            config(&settings, None)
                .unwrap_err()
                .to_string()
                .contains("client certificate")
        );
    }
}
