//! Certificates that the system does not know, HTTP/2, client certificates.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpListener;
use wharf_core::{Explain, WebUrl};
use wharf_net::{Client, ClientIdentity, NetError, Settings};

use crate::support::{fixture, page, quick};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, both as PEM.
fn issue(authority: &Authority, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap(), key)
}

/// A server on 127.0.0.1 that counts connections and says which HTTP it speaks.
struct TlsServer {
    url: WebUrl,
    connections: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientCertificate {
    Ignored,
    Required,
}

async fn start(authority: &Authority, client: ClientCertificate) -> TlsServer {
    let (certificate, key) = issue(authority, "127.0.0.1");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client {
        ClientCertificate::Ignored => builder.with_no_client_auth(),
        ClientCertificate::Required => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = builder
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = WebUrl::parse(&format!("https://{}/", listener.local_addr().unwrap())).unwrap();
    let connections = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, counter) = (acceptor.clone(), Arc::clone(&counter));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                counter.fetch_add(1, Ordering::SeqCst);
                let answer = service_fn(async |request: hyper::Request<Incoming>| {
                    let version = format!("{:?}", request.version());
                    Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from(version))))
                });
                let _ = Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    TlsServer { url, connections }
}

fn write(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

async fn get(client: &Client, server: &TlsServer) -> Result<String, NetError> {
    let body = client.get_bytes(&server.url, 100).await?;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn unknown_authorities_are_refused_with_a_way_out() {
    let server = start(&authority(), ClientCertificate::Ignored).await;
    let error = get(&fixture(quick()).client, &server).await.unwrap_err();
    assert_eq!(error.code(), "net/tls", "{error}");
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert!(error.hints()[0].contains("SSL_CERT_FILE"), "{:?}", error.hints());
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_bundle_a_directory_or_trust_lets_them_in() {
    let authority = authority();
    let server = start(&authority, ClientCertificate::Ignored).await;
    let (folder, bundle) = write("ca.pem", &authority.pem());
    let directories = vec![folder.path().to_owned()];
    for settings in [
        Settings {
            ca_bundle: Some(bundle),
            ..quick()
        },
        Settings {
            ca_directories: directories,
            ..quick()
        },
        Settings {
            trusted_hosts: vec!["127.0.0.1".to_owned()],
            ..quick()
        },
    ] {
        assert_eq!(get(&fixture(settings).client, &server).await.unwrap(), "HTTP/2.0");
    }
}

#[tokio::test]
async fn another_name_is_refused_even_from_a_known_authority() {
    let authority = authority();
    let server = start(&authority, ClientCertificate::Ignored).await;
    let (_folder, bundle) = write("ca.pem", &authority.pem());
    let url = server.url.to_string().replace("127.0.0.1", "localhost");
    let server = TlsServer {
        url: WebUrl::parse(&url).unwrap(),
        ..server
    };
    let settings = Settings {
        ca_bundle: Some(bundle),
        trusted_hosts: vec!["127.0.0.1".to_owned()],
        ..quick()
    };
    assert_eq!(
        get(&fixture(settings).client, &server).await.unwrap_err().code(),
        "net/tls"
    );
}

#[tokio::test]
async fn many_requests_share_one_connection() {
    let authority = authority();
    let server = start(&authority, ClientCertificate::Ignored).await;
    let (_folder, bundle) = write("ca.pem", &authority.pem());
    let client = fixture(Settings {
        ca_bundle: Some(bundle),
        ..quick()
    })
    .client;
    let tasks: Vec<_> = (0..30)
        .map(|number| {
            let (client, url) = (client.clone(), server.url.join(&format!("{number}")).unwrap());
            tokio::spawn(async move { client.get_cached(page(&url)).await.map(drop) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn client_certificates_are_shown() {
    let authority = authority();
    let server = start(&authority, ClientCertificate::Required).await;
    let (_folder, bundle) = write("ca.pem", &authority.pem());
    let (certificate, key) = issue(&authority, "me");
    let (_other, identity) = write("me.pem", &(certificate.pem() + &key.serialize_pem()));
    let known = Settings {
        ca_bundle: Some(bundle),
        ..quick()
    };
    get(&fixture(known.clone()).client, &server).await.unwrap_err();
    let shown = Settings {
        client_cert: Some(identity),
        ..known
    };
    assert_eq!(get(&fixture(shown).client, &server).await.unwrap(), "HTTP/2.0");
}

#[tokio::test]
async fn redirects_do_not_leave_encryption() {
    let plain = crate::support::Server::start(|_, _| crate::support::ok("plain")).await;
    // A plain server cannot redirect from https, so the mirror of an https URL stands in for it.
    let authority = authority();
    let (_folder, bundle) = write("ca.pem", &authority.pem());
    let location = plain.url("/").to_string();
    let server = start_redirecting(&authority, location).await;
    let client = fixture(Settings {
        ca_bundle: Some(bundle.clone()),
        ..quick()
    })
    .client;
    let error = client.get_bytes(&server, 100).await.unwrap_err();
    assert!(
        error.code() == "net/redirect" && error.to_string().contains("not encrypted"),
        "{error}"
    );
    assert_eq!(plain.count(), 0);
    let trusted_hosts = vec!["127.0.0.1".to_owned()];
    let client = fixture(Settings {
        ca_bundle: Some(bundle),
        trusted_hosts,
        ..quick()
    })
    .client;
    assert_eq!(client.get_bytes(&server, 100).await.unwrap(), "plain");
}

async fn start_redirecting(authority: &Authority, location: String) -> WebUrl {
    let (certificate, key) = issue(authority, "127.0.0.1");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = WebUrl::parse(&format!("https://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let location = location.clone();
            let answer = service_fn(move |_: hyper::Request<Incoming>| {
                let response = hyper::Response::builder()
                    .status(302)
                    .header("Location", &location);
                let response = response.body(Full::new(Bytes::new())).unwrap();
                async { Ok::<_, Infallible>(response) }
            });
            tokio::spawn(async move {
                let _ = Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    url
}

#[tokio::test]
async fn client_certificates_belong_to_what_lies_below_a_url() {
    let authority = authority();
    let server = start(&authority, ClientCertificate::Required).await;
    let (certificate, key) = issue(&authority, "me");
    let (_cert, cert_path) = write("me.crt", &certificate.pem());
    let (_key, key_path) = write("me.key", &key.serialize_pem());
    let files = ClientIdentity::Files {
        cert: cert_path,
        key: key_path,
    };
    let pem = ClientIdentity::Pem {
        cert: certificate.pem(),
        key: key.serialize_pem(),
    };
    for identity in [files, pem] {
        let with = |prefix: &WebUrl| Settings {
            ca_pem: vec![authority.pem()],
            client_identities: vec![(prefix.clone(), identity.clone())],
            ..quick()
        };
        assert_eq!(
            get(&fixture(with(&server.url)).client, &server).await.unwrap(),
            "HTTP/2.0"
        );
        let below = server.url.join("team/").unwrap();
        get(&fixture(with(&below)).client, &server).await.unwrap_err();
        assert!(!format!("{:?}", with(&server.url)).contains("PRIVATE"));
    }
}

#[tokio::test]
async fn certificates_in_the_configuration_let_a_server_in() {
    let authority = authority();
    let server = start(&authority, ClientCertificate::Ignored).await;
    let (_folder, extra) = write("extra.pem", &authority.pem());
    let accepted = [
        Settings {
            ca_pem: vec![authority.pem()],
            ..quick()
        },
        Settings {
            extra_ca: Some(extra),
            ..quick()
        },
        Settings {
            accept_any_certificate: true,
            ..quick()
        },
    ];
    for settings in accepted {
        get(&fixture(settings).client, &server).await.unwrap();
    }
    let nonsense = Settings {
        ca_pem: vec!["-----BEGIN NOTHING-----".to_owned()],
        ..quick()
    };
    let error = get(&fixture(nonsense).client, &server).await.unwrap_err();
    assert_eq!(error.code(), "net/settings");
}
