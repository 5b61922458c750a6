//! Logins: sent where they belong, nowhere else, and never shown.

use std::io::Write;
use std::sync::{Arc, Mutex, Once, OnceLock};

use wharf_core::{Explain, WebUrl};
use wharf_net::{KeyringMode, Login, Mirror, NetError, ProxySettings, Settings};

use crate::support::{Seen, Server, fixture, ok, page, quick, reply};

const SECRET: &str = "correct-horse-battery";
/// `me:correct-horse-battery`, as it goes over the wire.
const WIRE: &str = "Basic bWU6Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5";

fn secret_url(server: &Server, path: &str) -> WebUrl {
    WebUrl::parse(&format!("http://me:{SECRET}@127.0.0.1:{}{path}", server.port)).unwrap()
}

fn guarded(seen: &Seen) -> bool {
    seen.header("authorization") == Some(WIRE)
}

#[tokio::test]
async fn a_login_in_the_url_is_sent_and_serves_its_files() {
    let server = Server::start(|seen, _| if guarded(seen) { ok("in") } else { reply(401, "") }).await;
    let fixture = fixture(quick());
    let found = fixture
        .client
        .get_cached(page(&secret_url(&server, "/simple/")))
        .await
        .unwrap();
    assert!(!found.url.has_credentials());
    // The file that the page links to carries no login of its own.
    let file = fixture.path("file");
    fixture
        .client
        .download(&server.url("/file"), &file, &[], None, "x")
        .await
        .unwrap();
    let stranger = fixture.again(|_| {});
    let error = stranger
        .get_cached(page(&server.url("/other/")))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            NetError::Unauthorized {
                status: 401,
                sent: None,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.hints()[0].contains("netrc"), "{:?}", error.hints());
}

#[tokio::test]
async fn netrc_and_settings_are_used() {
    let server = Server::start(|seen, _| if guarded(seen) { ok("in") } else { reply(403, "") }).await;
    let folder = tempfile::tempdir().unwrap();
    let netrc = folder.path().join("netrc");
    std::fs::write(&netrc, format!("machine 127.0.0.1 login me password {SECRET}")).unwrap();
    let by_netrc = fixture(Settings {
        netrc: Some(netrc),
        ..quick()
    });
    by_netrc.client.get_cached(page(&server.url("/"))).await.unwrap();
    let login = Login::new("me".to_owned(), Some(SECRET.to_owned()));
    let by_settings = fixture(Settings {
        credentials: vec![(server.url("/team/"), login)],
        ..quick()
    });
    by_settings
        .client
        .get_cached(page(&server.url("/team/simple/")))
        .await
        .unwrap();
    by_settings
        .client
        .get_cached(page(&server.url("/other/")))
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_refused_login_is_told_by_its_place() {
    let server = Server::start(|_, _| reply(401, "")).await;
    let error = fixture(quick())
        .client
        .get_cached(page(&secret_url(&server, "/")))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            NetError::Unauthorized {
                sent: Some("the URL" | "the index URL"),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("was not accepted"), "{error}");
}

#[tokio::test]
async fn redirects_do_not_carry_logins_elsewhere() {
    let other = Arc::new(Server::start(|_, _| ok("elsewhere")).await);
    let location = other.url("/file").to_string();
    let port = other.port;
    let server = Server::start(move |seen, _| match seen.path.as_str() {
        "/same" => reply(302, "").header("Location", "/here"),
        "/planted" => reply(302, "").header("Location", &format!("http://x:planted@127.0.0.1:{port}/file")),
        "/here" if guarded(seen) => ok("here"),
        "/here" => reply(401, ""),
        _ => reply(302, "").header("Location", &location),
    })
    .await;
    let client = fixture(quick()).client;
    for path in ["/away", "/planted"] {
        let found = client.get_cached(page(&secret_url(&server, path))).await.unwrap();
        assert_eq!(found.body.bytes().unwrap(), "elsewhere");
    }
    assert_eq!(other.count(), 2);
    for seen in other.seen() {
        assert_eq!(seen.header("authorization"), None);
        assert!(!format!("{seen:?}").contains(SECRET), "{seen:?}");
    }
    client
        .get_cached(page(&secret_url(&server, "/same")))
        .await
        .unwrap();
}

#[tokio::test]
async fn mirrors_get_their_own_login_only() {
    let mirror = Server::start(|_, _| ok("mirrored")).await;
    let origin = WebUrl::parse(&format!("https://you:{SECRET}@index.example.org/simple/")).unwrap();
    let login = WebUrl::parse(&format!("http://m:own@127.0.0.1:{}/", mirror.port)).unwrap();
    let mirrors = vec![Mirror {
        prefix: origin.clone(),
        replacement: login,
    }];
    let client = fixture(Settings { mirrors, ..quick() }).client;
    client
        .get_cached(page(&origin.join("six/").unwrap()))
        .await
        .unwrap();
    assert_eq!(mirror.seen()[0].header("authorization"), Some("Basic bTpvd24="));
}

#[tokio::test]
async fn proxies_get_their_login_and_the_whole_url() {
    let proxy = Server::start(|_, _| ok("through")).await;
    let url = WebUrl::parse(&format!("http://p:own@127.0.0.1:{}/", proxy.port)).unwrap();
    let settings = ProxySettings::Explicit {
        url,
        no_proxy: Some("direct.example.org".to_owned()),
    };
    let client = fixture(Settings {
        proxy: settings,
        ..quick()
    })
    .client;
    client
        .get_cached(page(&WebUrl::parse("http://index.example.org/simple/").unwrap()))
        .await
        .unwrap();
    let seen = &proxy.seen()[0];
    assert_eq!(seen.path, "http://index.example.org/simple/");
    assert_eq!(seen.header("proxy-authorization"), Some("Basic cDpvd24="));
}

#[cfg(unix)]
#[test]
fn a_keyring_command_is_asked_once() {
    use std::os::unix::fs::PermissionsExt;
    // Another process, because PATH belongs to the whole process.
    const INSIDE: &str = "WHARF_TEST_KEYRING_FOLDER";
    let Some(folder) = std::env::var_os(INSIDE) else {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("keyring");
        let script = "#!/bin/sh\necho \"$*\" >> \"$0.log\"\ncase $2 in http*) exit 1;; esac\necho \"correct-horse-battery\"\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "logins::a_keyring_command_is_asked_once"])
            .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
            .env(INSIDE, folder.path())
            .stdout(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success());
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let server = Server::start(|seen, _| if guarded(seen) { ok("in") } else { reply(401, "") }).await;
        let url = |path: &str| WebUrl::parse(&format!("http://me@127.0.0.1:{}{path}", server.port)).unwrap();
        let client = fixture(Settings {
            keyring: KeyringMode::Command,
            ..quick()
        })
        .client;
        client.get_cached(page(&url("/a/"))).await.unwrap();
        client.get_cached(page(&url("/b/"))).await.unwrap();
        let log = std::fs::read_to_string(std::path::Path::new(&folder).join("keyring.log")).unwrap();
        let expected = format!("get http://127.0.0.1:{}/a/ me\nget 127.0.0.1 me\n", server.port);
        assert_eq!(log, expected);
    });
}

/// Everything that was logged in this process, from `tracing` and from `log`.
fn logged() -> &'static Mutex<Vec<u8>> {
    static LOGGED: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();
    LOGGED.get_or_init(Mutex::default)
}

struct Capture;

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        logged().lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl log::Log for Capture {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        writeln!(Capture, "{} {}", record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_writer(|| Capture)
            .finish();
        tracing_subscriber::util::SubscriberInitExt::try_init(subscriber).unwrap();
        log::set_logger(&Capture).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

#[tokio::test]
async fn secrets_reach_no_log_no_error_no_cache() {
    capture();
    let server = Server::start(|seen, number| match seen.path.as_str() {
        "/ok" => ok("fine").header("Cache-Control", "max-age=0"),
        "/stale" if number < 3 => ok("fine").header("Cache-Control", "max-age=0"),
        "/loop" => reply(302, "").header("Location", "/loop"),
        "/malformed" => reply(302, "").header("Location", &format!("http://me:{SECRET}@exa mple/")),
        "/ftp" => reply(302, "").header("Location", &format!("ftp://me:{SECRET}@example.org/")),
        "/401" => reply(401, ""),
        "/404" => reply(404, ""),
        "/garbage" => crate::support::Reply {
            raw: Some(b"garbage\r\n\r\n".to_vec()),
            ..ok("")
        },
        _ => reply(500, ""),
    })
    .await;
    let fixture = fixture(Settings {
        retries: 1,
        ..quick()
    });
    let mut shown = format!("{:?}", fixture.client);
    let paths = [
        "/ok",
        "/ok",
        "/stale",
        "/stale",
        "/loop",
        "/malformed",
        "/ftp",
        "/401",
        "/404",
        "/garbage",
        "/500",
    ];
    let mut urls: Vec<_> = paths.iter().map(|path| secret_url(&server, path)).collect();
    for other in [
        "http://me:S@127.0.0.1:1/",
        "https://me:S@host.invalid/",
        "https://S@127.0.0.1:1/",
        "ftp://me:S@example.org/",
    ] {
        urls.push(WebUrl::parse(&other.replace('S', SECRET)).unwrap());
    }
    for url in &urls {
        match fixture.client.get_cached(page(url)).await {
            Ok(found) => shown += &format!("{found:?}"),
            Err(error) => shown += &format!("{error} {error:?} {:?}", error.hints()),
        }
        if let Err(error) = fixture
            .client
            .download(url, &fixture.path("file"), &[], Some(4), "label")
            .await
        {
            shown += &format!("{error} {error:?}");
        }
    }
    let proxy = WebUrl::parse(&format!("http://me:{SECRET}@127.0.0.1:1/")).unwrap();
    let proxied = fixture.again(|settings| {
        settings.proxy = ProxySettings::Explicit {
            url: proxy,
            no_proxy: None,
        }
    });
    shown += &format!("{proxied:?}");
    for url in ["http://index.example.org/", "https://index.example.org/"] {
        let error = proxied
            .get_cached(page(&WebUrl::parse(url).unwrap()))
            .await
            .unwrap_err();
        shown += &format!("{error} {error:?}");
    }
    shown += &format!("{:?}", fixture.events.all());

    let logged = String::from_utf8_lossy(&logged().lock().unwrap()).into_owned();
    assert!(
        logged.contains("answered") && logged.contains("hyper"),
        "the capture works"
    );
    let encoded = WIRE.trim_start_matches("Basic ");
    for (name, text) in [("log", &logged), ("output", &shown)] {
        for secret in [SECRET, encoded] {
            if let Some(at) = text.find(secret) {
                panic!(
                    "a secret in the {name}: {}",
                    &text[text.floor_char_boundary(at.saturating_sub(200))..at]
                );
            }
        }
    }
    for file in files(&fixture.path("cache")) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(
            !bytes
                .windows(SECRET.len())
                .any(|window| window == SECRET.as_bytes()),
            "{}",
            file.display()
        );
    }
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
