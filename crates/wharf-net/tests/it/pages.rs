//! Pages through the cache: freshness, revalidation, failures, stand-ins.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{Server, fixture, ok, page, quick, reply, with};
use wharf_core::{Explain, WebUrl};
use wharf_net::error::TransportKind;
use wharf_net::{CacheStatus, Freshness, Mirror, NetError, Request, Settings, StaleReason};

const BODY: &str = "<a href=six-1.0.tar.gz>";

#[tokio::test]
async fn fresh_answers_are_not_asked_for_again() {
    let server = Server::start(|_, _| ok(BODY).header("Content-Type", "text/html")).await;
    let fixture = fixture(quick());
    let url = server.url("/simple/six/");

    let first = fixture.client.get_cached(page(&url)).await.unwrap();
    assert_eq!(first.status, CacheStatus::Fetched);
    assert_eq!(first.body.bytes().unwrap(), BODY);
    assert_eq!(
        first.fresh_for,
        Duration::from_secs(600),
        "the heuristic for servers that say nothing"
    );

    let second = fixture.again(|_| {}).get_cached(page(&url)).await.unwrap();
    assert_eq!(second.status, CacheStatus::Hit);
    assert_eq!(second.body.bytes().unwrap(), BODY);
    assert_eq!(second.identity, first.identity);
    assert_eq!(second.content_type.as_deref(), Some("text/html"));
    assert_eq!(server.count(), 1);

    assert!(second.fresh_for > Duration::from_secs(590));

    let json = Request {
        accept: "application/json",
        ..page(&url)
    };
    fixture.client.get_cached(json).await.unwrap();
    assert_eq!(server.count(), 2, "what is accepted is part of what is asked");
}

#[tokio::test]
async fn entity_tags_save_the_body() {
    let server = Server::start(|seen, _| match seen.header("if-none-match") {
        Some("\"one\"") => reply(304, "")
            .header("ETag", "\"one\"")
            .header("Cache-Control", "max-age=60"),
        _ => ok(BODY)
            .header("ETag", "\"one\"")
            .header("Cache-Control", "max-age=0"),
    })
    .await;
    let fixture = fixture(quick());
    let url = server.url("/");
    fixture.client.get_cached(page(&url)).await.unwrap();
    let second = fixture.client.get_cached(page(&url)).await.unwrap();
    assert_eq!(second.status, CacheStatus::Revalidated);
    assert!(second.revalidated);
    assert_eq!(second.body.bytes().unwrap(), BODY);
    assert_eq!(
        second.fresh_for,
        Duration::from_secs(60),
        "the confirmation brings a new lifetime"
    );
    assert_eq!(
        fixture.client.get_cached(page(&url)).await.unwrap().status,
        CacheStatus::Hit
    );
    let forced = fixture
        .client
        .get_cached(with(&url, Freshness::Revalidate))
        .await
        .unwrap();
    assert_eq!(forced.status, CacheStatus::Revalidated);
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn the_same_bytes_again_count_as_confirmed() {
    let server = Server::start(|_, number| ok(if number < 2 { "old" } else { "new" })).await;
    let fixture = fixture(quick());
    let url = server.url("/");
    let get = || fixture.client.get_cached(with(&url, Freshness::Revalidate));
    let first = get().await.unwrap();
    let second = get().await.unwrap();
    assert_eq!(second.status, CacheStatus::Revalidated);
    assert_eq!(second.identity, first.identity);
    let third = get().await.unwrap();
    assert_eq!(third.status, CacheStatus::Fetched);
    assert_ne!(third.identity, first.identity);
    assert_eq!(
        fixture
            .client
            .get_cached(page(&url))
            .await
            .unwrap()
            .body
            .bytes()
            .unwrap(),
        "new"
    );
}

#[tokio::test]
async fn what_never_changes_is_asked_for_once() {
    let server = Server::start(|_, _| ok("Name: six").header("Cache-Control", "max-age=0")).await;
    let fixture = fixture(quick());
    let url = server.url("/six.whl.metadata");
    for _ in 0..3 {
        fixture
            .client
            .get_cached(with(&url, Freshness::Immutable))
            .await
            .unwrap();
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn nothing_is_stored_that_may_not_be() {
    let server = Server::start(|_, _| ok(BODY).header("Cache-Control", "no-store")).await;
    let fixture = fixture(quick());
    let url = server.url("/");
    for _ in 0..2 {
        fixture.client.get_cached(page(&url)).await.unwrap();
    }
    assert_eq!(server.count(), 2);
    fixture
        .client
        .get_cached(with(&url, Freshness::NoStore))
        .await
        .unwrap();
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn absence_is_remembered_for_a_while() {
    let server = Server::start(|_, _| reply(404, "no")).await;
    let fixture = fixture(quick());
    let url = server.url("/simple/none/");
    for _ in 0..3 {
        let error = fixture.client.get_cached(page(&url)).await.unwrap_err();
        assert!(matches!(error, NetError::NotFound { .. }), "{error}");
        assert_eq!(error.url(), Some(&url));
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn passing_failures_are_retried() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let server =
            Server::start(move |_, number| if number < 2 { reply(status, "") } else { ok(BODY) }).await;
        let url = server.url("/");
        let page = fixture(quick()).client.get_cached(page(&url)).await.unwrap();
        assert_eq!(page.body.bytes().unwrap(), BODY, "{status}");
        assert_eq!(server.count(), 3, "{status}");
    }
}

#[tokio::test]
async fn lasting_failures_are_told_with_what_was_tried() {
    let server = Server::start(|_, _| reply(503, "")).await;
    let error = fixture(quick())
        .client
        .get_cached(page(&server.url("/x")))
        .await
        .unwrap_err();
    assert_eq!(server.count(), 4, "one try and three retries");
    let NetError::Status {
        status: 503, tried, ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(tried.attempts, 4);
    assert!(
        error.to_string().contains("/x answered HTTP 503 (tried 4 times"),
        "{error}"
    );
    assert_eq!((error.code(), error.hints().len()), ("net/status", 1));
}

#[tokio::test]
async fn what_will_not_pass_is_not_retried() {
    for (status, code) in [
        (400, "net/status"),
        (401, "net/unauthorized"),
        (403, "net/unauthorized"),
        (410, "net/not-found"),
        (501, "net/status"),
    ] {
        let server = Server::start(move |_, _| reply(status, "")).await;
        let error = fixture(quick())
            .client
            .get_cached(page(&server.url("/")))
            .await
            .unwrap_err();
        assert_eq!((error.code(), server.count()), (code, 1), "{status}");
    }
}

#[tokio::test]
async fn the_server_sets_the_pause() {
    let server = Server::start(|_, number| match number {
        0 => reply(429, "").header("Retry-After", "1"),
        _ => ok(BODY),
    })
    .await;
    let begun = Instant::now();
    fixture(quick())
        .client
        .get_cached(page(&server.url("/")))
        .await
        .unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));

    let far = Server::start(|_, _| reply(429, "").header("Retry-After", "3600")).await;
    let error = fixture(quick())
        .client
        .get_cached(page(&far.url("/")))
        .await
        .unwrap_err();
    assert!(matches!(error, NetError::Status { status: 429, .. }), "{error}");
    assert_eq!(far.count(), 1, "nobody waits an hour");
}

#[tokio::test]
async fn half_pages_are_fetched_again() {
    let server = Server::start(|_, number| if number == 0 { ok(BODY).cut(5) } else { ok(BODY) }).await;
    let page = fixture(quick())
        .client
        .get_cached(page(&server.url("/")))
        .await
        .unwrap();
    assert_eq!(page.body.bytes().unwrap(), BODY);
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn garbage_and_silence_are_told_apart() {
    let garbage = Server::start(|_, _| crate::support::Reply {
        raw: Some(b"SSH-2.0-x\r\n".to_vec()),
        ..ok("")
    })
    .await;
    let error = fixture(quick())
        .client
        .get_cached(page(&garbage.url("/")))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            NetError::Transport {
                kind: TransportKind::Broken,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(garbage.count(), 4);

    let slow = Server::start(|_, _| ok(BODY).delay(3_000)).await;
    let settings = Settings {
        timeout: Duration::from_millis(50),
        retries: 1,
        ..quick()
    };
    let error = fixture(settings)
        .client
        .get_cached(page(&slow.url("/")))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            NetError::Transport {
                kind: TransportKind::Timeout,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(slow.count(), 2);

    let nobody = WebUrl::parse("http://127.0.0.1:1/").unwrap();
    let error = fixture(quick())
        .client
        .get_cached(page(&nobody))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            NetError::Transport {
                kind: TransportKind::Connect,
                ..
            }
        ),
        "{error:?}"
    );
    let ftp = WebUrl::parse("ftp://example.org/").unwrap();
    let error = fixture(quick()).client.get_cached(page(&ftp)).await.unwrap_err();
    assert_eq!(error.code(), "net/scheme");
}

#[tokio::test]
async fn offline_takes_what_there_is() {
    let server = Server::start(|_, _| ok(BODY).header("Cache-Control", "max-age=0")).await;
    let fixture = fixture(quick());
    let (known, unknown) = (server.url("/known"), server.url("/unknown"));
    fixture.client.get_cached(page(&known)).await.unwrap();
    let offline = fixture.again(|settings| settings.offline = true);
    assert!(offline.is_offline());
    let stale = offline.get_cached(page(&known)).await.unwrap();
    assert_eq!(stale.status, CacheStatus::Stale(StaleReason::Offline));
    assert_eq!(stale.body.bytes().unwrap(), BODY);
    let fixed = offline
        .get_cached(with(&known, Freshness::Immutable))
        .await
        .unwrap();
    assert_eq!(fixed.status, CacheStatus::Hit);
    let error = offline.get_cached(page(&unknown)).await.unwrap_err();
    assert_eq!(error.code(), "net/offline");
    assert_eq!(
        offline.get_bytes(&known, 100).await.unwrap_err().code(),
        "net/offline"
    );
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn old_answers_stand_in_and_say_how_old() {
    let server = Server::start(|_, number| match number {
        0 | 1 => ok(BODY)
            .header("Cache-Control", "max-age=0")
            .header("Age", "7200"),
        _ => reply(500, ""),
    })
    .await;
    let fixture = fixture(quick());
    let (one, two) = (server.url("/one"), server.url("/two"));
    fixture.client.get_cached(page(&one)).await.unwrap();
    fixture.client.get_cached(page(&two)).await.unwrap();
    for url in [&one, &two] {
        let stale = fixture.client.get_cached(page(url)).await.unwrap();
        let CacheStatus::Stale(StaleReason::Outage(why)) = &stale.status else {
            panic!("{:?}", stale.status)
        };
        assert!(why.contains("HTTP 500"), "{why}");
        assert!(stale.age >= Duration::from_secs(7200));
        assert_eq!(stale.fresh_for, Duration::ZERO);
    }
    let warnings = fixture.events.warnings();
    assert_eq!(warnings.len(), 1, "once per server: {warnings:?}");
    assert_eq!(warnings[0].0, "cache/stale");
    assert!(warnings[0].1.contains("2 hours old"), "{warnings:?}");
}

#[tokio::test]
async fn a_server_that_forbids_it_gets_no_stand_in() {
    let server = Server::start(|_, number| match number {
        0 => ok(BODY).header("Cache-Control", "max-age=0, must-revalidate"),
        _ => reply(500, ""),
    })
    .await;
    let fixture = fixture(quick());
    let url = server.url("/");
    fixture.client.get_cached(page(&url)).await.unwrap();
    assert_eq!(
        fixture.client.get_cached(page(&url)).await.unwrap_err().code(),
        "net/status"
    );
}

#[tokio::test]
async fn an_unreachable_server_is_not_asked_for_every_page() {
    let server = Server::start(|_, _| ok(BODY).header("Cache-Control", "max-age=0")).await;
    let fixture = fixture(quick());
    let urls: Vec<_> = (0..4).map(|number| server.url(&format!("/{number}"))).collect();
    for url in &urls {
        fixture.client.get_cached(page(url)).await.unwrap();
    }
    // The cache of a mirror that is gone: nobody listens where it leads.
    let mirror = Mirror {
        prefix: server.url("/"),
        replacement: WebUrl::parse("http://127.0.0.1:1/").unwrap(),
    };
    let cut_off = fixture.again(|settings| {
        settings.mirrors = vec![mirror];
        settings.backoff = Duration::from_millis(100);
    });
    cut_off.get_cached(page(&urls[0])).await.unwrap();
    let begun = Instant::now();
    for url in &urls[1..] {
        let stale = cut_off.get_cached(page(url)).await.unwrap();
        assert!(matches!(stale.status, CacheStatus::Stale(StaleReason::Outage(_))));
    }
    assert!(
        begun.elapsed() < Duration::from_millis(100),
        "no more retries: {:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_costs_speed_only() {
    let server = Server::start(|_, _| ok(BODY)).await;
    let fixture = fixture(quick());
    std::fs::write(fixture.path("cache"), "a file where a directory should be").unwrap();
    for name in ["/a", "/b"] {
        let page = fixture.client.get_cached(page(&server.url(name))).await.unwrap();
        assert_eq!(page.body.bytes().unwrap(), BODY);
    }
    let warnings = fixture.events.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].0, "cache/unwritable");
}

#[tokio::test]
async fn pages_are_decompressed_within_limits() {
    let squeezed = zstd::encode_all(vec![b'x'; 100_000].as_slice(), 3).unwrap();
    let server = Server::start(move |seen, _| match seen.path.as_str() {
        "/zstd" => ok(squeezed.clone()).header("Content-Encoding", "zstd"),
        "/lie" => ok("not compressed").header("Content-Encoding", "gzip"),
        _ => ok("?").header("Content-Encoding", "br"),
    })
    .await;
    let client = fixture(quick()).client;
    let body = client.get_bytes(&server.url("/zstd"), 100_000).await.unwrap();
    assert_eq!(body, vec![b'x'; 100_000]);
    let code = async |path, limit| {
        client
            .get_bytes(&server.url(path), limit)
            .await
            .unwrap_err()
            .code()
    };
    assert_eq!(code("/zstd", 99_999).await, "net/too-large");
    assert_eq!(code("/lie", 1000).await, "net/encoding");
    assert_eq!(code("/brotli", 1000).await, "net/encoding");
    let accepted = server.seen()[0].header("accept-encoding").unwrap().to_owned();
    assert_eq!(accepted, "gzip, zstd");
}

#[tokio::test]
async fn endless_pages_are_cut() {
    let server = Server::start(|_, _| ok(vec![b'x'; 2_000])).await;
    let settings = Settings {
        page_limit: 1_000,
        ..quick()
    };
    let error = fixture(settings)
        .client
        .get_cached(page(&server.url("/")))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "net/too-large");
}

#[tokio::test]
async fn redirects_move_the_base_of_links() {
    let server = Server::start(|seen, _| match seen.path.as_str() {
        "/old/" => reply(301, "").header("Location", "../new/index/"),
        "/loop" => reply(302, "").header("Location", "/loop"),
        "/lost" => reply(302, ""),
        "/out" => reply(302, "").header("Location", "file:///etc/passwd"),
        _ => ok(BODY),
    })
    .await;
    let client = fixture(quick()).client;
    let page_ = client.get_cached(page(&server.url("/old/"))).await.unwrap();
    assert_eq!(page_.url, server.url("/new/index/"));
    let again = client.get_cached(page(&server.url("/old/"))).await.unwrap();
    assert_eq!(
        (again.url, again.status),
        (server.url("/new/index/"), CacheStatus::Hit)
    );
    for (path, word) in [
        ("/loop", "more than 10 times"),
        ("/lost", "without"),
        ("/out", "neither http"),
    ] {
        let error = client.get_cached(page(&server.url(path))).await.unwrap_err();
        assert!(
            error.code() == "net/redirect" && error.to_string().contains(word),
            "{error}"
        );
    }
}

#[tokio::test]
async fn mirrors_are_tried_in_order_and_stay_invisible() {
    let broken = Server::start(|_, _| reply(500, "")).await;
    let working = Server::start(|seen, _| match seen.path.as_str() {
        "/m/simple/six/" => reply(302, "").header("Location", "/m/simple/Six/"),
        _ => ok(BODY),
    })
    .await;
    let prefix = WebUrl::parse("https://index.example.org/simple/").unwrap();
    let mirror = |server: &Server, path| Mirror {
        prefix: prefix.clone(),
        replacement: server.url(path),
    };
    let mirrors = vec![mirror(&broken, "/b"), mirror(&working, "/m/simple")];
    let settings = Settings {
        mirrors,
        retries: 1,
        ..quick()
    };
    let client = fixture(settings).client;
    let url = prefix.join("six/").unwrap();
    let found = client.get_cached(page(&url)).await.unwrap();
    assert_eq!(found.url.to_string(), "https://index.example.org/simple/Six/");
    assert_eq!(broken.seen()[0].path, "/b/six/");
    assert_eq!((broken.count(), working.count()), (2, 2));
    let plain = client
        .get_cached(page(&prefix.join("flask/").unwrap()))
        .await
        .unwrap();
    assert_eq!(plain.url.to_string(), "https://index.example.org/simple/flask/");
}

#[tokio::test]
async fn the_governor_bounds_what_runs_at_once() {
    let server = Arc::new(Server::start(|_, _| ok(BODY).delay(20)).await);
    let client = fixture(quick()).client;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (client, url) = (client.clone(), server.url(&format!("/{number}")));
            tokio::spawn(async move { client.get_cached(page(&url)).await.map(drop) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(server.count(), 20);
    assert!(
        (2..=5).contains(&server.most_at_once()),
        "{} at once",
        server.most_at_once()
    );
}

#[tokio::test]
async fn answers_to_other_questions_are_no_pages() {
    for status in [206, 304, 416] {
        let server = Server::start(move |_, _| reply(status, "")).await;
        let client = fixture(quick()).client;
        let error = client.get_cached(page(&server.url("/"))).await.unwrap_err();
        assert!(
            matches!(error, NetError::Status { status: told, .. } if told == status),
            "{error:?}"
        );
        assert_eq!(
            client.get_bytes(&server.url("/"), 100).await.unwrap_err().code(),
            "net/status"
        );
    }
}
