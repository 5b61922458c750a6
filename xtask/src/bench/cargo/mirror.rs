//! The loopback mirror of a registry of crates: recorded index files and archives with the headers of the public one.
//!
//! Index files are those of one day, however late they were recorded; `config.json` names the mirror itself.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::http::HeaderMap;
use serde_json::{Value, json};
use wharf_ecosystem::cargo::index::path_in_index;
use wharf_ecosystem::cargo::{RegistryConfig, Version, crate_name};

use super::super::Options;
use super::super::mirror::{self, Mirror, Site};
use super::super::npm::DAY;
use super::super::reply::{self, Form, Kept};
use super::super::tape::{Answer, Head, Tape, content_type};
use crate::shell::{self, Failure, about};

/// Where the index begins on the mirror.
const INDEX: &str = "/index/";
/// Where the archives are: the name, the version and the digest of each follow.
const ARCHIVES: &str = "/archives/";

/// The mirror's process, ended when this is dropped.
#[derive(Debug)]
pub(in crate::bench) struct CratesMirror(Mirror);

impl CratesMirror {
    /// Starts the mirror and waits until it listens.
    pub(in crate::bench) fn start(options: &Options) -> Result<Self, Failure> {
        Mirror::start_with(&["--cargo"], options.latency).map(Self)
    }

    /// What a `config.toml` of `CARGO_HOME` says so that crates come from here.
    pub(in crate::bench) fn config(&self) -> String {
        format!(
            "[source.crates-io]\nreplace-with = \"mirror\"\n\n[source.mirror]\nregistry = \"sparse+{}\"\n",
            self.0.index_url()
        )
    }

    /// How often the mirror had to ask the live registry so far.
    pub(in crate::bench) fn asked(&self) -> Result<u64, Failure> {
        self.0.asked()
    }
}

struct Served {
    tape: Tape,
    live: shell::CratesRegistry,
    address: SocketAddr,
}

/// Serves until the process ends.
pub(in crate::bench) fn serve(directory: &Path, options: &Options) -> Result<(), Failure> {
    mirror::serve(0, options, |address| {
        Ok(Served {
            tape: Tape::open(directory)?,
            live: shell::crates_registry()?,
            address,
        })
    })
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    /// The registry's own description.
    Config,
    /// The file of a crate in the index: its path below the index.
    Crate(String),
    /// An archive: name, version, digest.
    Archive([String; 3]),
    /// Nothing that a registry has.
    Nothing,
}

impl Asked {
    fn of(path: &str) -> Self {
        if let Some(rest) = path.strip_prefix(ARCHIVES) {
            let parts: Vec<String> = rest.replace("%2B", "+").split('/').map(str::to_owned).collect();
            return parts.try_into().map_or(Self::Nothing, Self::Archive);
        }
        match path.strip_prefix(INDEX) {
            Some("config.json") => Self::Config,
            // The one path that a name has: nothing else is asked of the live index.
            Some(file) if file.rsplit('/').next().map(path_in_index).as_deref() == Some(file) => {
                Self::Crate(file.to_owned())
            }
            Some(_) | None => Self::Nothing,
        }
    }

    /// The name of its recording and of its answer.
    fn key(&self) -> String {
        match self {
            Self::Config => "config.json".to_owned(),
            Self::Crate(file) => file.clone(),
            Self::Archive([name, version, _]) => format!("{ARCHIVES}{name}/{version}"),
            Self::Nothing => String::new(),
        }
    }

    fn form(&self) -> Form {
        match self {
            Self::Archive(_) => Form {
                caching: "public, immutable, max-age=31536000",
                kept: Kept::Archive,
            },
            // The public registry says ten minutes; a run takes longer, and *warm* has to mean the same from its first round on.
            Self::Config | Self::Crate(_) | Self::Nothing => Form {
                caching: "public, max-age=3600",
                kept: Kept::Compressed,
            },
        }
    }
}

impl Site for Served {
    type Asked = Asked;

    fn understand(&self, path: &str, _: &HeaderMap) -> (Asked, Form) {
        let asked = Asked::of(path);
        let form = asked.form();
        (asked, form)
    }

    async fn answer(&self, asked: &Asked) -> Result<Arc<Answer>, Failure> {
        let key = asked.key();
        if let Some(answer) = self.tape.remembered(&key) {
            return Ok(answer);
        }
        let answer = match asked {
            Asked::Config => {
                let template = format!(
                    "http://{}{ARCHIVES}{{crate}}/{{version}}/{{sha256-checksum}}",
                    self.address
                );
                reply::document(
                    "application/json",
                    json!({ "dl": template }).to_string().as_bytes(),
                )?
            }
            Asked::Crate(file) => {
                let recorded = match self.tape.read(&key)? {
                    Some(answer) => answer,
                    None => self.ask(&key, self.index_url(file)?).await?,
                };
                match recorded.status {
                    200 => reply::document("text/plain", &as_of_day(&recorded.body))?,
                    _ => recorded,
                }
            }
            Asked::Archive(parts) => match self.tape.read(&key)? {
                Some(answer) => answer,
                None => self.ask(&key, self.archive_url(parts).await?).await?,
            },
            Asked::Nothing => return Err(Failure("not a path of this mirror".to_owned())),
        };
        Ok(self.tape.remember(&key, answer))
    }

    fn asked(&self) -> u64 {
        self.tape.asked()
    }

    fn index_path(&self) -> String {
        INDEX.to_owned()
    }
}

impl Served {
    async fn ask(&self, key: &str, url: reqwest::Url) -> Result<Answer, Failure> {
        let reply = self.get(key, url).await?;
        let head = Head {
            path: key.to_owned(),
            status: reply.status().as_u16(),
            content_type: content_type(&reply),
        };
        // A registry that answers otherwise is unwell, or wants to be asked in another way: nothing to keep.
        if !matches!(head.status, 200 | 404 | 410 | 451) {
            return Err(Failure(format!("{key}: {}", reply.status())));
        }
        let body = reply.bytes().await.map_err(about(key))?;
        self.tape.write(head, body)
    }

    async fn get(&self, key: &str, url: reqwest::Url) -> Result<reqwest::Response, Failure> {
        let mut headers = vec![("user-agent", "wharf-xtask")];
        if let Some(token) = &self.live.token {
            headers.push(("authorization", token.as_str()));
        }
        self.tape.ask(key, url, &headers).await
    }

    fn index_url(&self, file: &str) -> Result<reqwest::Url, Failure> {
        let url = format!("{}/{file}", self.live.index.trim_end_matches('/'));
        reqwest::Url::parse(&url).map_err(about(file))
    }

    /// Where the live registry has an archive.
    async fn archive_url(&self, [name, version, digest]: &[String; 3]) -> Result<reqwest::Url, Failure> {
        let reply = self.get("config.json", self.index_url("config.json")?).await?;
        let config = RegistryConfig::parse(&reply.bytes().await?)?;
        let digest = wharf_core::Digest::from_hex(wharf_core::Algorithm::Sha256, digest)
            .map_err(about("the digest of an archive"))?;
        let url = config.download(&crate_name(name)?, &Version::parse(version)?, &digest)?;
        reqwest::Url::parse(url.as_str()).map_err(about(name))
    }
}

/// An index file without what was published later than the day of all recordings.
fn as_of_day(file: &[u8]) -> Vec<u8> {
    let young = |line: &[u8]| {
        let line: Option<Value> = serde_json::from_slice(line).ok();
        let time = line.as_ref().and_then(|line| line["pubtime"].as_str());
        time.and_then(|time| time.get(..DAY.len()))
            .is_some_and(|time| time > DAY)
    };
    let lines = file.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !young(line)).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_index_are_told_from_archives_and_from_anything_else() {
        assert_eq!(Asked::of("/index/config.json"), Asked::Config);
        assert_eq!(
            Asked::of("/index/se/rd/serde"),
            Asked::Crate("se/rd/serde".to_owned())
        );
        assert_eq!(Asked::of("/index/3/b/bit"), Asked::Crate("3/b/bit".to_owned()));
        let archive = Asked::of("/archives/libz-sys/1.0.0%2Bzlib/00ff");
        assert_eq!(
            archive,
            Asked::Archive(["libz-sys", "1.0.0+zlib", "00ff"].map(str::to_owned))
        );
        for path in [
            "/index/../../secret",
            "/index/se/rd/../x",
            "/archives/a/1.0.0",
            "/",
        ] {
            assert_eq!(Asked::of(path), Asked::Nothing, "{path}");
        }
    }

    #[test]
    fn versions_younger_than_the_recordings_are_not_there() {
        let old = "{\"vers\":\"1.0.0\",\"pubtime\":\"2020-01-01T00:00:00Z\"}\n{\"vers\":\"1.0.1\"}\n";
        let young = "{\"vers\":\"2.0.0\",\"pubtime\":\"2999-01-01T00:00:00Z\"}\n";
        assert_eq!(as_of_day(format!("{old}{young}").as_bytes()), old.as_bytes());
    }
}
