//! A loopback mirror of a registry: the process that it runs in, and how a request of any kind comes to its answer.
//!
//! It is a process of its own: its processor time is nobody's. What a kind of registry says is its [`Site`].

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response};

use super::Options;
use super::reply::{self, Form};
use super::tape::Answer;
use crate::shell::{Failure, about};

const COUNTER: &str = "/-/asked";

/// The mirror's process, ended when this is dropped.
#[derive(Debug)]
pub(super) struct Mirror {
    process: Child,
    authority: String,
    index_path: String,
}

impl Mirror {
    /// Starts the mirror of an index and waits until it listens.
    pub(super) fn start(latency: u64) -> Result<Self, Failure> {
        Self::start_with(&[], latency)
    }

    /// Starts the mirror that these arguments ask for.
    pub(super) fn start_with(arguments: &[&str], latency: u64) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([
                "bench",
                "--serve",
                "--with-parent",
                "--latency",
                &latency.to_string(),
            ])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process
            .stdout
            .take()
            .ok_or_else(|| Failure("the mirror has no output".to_owned()))?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        match line.trim().split_once(' ') {
            Some((authority, index_path)) => Ok(Self {
                process,
                authority: authority.to_owned(),
                index_path: index_path.to_owned(),
            }),
            None => Err(Failure("the mirror did not start".to_owned())),
        }
    }

    /// Host and port.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// The index to give to the tools.
    pub(super) fn index_url(&self) -> String {
        format!("http://{}{}", self.authority, self.index_path)
    }

    /// How often the mirror had to ask the live index so far.
    pub(super) fn asked(&self) -> Result<u64, Failure> {
        let mut stream = std::net::TcpStream::connect(&self.authority).map_err(about("the mirror"))?;
        write!(
            stream,
            "GET {COUNTER} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.authority
        )?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        let number = reply
            .rsplit("\r\n")
            .next()
            .and_then(|body| body.trim().parse().ok());
        number.ok_or_else(|| Failure("the mirror: no count".to_owned()))
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        // A mirror that has ended already needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What one kind of registry says.
pub(super) trait Site: Send + Sync + 'static {
    /// What a request is about.
    type Asked: Clone + Send + Sync;

    /// What a request is about, and how the answer goes out.
    fn understand(&self, path: &str, headers: &HeaderMap) -> (Self::Asked, Form);

    /// The answer: from memory, from disk, or from the live registry.
    fn answer(&self, asked: &Self::Asked) -> impl Future<Output = Result<Arc<Answer>, Failure>> + Send;

    /// How often the live registry was asked.
    fn asked(&self) -> u64;

    /// The path at which its index begins.
    fn index_path(&self) -> String;
}

/// Serves on a port (`0` for any) until the process is killed, or its standard input ends if it was started by another; prints the
/// address and the path of the index first.
pub(super) fn serve<S: Site>(
    port: u16,
    options: &Options,
    open: impl FnOnce(SocketAddr) -> Result<S, Failure>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(about(format!("port {port}")))?;
        let address = listener.local_addr()?;
        let site = Arc::new(open(address)?);
        println!("{address} {}", site.index_path());
        std::io::stdout().flush()?;
        let latency = Duration::from_millis(options.latency);
        let router = Router::new().fallback(handle::<S>).with_state((site, latency));
        tokio::select! {
            served = async { axum::serve(listener, router).await } => served.map_err(about("the mirror")),
            () = ended(options.with_parent) => Ok(()),
        }
    })
}

/// Waits for the end of the process that started the mirror: it holds the other end of the standard input.
async fn ended(with_parent: bool) {
    if with_parent {
        // However reading ends, nobody is there any more.
        let _ = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0])).await;
    } else {
        std::future::pending::<()>().await;
    }
}

async fn handle<S: Site>(
    State((site, latency)): State<(Arc<S>, Duration)>,
    request: Request,
) -> Response<Body> {
    let path = request.uri().path();
    if path == COUNTER {
        return Response::new(Body::from(site.asked().to_string()));
    }
    if *request.method() != Method::GET && *request.method() != Method::HEAD {
        // Audits and statistics: nothing that an installation depends on.
        return reply::refused(404, "not recorded".to_owned());
    }
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let (asked, form) = site.understand(path, request.headers());
    // On a task of its own: a tool that hangs up early (it no longer needs what it fetched ahead) would end the handler,
    // and the answer would never be recorded.
    let answering = tokio::spawn(async move { site.answer(&asked).await });
    let answer = answering
        .await
        .unwrap_or_else(|error| Err(Failure(error.to_string())));
    match answer {
        Ok(answer) => reply::respond(&answer, form, request.method(), request.headers()),
        Err(Failure(message)) => {
            eprintln!("mirror: {message}");
            reply::refused(502, message)
        }
    }
}
