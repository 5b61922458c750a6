//! The loopback mirror of Debian repositories: recorded files, served as a plain web server does.
//!
//! The paths of a repository begin with its number: the first that the list beside the recordings names is `/0/`. Which
//! repositories there are, the machine's own apt says; a list that was written once stays, so that a later run measures the same.

use std::path::Path;
use std::sync::Arc;

use axum::http::HeaderMap;

use super::super::Options;
use super::super::directory;
use super::super::mirror::{self, Mirror, Site};
use super::super::reply::{Form, Kept};
use super::super::tape::{Answer, Head, Tape, content_type};
use crate::apt_check::Apt;
use crate::shell::{Failure, about};

/// Where the recordings are, below the folder of all benchmarks.
const RECORDED: &str = "deb-recorded";
/// What is recorded: a line for each repository, suite and component.
const LIST: &str = "repositories";

/// The mirror's process, ended when this is dropped.
#[derive(Debug)]
pub(in crate::bench) struct DebMirror(Mirror);

/// A suite of a repository of the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bench) struct Suite {
    /// The number of its repository on the mirror.
    number: usize,
    pub(in crate::bench) name: String,
    pub(in crate::bench) component: String,
}

impl DebMirror {
    /// Starts the mirror and waits until it listens.
    pub(in crate::bench) fn start(options: &Options) -> Result<Self, Failure> {
        let folder = directory().join(RECORDED);
        let list = folder.join(LIST);
        if !list.exists() {
            let known = Apt::repositories()?;
            // What the release itself has: backports are asked for by few.
            let usual = known.lines().filter(|line| !line.contains("-backports "));
            let usual: String = usual.map(|line| format!("{line}\n")).collect();
            std::fs::create_dir_all(&folder)?;
            std::fs::write(&list, usual).map_err(about(list.display()))?;
        }
        Mirror::start_with(&["--deb"], options.latency).map(Self)
    }

    /// The repository that a suite is in.
    pub(in crate::bench) fn url(&self, suite: &Suite) -> String {
        format!("http://{}/{}/", self.0.authority(), suite.number)
    }

    /// How often the mirror had to ask the live repositories so far.
    pub(in crate::bench) fn asked(&self) -> Result<u64, Failure> {
        self.0.asked()
    }
}

/// The suites that the mirror has.
pub(in crate::bench) fn suites() -> Result<Vec<Suite>, Failure> {
    read(&directory().join(RECORDED)).map(|(_, suites)| suites)
}

/// The repositories of the recordings by their numbers, and their suites.
fn read(folder: &Path) -> Result<(Vec<String>, Vec<Suite>), Failure> {
    let list = folder.join(LIST);
    let text = std::fs::read_to_string(&list).map_err(about(list.display()))?;
    Ok(parse(&text))
}

fn parse(list: &str) -> (Vec<String>, Vec<Suite>) {
    let (mut repositories, mut suites) = (Vec::<String>::new(), Vec::new());
    for line in list.lines() {
        let [uri, name, component] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            continue;
        };
        let known = repositories.iter().position(|known| known == uri);
        let number = known.unwrap_or_else(|| {
            repositories.push(uri.to_owned());
            repositories.len() - 1
        });
        suites.push(Suite {
            number,
            name: name.to_owned(),
            component: component.to_owned(),
        });
    }
    (repositories, suites)
}

struct Served {
    tape: Tape,
    repositories: Vec<String>,
}

/// Serves until the process ends.
pub(in crate::bench) fn serve(options: &Options) -> Result<(), Failure> {
    let folder = directory().join(RECORDED);
    mirror::serve(0, options, |_| {
        Ok(Served {
            tape: Tape::open(&folder)?,
            repositories: read(&folder)?.0,
        })
    })
}

impl Site for Served {
    /// The path without the slash before it.
    type Asked = String;

    fn understand(&self, path: &str, _: &HeaderMap) -> (String, Form) {
        let caching = match path.contains("/pool/") || path.contains("/by-hash/") {
            true => "public, immutable, max-age=31536000",
            false => "public, max-age=120",
        };
        let form = Form {
            caching,
            kept: Kept::Dated,
        };
        (path.trim_start_matches('/').to_owned(), form)
    }

    async fn answer(&self, path: &String) -> Result<Arc<Answer>, Failure> {
        if let Some(answer) = self.tape.remembered(path) {
            return Ok(answer);
        }
        let answer = match self.tape.read(path)? {
            Some(answer) => answer,
            None => self.ask(path).await?,
        };
        Ok(self.tape.remember(path, answer))
    }

    fn asked(&self) -> u64 {
        self.tape.asked()
    }

    fn index_path(&self) -> String {
        "/".to_owned()
    }
}

impl Served {
    async fn ask(&self, path: &str) -> Result<Answer, Failure> {
        let nothing = || Failure(format!("{path}: not a path of this mirror"));
        let (number, rest) = path.split_once('/').ok_or_else(nothing)?;
        let number = number.parse::<usize>().ok();
        let repository = number.and_then(|number| self.repositories.get(number));
        let repository = repository.ok_or_else(nothing)?;
        let url = format!("{}/{rest}", repository.trim_end_matches('/'));
        let url = reqwest::Url::parse(&url).map_err(about(path))?;
        let reply = self.tape.ask(path, url, &[]).await?;
        let head = Head {
            path: path.to_owned(),
            status: reply.status().as_u16(),
            content_type: content_type(&reply),
        };
        if !matches!(head.status, 200 | 404) {
            return Err(Failure(format!("{path}: {}", reply.status())));
        }
        let body = reply.bytes().await.map_err(about(path))?;
        self.tape.write(head, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_numbered_as_they_are_listed() {
        let list = "http://b.example.org/ s-security main\nhttp://a.example.org/debian s main\n\
            http://a.example.org/debian s-updates main\n";
        let (repositories, suites) = parse(list);
        assert_eq!(
            repositories,
            ["http://b.example.org/", "http://a.example.org/debian"]
        );
        let numbers: Vec<_> = suites
            .iter()
            .map(|suite| (suite.number, &suite.name[..]))
            .collect();
        assert_eq!(numbers, [(0, "s-security"), (1, "s"), (1, "s-updates")]);
    }
}
