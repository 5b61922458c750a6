//! A loopback server that does as it is told, and what the tests share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wharf_core::{Event, Sink, WebUrl};
use wharf_net::{Client, Freshness, ProxySettings, Request, Settings};
use wharf_sys::{Governor, Limits};

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What the server does.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Close the connection after so many bytes of the body.
    pub(crate) cut: Option<usize>,
    /// Say nothing for so long before it is closed.
    pub(crate) silence: Duration,
    pub(crate) delay: Duration,
    /// Send these bytes instead of HTTP.
    pub(crate) raw: Option<Vec<u8>>,
}

pub(crate) fn reply(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    let (headers, body) = (Vec::new(), body.into());
    Reply {
        status,
        headers,
        body,
        cut: None,
        silence: Duration::ZERO,
        delay: Duration::ZERO,
        raw: None,
    }
}

pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Reply {
    reply(200, body)
}

impl Reply {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }

    pub(crate) fn silence(mut self, milliseconds: u64) -> Self {
        self.silence = Duration::from_millis(milliseconds);
        self
    }

    pub(crate) fn delay(mut self, milliseconds: u64) -> Self {
        self.delay = Duration::from_millis(milliseconds);
        self
    }
}

/// Answers a file as a server with ranges does.
pub(crate) fn ranged(seen: &Seen, file: &[u8]) -> Reply {
    let Some(range) = seen
        .header("range")
        .and_then(|range| range.strip_prefix("bytes="))
    else {
        return ok(file).header("Accept-Ranges", "bytes");
    };
    let (first, last) = range.split_once('-').unwrap();
    let length = file.len();
    let (start, end) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(start), Ok(last)) => (start, length.min(last + 1)),
        (Ok(start), Err(_)) => (start, length),
        (Err(_), Ok(suffix)) => (length.saturating_sub(suffix), length),
        (Err(_), Err(_)) => panic!("malformed range {range}"),
    };
    if start >= end {
        return reply(416, "").header("Content-Range", &format!("bytes */{length}"));
    }
    reply(206, &file[start..end]).header("Content-Range", &format!("bytes {start}-{}/{length}", end - 1))
}

/// The server: a script that maps a request and its number (from 0) to a reply, and a log.
pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    most_at_once: Arc<Mutex<(usize, usize)>>,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let most_at_once = Arc::<Mutex<(usize, usize)>>::default();
        let script = Arc::new(script);
        let (log, busy) = (Arc::clone(&seen), Arc::clone(&most_at_once));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, busy, script) = (Arc::clone(&log), Arc::clone(&busy), Arc::clone(&script));
                tokio::spawn(async move {
                    {
                        let mut busy = busy.lock().unwrap();
                        busy.0 += 1;
                        busy.1 = busy.1.max(busy.0);
                    }
                    // A client that hangs up early is part of many tests.
                    let _ = serve(stream, &log, script.as_ref()).await;
                    busy.lock().unwrap().0 -= 1;
                });
            }
        });
        Self {
            port,
            seen,
            most_at_once,
        }
    }

    pub(crate) fn url(&self, path: &str) -> WebUrl {
        WebUrl::parse(&format!("http://127.0.0.1:{}{path}", self.port)).unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.lock().unwrap().1
    }
}

async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Seen>>,
    script: &(dyn Fn(&Seen, usize) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await?;
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, path) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let seen = Seen {
        method,
        path,
        headers,
    };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(seen.clone());
        log.len() - 1
    };
    let reply = script(&seen, number);
    tokio::time::sleep(reply.delay).await;
    if let Some(raw) = reply.raw {
        return stream.write_all(&raw).await;
    }
    let mut answer = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    if !reply
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-length"))
    {
        answer += &format!("Content-Length: {}\r\n", reply.body.len());
    }
    for (name, value) in &reply.headers {
        answer += &format!("{name}: {value}\r\n");
    }
    stream.write_all(answer.as_bytes()).await?;
    stream.write_all(b"\r\n").await?;
    if seen.method != "HEAD" {
        let end = reply.cut.unwrap_or(reply.body.len());
        stream.write_all(&reply.body[..end]).await?;
    }
    stream.flush().await?;
    if !reply.silence.is_zero() {
        tokio::time::sleep(reply.silence).await;
    }
    Ok(())
}

/// Keeps events.
#[derive(Default)]
pub(crate) struct Events(Mutex<Vec<Event>>);

impl Sink for Events {
    fn emit(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Events {
    pub(crate) fn warnings(&self) -> Vec<(String, String)> {
        let events = self.0.lock().unwrap();
        let warnings = events.iter().filter_map(|event| match event {
            Event::Warning { code, message } => Some((code.clone(), message.clone())),
            _ => None,
        });
        warnings.collect()
    }

    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

/// A client with its own cache, and no patience.
pub(crate) struct Fixture {
    pub(crate) client: Client,
    pub(crate) events: Arc<Events>,
    pub(crate) folder: tempfile::TempDir,
    settings: Settings,
}

pub(crate) fn quick() -> Settings {
    Settings {
        backoff: Duration::from_millis(5),
        timeout: Duration::from_secs(5),
        proxy: ProxySettings::Direct,
        ..Settings::default()
    }
}

pub(crate) fn fixture(settings: Settings) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let events = Arc::<Events>::default();
    let client = new_client(&settings, folder.path().join("cache"), &events);
    Fixture {
        client,
        events,
        folder,
        settings,
    }
}

fn new_client(settings: &Settings, cache: PathBuf, events: &Arc<Events>) -> Client {
    let limits = Limits {
        network: 4,
        cpu: 2,
        disk: 2,
        build: 1,
    };
    let sink = Arc::clone(events);
    Client::new(settings.clone(), Arc::new(Governor::new(limits)), cache, sink)
}

impl Fixture {
    /// Another process with the same cache and other settings.
    pub(crate) fn again(&self, change: impl FnOnce(&mut Settings)) -> Client {
        let mut settings = self.settings.clone();
        change(&mut settings);
        new_client(&settings, self.folder.path().join("cache"), &self.events)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

pub(crate) fn page(url: &WebUrl) -> Request<'_> {
    Request {
        url,
        accept: "text/html",
        bucket: "simple",
        freshness: Freshness::Default,
    }
}

pub(crate) fn with(url: &WebUrl, freshness: Freshness) -> Request<'_> {
    Request {
        freshness,
        ..page(url)
    }
}
