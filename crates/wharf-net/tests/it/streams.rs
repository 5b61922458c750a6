//! Streams and documents: bytes in order whatever breaks, conditions, and tokens.

use std::time::Duration;

use bytes::Bytes;
use wharf_core::{Event, Explain};
use wharf_net::{Client, DocumentReply, Login, NetError, Settings, Validators};

use crate::support::{Server, fixture, ok, quick, ranged, reply};

fn file() -> Vec<u8> {
    (0..400_000u32)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

/// The bytes, and how often the transfer was taken up again.
async fn read(client: &Client, server: &Server) -> Result<(Vec<u8>, u32, bool), NetError> {
    let mut stream = client.stream(&server.url("/file"), "file").await?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes, stream.resumed(), stream.is_patched()))
}

#[tokio::test]
async fn a_file_arrives_in_order() {
    let server = Server::start(|seen, _| ranged(seen, &file())).await;
    let fixture = fixture(quick());
    let (bytes, resumed, patched) = read(&fixture.client, &server).await.unwrap();
    assert!(bytes == file() && resumed == 0 && !patched);
    assert_eq!(server.seen()[0].header("accept-encoding"), Some("identity"));
    let count =
        |wanted: fn(&Event) -> bool| fixture.events.all().iter().filter(|event| wanted(event)).count();
    assert_eq!(count(|event| matches!(event, Event::DownloadStarted { .. })), 1);
    assert_eq!(count(|event| matches!(event, Event::DownloadFinished { .. })), 1);
}

#[tokio::test]
async fn breaks_are_mended_with_and_without_ranges() {
    for ranges in [true, false] {
        let server = Server::start(move |seen, number| {
            let whole = if ranges { ranged(seen, &file()) } else { ok(file()) };
            match number {
                0 => whole.cut(100_000),
                1 => whole.cut(if ranges { 50_000 } else { 150_000 }),
                _ => whole,
            }
        })
        .await;
        let (bytes, resumed, patched) = read(&fixture(quick()).client, &server).await.unwrap();
        assert!(bytes == file(), "ranges: {ranges}");
        assert!(resumed == 2 && patched);
        let asked: Vec<_> = server
            .seen()
            .iter()
            .map(|seen| seen.header("range").map(str::to_owned))
            .collect();
        let asked: Vec<_> = asked.iter().map(Option::as_deref).collect();
        assert_eq!(asked, [None, Some("bytes=100000-"), Some("bytes=150000-")]);
    }
}

#[tokio::test]
async fn endless_breaks_end() {
    let server = Server::start(|_, _| ok(file()).cut(0)).await;
    let error = read(&fixture(quick()).client, &server).await.unwrap_err();
    assert_eq!(error.code(), "net/broken");
    assert_eq!(server.count(), 4);
}

#[tokio::test]
async fn only_time_that_the_peer_is_waited_for_counts() {
    let settings = Settings {
        // Long enough for a busy machine, whose answers must not seem to be silence.
        timeout: Duration::from_secs(1),
        ..quick()
    };
    let server = Server::start(|seen, number| match number {
        0 => ok(file()).silence(5_000),
        1 => ok(file()).cut(100_000).silence(5_000),
        _ => ranged(seen, &file()),
    })
    .await;
    let fixture = fixture(settings);
    let mut stream = fixture.client.stream(&server.url("/file"), "file").await.unwrap();
    let mut bytes = Vec::new();
    // Whoever unpacks it has others to unpack first.
    for pause in [0, 1_500] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        bytes.extend_from_slice(&stream.next().await.unwrap().unwrap());
    }
    while let Some(piece) = stream.next().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    assert!(bytes == file() && stream.resumed() == 0);
    // The peer's own silence counts.
    let (bytes, resumed, _) = read(&fixture.client, &server).await.unwrap();
    assert!(bytes == file() && resumed == 1);
}

#[tokio::test]
async fn another_part_than_the_one_asked_for_is_not_taken() {
    let server = Server::start(|_, number| match number {
        0 => ok(file()).cut(100_000),
        1 => reply(206, &file()[..1000]).header("Content-Range", "bytes 0-999/400000"),
        _ => ok(file()),
    })
    .await;
    let (bytes, ..) = read(&fixture(quick()).client, &server).await.unwrap();
    assert!(bytes == file());
    let shorter = Server::start(|_, number| match number {
        0 => ok(file()).cut(100_000),
        _ => ok(vec![0; 200_000]),
    })
    .await;
    let error = read(&fixture(quick()).client, &shorter).await.unwrap_err();
    assert_eq!(error.code(), "net/wrong-size");
}

#[tokio::test]
async fn documents_are_asked_for_with_conditions() {
    let server = Server::start(|seen, _| match seen.header("if-none-match") {
        Some("\"one\"") => reply(304, "").header("Cache-Control", "max-age=60"),
        _ => ok("{}")
            .header("ETag", "\"one\"")
            .header("Cache-Control", "max-age=30"),
    })
    .await;
    let fixture = fixture(quick());
    let ask = |known: Option<Validators>| {
        let (client, url) = (fixture.client.clone(), server.url("/a"));
        async move {
            client
                .get_document(&url, "application/json", known.as_ref())
                .await
                .unwrap()
        }
    };
    let DocumentReply::New(document) = ask(None).await else {
        panic!("nothing was known")
    };
    assert_eq!(document.lifetime.fresh_for, Duration::from_secs(30));
    let validators = document.validators.clone();
    assert_eq!(document.decode().unwrap(), Bytes::from_static(b"{}"));
    let DocumentReply::Unchanged(lifetime) = ask(Some(validators)).await else {
        panic!("it did not change")
    };
    assert_eq!(lifetime.fresh_for, Duration::from_secs(60));
    let other = Validators {
        etag: Some("\"two\"".to_owned()),
        last_modified: None,
    };
    assert!(matches!(ask(Some(other)).await, DocumentReply::New(_)));
    assert_eq!(server.seen()[0].header("accept"), Some("application/json"));
}

#[tokio::test]
async fn a_confirmation_that_was_not_asked_for_is_no_answer() {
    let server = Server::start(|_, _| reply(304, "")).await;
    let client = fixture(quick()).client;
    let error = client
        .get_document(&server.url("/a"), "*/*", None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "net/status");
}

#[tokio::test]
async fn tokens_go_where_they_belong() {
    let server = Server::start(|_, _| ok("")).await;
    let settings = Settings {
        credentials: vec![
            (server.url("/team/"), Login::bearer("t0ken".to_owned())),
            (
                server.url("/other"),
                Login::new("a".to_owned(), Some("b".to_owned())),
            ),
            (server.url("/odd"), Login::bearer("new\nline".to_owned())),
        ],
        ..quick()
    };
    assert!(!format!("{settings:?}").contains("t0ken"));
    let client = fixture(settings).client;
    for path in ["/team/a", "/other/a", "/teams/a", "/odd/a"] {
        client.get_bytes(&server.url(path), 10).await.unwrap();
    }
    let seen = server.seen();
    let sent: Vec<_> = seen.iter().map(|seen| seen.header("authorization")).collect();
    assert_eq!(sent, [Some("Bearer t0ken"), Some("Basic YTpi"), None, None]);
}
