//! Many archives at once, over one connection, with and without room for them.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use wharf_core::NullSink;
use wharf_net::{ProxySettings, Settings};
use wharf_store::{Limits, Shape};
use wharf_sys::Work;
use wharf_testkit::NpmPackage;

use super::*;

/// A package of about so many bytes, which nothing packs.
fn package(size: usize) -> Bytes {
    let mut state = size as u64 | 1;
    let words = (0..size / 8).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let noise: Vec<u8> = words.collect();
    NpmPackage::new("a", "1.0.0")
        .bytes("noise", &noise, 0o644)
        .build()
        .into()
}

/// A server that speaks HTTP/2 alone, over TLS.
struct Site {
    /// What `/0`, `/1` and so on are.
    archives: Vec<Bytes>,
    connections: AtomicUsize,
    requests: AtomicUsize,
}

impl Site {
    /// Begins to serve; also gives its address.
    async fn start(archives: Vec<Bytes>) -> (Arc<Self>, String) {
        let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], private)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let site = Arc::new(Self {
            archives,
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
        });
        let own = Arc::clone(&site);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let stream = acceptor.accept(stream).await.unwrap();
                tokio::spawn(Arc::clone(&own).serve(TokioIo::new(stream)));
            }
        });
        (site, address)
    }

    async fn serve(self: Arc<Self>, stream: TokioIo<tokio_rustls::server::TlsStream<tokio::net::TcpStream>>) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let number: usize = request.uri().path()[1..].parse().unwrap();
            let archive = self.archives[number].clone();
            std::future::ready(Ok::<_, Infallible>(hyper::Response::new(Full::new(archive))))
        });
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        // A client that is gone is no error.
        let _ = server.serve_connection(stream, answer).await;
    }
}

/// Fetches all of them at once, so often, with `taken` of the room taken by others; says how many were unpacked while they arrived.
async fn fetch_all(archives: Vec<Bytes>, times: usize, taken: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let (site, address) = Site::start(archives).await;
    let governor = Arc::new(Governor::for_machine());
    let settings = Settings {
        proxy: ProxySettings::Direct,
        trusted_hosts: vec!["127.0.0.1".to_owned()],
        timeout: Duration::from_secs(20),
        retries: 0,
        ..Settings::default()
    };
    let cache = folder.path().join("cache");
    let client = Client::new(settings, Arc::clone(&governor), cache, Arc::new(NullSink));
    let store = Arc::new(Store::open(&folder.path().join("store")).unwrap());
    let waiting = waiting_room();
    let arrivals = Arrivals {
        client: &client,
        store: &store,
        governor: &governor,
        waiting: &waiting,
    };
    let arrived = Arc::new(AtomicUsize::new(0));
    let fetch = |number: usize| {
        let url = WebUrl::parse(&format!("{address}/{number}")).unwrap();
        let arrived = Arc::clone(&arrived);
        let parcel = Parcel {
            label: format!("a@{number}"),
            expected: vec![Hasher::digest(Algorithm::Sha512, &site.archives[number])],
            unpack: Arc::new(move |store, packed| match packed {
                Packed::Whole(bytes) => store.unpack_tgz_bytes(bytes, Shape::Tree("a"), &Limits::default()),
                Packed::Arriving(stream) => {
                    arrived.fetch_add(1, Ordering::Relaxed);
                    store.unpack_tgz(stream, Shape::Tree("a"), &Limits::default())
                }
            }),
        };
        async move {
            let refused = |error| IndexError::net("not had".to_owned())(error);
            let (unpacked, _) = arrivals.fetch(&parcel, &url, refused).await.unwrap();
            assert_eq!(unpacked.files(), 3);
        }
    };
    let count = site.archives.len();
    // The first alone: those that begin at once connect at once.
    fetch(0).await;
    arrived.store(0, Ordering::Relaxed);
    let others = Arc::clone(&waiting)
        .acquire_many_owned(taken.try_into().unwrap())
        .await
        .unwrap();
    join_all((0..count * times).map(|number| fetch(number % count))).await;
    drop(others);
    assert_eq!(site.connections.load(Ordering::Relaxed), 1);
    assert_eq!(
        site.requests.load(Ordering::Relaxed),
        1 + count * times,
        "each once"
    );
    assert_eq!(waiting.available_permits(), WAITING);
    assert!(governor.gauge(Work::Disk).in_use == 0 && governor.gauge(Work::Network).in_use == 0);
    arrived.load(Ordering::Relaxed)
}

/// The window of a connection is 32 MiB, that of a transfer 4 MiB: eight that nobody reads would stop all others.
#[tokio::test]
async fn many_large_archives_share_one_connection() {
    assert_eq!(fetch_all(vec![package(9 << 20)], 12, 0).await, 12);
}

#[tokio::test]
async fn archives_for_which_there_is_no_room_arrive_all_the_same() {
    let archives: Vec<Bytes> = (1..=8).map(|size| package((size << 20) - 4096)).collect();
    let archives = || archives.clone();
    let with_free = |times, free: u32| fetch_all(archives(), times, WAITING - free as usize);
    // All can be asked for, and the first that is told has no room to stay.
    assert!(with_free(3, 24 * BEFORE_SIZED).await > 0);
    // Two can be asked for at a time, and none but the smallest has room.
    assert!(with_free(1, 2 * BEFORE_SIZED).await >= 7);
    // Nobody else has taken any.
    assert!(with_free(1, WAITING as u32).await < 8);
}

#[test]
fn an_archive_has_the_room_that_it_needs_or_none() {
    let waiting = waiting_room();
    let kept = || Arc::clone(&waiting).try_acquire_many_owned(BEFORE_SIZED).unwrap();
    let small = room(&waiting, 10 * UNIT, kept()).unwrap();
    assert_eq!(
        waiting.available_permits(),
        WAITING - 11,
        "the rest is given back"
    );
    let large = room(&waiting, 2 << 20, kept()).unwrap();
    assert_eq!(waiting.available_permits(), WAITING - 11 - 2049);
    assert!(room(&waiting, IN_MEMORY + 1, kept()).is_err());
    drop((small, large));
    let most = u32::try_from(WAITING).unwrap() - BEFORE_SIZED;
    let others = Arc::clone(&waiting).try_acquire_many_owned(most).unwrap();
    let kept = room(&waiting, 2 << 20, kept()).expect_err("there is none");
    assert_eq!(kept.num_permits(), BEFORE_SIZED as usize);
    drop((kept, others));
    assert_eq!(waiting.available_permits(), WAITING, "nothing stays taken");
}

#[test]
fn pieces_are_joined_in_order_also_inside_each_other() {
    let pieces = |texts: &[&'static str]| texts.iter().map(|text| Bytes::from(*text)).collect();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(with_joined(pieces(&[]), 0, text), "");
    assert_eq!(with_joined(pieces(&["ab"]), 2, text), "ab");
    let both = with_joined(pieces(&["ab", "cd"]), 4, |outer| {
        let inner = with_joined(pieces(&["e", "f", "g"]), 3, text);
        text(outer) + &inner
    });
    assert_eq!(both, "abcdefg");
    let mut held = Held::new(pieces(&["ab", "", "cd"]));
    assert_eq!(held.read(&mut [0; 8]).unwrap(), 2);
    let mut rest = String::new();
    held.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "cd");
    assert_eq!(held.read(&mut [0; 8]).unwrap(), 0);
}
