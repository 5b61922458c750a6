//! Downloads: verified, resumed, and never leaving a half file.

use crate::support::{Fixture, Reply, Seen, Server, fixture, ok, quick, ranged, reply};
use wharf_core::{Algorithm, Digest, Event, Explain};
use wharf_net::{Downloaded, NetError, Range, RangeReply};

fn archive() -> Vec<u8> {
    (0..3_000_000u32)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

fn sha256(bytes: &[u8]) -> Digest {
    let digest = ring_digest(bytes);
    Digest::from_bytes(Algorithm::Sha256, &digest).unwrap()
}

fn ring_digest(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes)
        .as_ref()
        .to_vec()
}

async fn download(fixture: &Fixture, server: &Server, expected: &[Digest]) -> Result<Downloaded, NetError> {
    let to = fixture.path("file");
    let outcome = fixture
        .client
        .download(&server.url("/file"), &to, expected, None, "file 1.0")
        .await;
    assert_eq!(
        to.exists(),
        outcome.is_ok(),
        "a file is there exactly if it was verified"
    );
    if outcome.is_ok() {
        assert!(std::fs::read(&to).unwrap() == archive());
    }
    outcome
}

async fn server(script: impl Fn(&Seen, usize, &[u8]) -> Reply + Send + Sync + 'static) -> Server {
    let file = archive();
    Server::start(move |seen, number| script(seen, number, &file)).await
}

#[tokio::test]
async fn what_arrives_is_hashed_and_counted() {
    let server = server(|seen, _, file| ranged(seen, file)).await;
    let fixture = fixture(quick());
    let downloaded = download(&fixture, &server, &[sha256(&archive())]).await.unwrap();
    assert_eq!((downloaded.bytes, downloaded.resumed), (3_000_000, 0));
    assert_eq!(downloaded.sha256, sha256(&archive()));
    assert_eq!(server.seen()[0].header("accept-encoding"), Some("identity"));
    let arrived: u64 = fixture
        .events
        .all()
        .iter()
        .map(|event| match event {
            Event::DownloadProgress { bytes, .. } => *bytes,
            _ => 0,
        })
        .sum();
    assert_eq!(arrived, 3_000_000);
    let ends = fixture
        .events
        .all()
        .iter()
        .filter(|event| matches!(event, Event::DownloadFinished { .. }))
        .count();
    assert_eq!(ends, 1);
}

#[tokio::test]
async fn a_gzip_label_does_not_alter_an_archive() {
    let server = server(|_, _, file| ok(file).header("Content-Encoding", "x-gzip")).await;
    download(&fixture(quick()), &server, &[sha256(&archive())])
        .await
        .unwrap();
}

#[tokio::test]
async fn broken_transfers_continue_where_they_broke() {
    let server = server(|seen, number, file| {
        let reply = ranged(seen, file).header("ETag", "\"v1\"");
        if number < 6 { reply.cut(400_000) } else { reply }
    })
    .await;
    // Six breaks with three retries: what makes progress may go on.
    let downloaded = download(&fixture(quick()), &server, &[]).await.unwrap();
    assert_eq!(downloaded.resumed, 6);
    assert_eq!(downloaded.sha256, sha256(&archive()));
    let seen = server.seen();
    assert_eq!(seen[1].header("range"), Some("bytes=400000-"));
    assert_eq!(seen[1].header("if-range"), Some("\"v1\""));
    assert_eq!(seen[6].header("range"), Some("bytes=2400000-"));
}

#[tokio::test]
async fn a_digest_vouches_where_no_validator_does() {
    let server = server(|seen, number, file| {
        if number == 0 {
            ranged(seen, file).cut(1_000_000)
        } else {
            ranged(seen, file)
        }
    })
    .await;
    let downloaded = download(&fixture(quick()), &server, &[sha256(&archive())])
        .await
        .unwrap();
    assert_eq!(downloaded.resumed, 1);
    assert_eq!(server.seen()[1].header("range"), Some("bytes=1000000-"));
    assert_eq!(server.seen()[1].header("if-range"), None);
}

#[tokio::test]
async fn without_either_it_begins_again() {
    let server = server(|seen, number, file| {
        if number == 0 {
            ranged(seen, file).cut(1_000_000)
        } else {
            ranged(seen, file)
        }
    })
    .await;
    let downloaded = download(&fixture(quick()), &server, &[]).await.unwrap();
    assert_eq!(downloaded.bytes, 3_000_000);
    assert_eq!(server.seen()[1].header("range"), None);
}

#[tokio::test]
async fn servers_that_ignore_or_bend_ranges_cost_a_restart() {
    let whole = server(|_, number, file| {
        if number == 0 {
            ok(file).header("ETag", "\"v1\"").cut(700_000)
        } else {
            ok(file)
        }
    })
    .await;
    download(&fixture(quick()), &whole, &[sha256(&archive())])
        .await
        .unwrap();
    assert_eq!(whole.seen()[1].header("range"), Some("bytes=700000-"));

    let bent = server(|_, number, file| match number {
        0 => ok(file).header("ETag", "\"v1\"").cut(700_000),
        1 => reply(206, &file[5..]).header(
            "Content-Range",
            &format!("bytes 5-{}/{}", file.len() - 1, file.len()),
        ),
        _ => ok(file),
    })
    .await;
    download(&fixture(quick()), &bent, &[sha256(&archive())])
        .await
        .unwrap();
}

#[tokio::test]
async fn halves_of_two_files_are_noticed() {
    // The file changes between the break and the rest, and the server does not say so.
    let server = server(|seen, number, file| match number {
        0 => ranged(seen, &vec![0; file.len()]).cut(1_000_000),
        _ => ranged(seen, file),
    })
    .await;
    let downloaded = download(&fixture(quick()), &server, &[sha256(&archive())])
        .await
        .unwrap();
    assert_eq!(downloaded.bytes, 3_000_000);
    assert_eq!(server.count(), 3, "the part, the rest, and the whole once more");
}

#[tokio::test]
async fn wrong_bytes_are_refused_by_name() {
    let server = server(|seen, _, file| ranged(seen, file)).await;
    let wrong = sha256(b"something else");
    let error = download(&fixture(quick()), &server, &[wrong]).await.unwrap_err();
    let NetError::WrongDigest { expected, actual, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (expected.as_slice(), **actual),
        ([wrong].as_slice(), sha256(&archive()))
    );
    assert!(
        error.to_string().contains(&wrong.hex()) && error.to_string().contains("/file"),
        "{error}"
    );
    assert_eq!(server.count(), 1);
    // Any of several digests will do; only those of the strongest algorithm count.
    download(&fixture(quick()), &server, &[wrong, sha256(&archive())])
        .await
        .unwrap();
    let md5 = Digest::from_bytes(Algorithm::Md5, &[0; 16]).unwrap();
    download(&fixture(quick()), &server, &[md5, sha256(&archive())])
        .await
        .unwrap();
    let weak = download(&fixture(quick()), &server, &[md5]).await.unwrap_err();
    assert_eq!(weak.code(), "net/wrong-hash");
    let blake2 = Digest::from_bytes(Algorithm::Blake2b, &[0; 64]).unwrap();
    let error = download(&fixture(quick()), &server, &[blake2]).await.unwrap_err();
    assert_eq!(error.code(), "net/unverifiable");
}

#[tokio::test]
async fn wrong_sizes_are_refused_before_much_is_read() {
    let announced = server(|seen, _, file| ranged(seen, file)).await;
    let fixture = fixture(quick());
    let to = fixture.path("file");
    let url = announced.url("/");
    let get = |size| fixture.client.download(&url, &to, &[], Some(size), "x");
    for size in [1, 2_999_999, 3_000_001] {
        let error = get(size).await.unwrap_err();
        assert!(
            matches!(
                error,
                NetError::WrongSize {
                    actual: 3_000_000,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(!to.exists());
    }
    get(3_000_000).await.unwrap();
}

#[tokio::test]
async fn endless_breaks_end() {
    let server = server(|_, _, file| ok(file).cut(0)).await;
    let error = download(&fixture(quick()), &server, &[]).await.unwrap_err();
    assert!(
        matches!(&error, NetError::Transport { tried, .. } if tried.attempts == 4),
        "{error:?}"
    );
    let missing = Server::start(|_, _| reply(404, "")).await;
    let error = download(&fixture(quick()), &missing, &[]).await.unwrap_err();
    assert!(matches!(error, NetError::NotFound { .. }), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_told_with_what_to_do() {
    let server = server(|seen, _, file| ranged(seen, file)).await;
    let fixture = fixture(quick());
    // A link, so that removing what is left removes the link and not the device.
    let to = fixture.path("file");
    std::os::unix::fs::symlink("/dev/full", &to).unwrap();
    let error = fixture
        .client
        .download(&server.url("/"), &to, &[], None, "x")
        .await
        .unwrap_err();
    assert_eq!(error.code(), "net/disk");
    assert!(error.hints()[0].contains("disk is full"), "{:?}", error.hints());
    assert!(to.symlink_metadata().is_err() && std::path::Path::new("/dev/full").exists());
}

#[tokio::test]
async fn an_unwritable_place_is_told() {
    let server = server(|seen, _, file| ranged(seen, file)).await;
    let fixture = fixture(quick());
    let to = fixture.path("missing/file");
    let error = fixture
        .client
        .download(&server.url("/"), &to, &[], None, "x")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("missing/file"), "{error}");
    assert_eq!(server.count(), 0, "nothing is fetched that cannot be kept");
}

#[tokio::test]
async fn a_cancelled_download_leaves_nothing() {
    let server = server(|_, _, file| ok(file).delay(2_000)).await;
    let fixture = fixture(quick());
    let to = fixture.path("file");
    let url = server.url("/");
    let download = fixture.client.download(&url, &to, &[], None, "x");
    let cancelled = tokio::time::timeout(std::time::Duration::from_millis(50), download).await;
    assert!(cancelled.is_err() && !to.exists());
}

#[tokio::test]
async fn ranges_are_believed_only_exactly() {
    let server = server(|seen, _, file| match seen.path.as_str() {
        "/small" => ok("small"),
        "/whole" => ok(file),
        "/shifted" => reply(206, "abc").header("Content-Range", "bytes 1-3/10"),
        "/unknown" => reply(206, "abc").header("Content-Range", "bytes 0-2/*"),
        "/coded" => reply(206, "abc")
            .header("Content-Range", "bytes 0-2/10")
            .header("Content-Encoding", "gzip"),
        "/empty" => reply(416, ""),
        _ => ranged(seen, file),
    })
    .await;
    let client = fixture(quick()).client;
    let get = async |path: &str, range| client.range(&server.url(path), range).await.unwrap();
    let file = archive();
    let partial = |start: usize, end: usize| RangeReply::Partial(file[start..end].to_vec().into(), 3_000_000);
    assert_eq!(get("/", Range::Bytes(10, 20)).await, partial(10, 20));
    assert_eq!(get("/", Range::Suffix(1000)).await, partial(2_999_000, 3_000_000));
    assert_eq!(get("/", Range::Suffix(9_000_000)).await, partial(0, 3_000_000));
    assert_eq!(
        get("/", Range::Bytes(2_999_990, 3_000_100)).await,
        partial(2_999_990, 3_000_000)
    );
    assert_eq!(
        get("/small", Range::Suffix(3)).await,
        RangeReply::Whole("small".into())
    );
    for path in ["/whole", "/shifted", "/unknown", "/coded", "/empty"] {
        assert_eq!(
            get(path, Range::Bytes(0, 3)).await,
            RangeReply::Unsupported,
            "{path}"
        );
    }
    assert_eq!(get("/", Range::Bytes(5, 5)).await, RangeReply::Unsupported);

    let head = client.head(&server.url("/")).await.unwrap();
    assert_eq!((head.length, head.accepts_ranges), (Some(3_000_000), true));
}
