//! Asks a program about itself, once, and remembers the answer for as long as the executable stays the same.
//!
//! Invariant: a remembered answer is only used while path, inode, size, modification time and kernel are unchanged, so a
//! warm start runs neither Python nor Node.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::inside::Inside;

/// What the one line of an answer starts with; anything else is a start-up hook talking.
const MARKER: &str = "wharf-facts:";
/// A program that says nothing for this long is taken for broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program that can be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program<'a> {
    path: &'a Path,
    root: Option<&'a Path>,
}

impl<'a> Program<'a> {
    /// One of this machine.
    pub(crate) fn of(path: &'a Path) -> Self {
        Self { path, root: None }
    }

    /// One of a system root, by its path inside.
    pub(crate) fn inside(root: &'a Path, path: &'a Path) -> Self {
        Self {
            path,
            root: Some(root),
        }
    }

    /// Where it lies on this machine.
    fn on_disk(&self) -> PathBuf {
        match self.root {
            Some(root) => root.join(self.path.strip_prefix("/").unwrap_or(self.path)),
            None => self.path.to_owned(),
        }
    }
}

/// A question to programs of one kind.
pub(crate) struct Question {
    /// The kind: the folder of the cache that answers go to.
    pub(crate) kind: &'static str,
    /// What comes before the script.
    pub(crate) options: &'static [&'static str],
    /// A program in the language of the one that is asked. It prints the marker and JSON on one line.
    pub(crate) script: &'static str,
    /// Variables that would bend what runs.
    pub(crate) without: &'static [&'static str],
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Silence {
    /// No such file.
    Missing,
    /// Not a file that may be run.
    NotExecutable,
    /// It ran, or should have; in words.
    Broken(String),
    /// It printed no answer, but this on its standard error.
    Said { errors: String, words: String },
}

/// An answer on disk, with what it depends on.
#[derive(Serialize, Deserialize)]
struct Remembered<F> {
    stamp: Stamp,
    facts: F,
}

/// What must be unchanged for an answer to hold.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    kernel: String,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let data = fs::metadata(path).ok()?;
        let uname = rustix::system::uname();
        let (release, version) = (uname.release().to_string_lossy(), uname.version());
        Some(Self {
            path: path.to_owned(),
            device: data.dev(),
            inode: data.ino(),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            kernel: format!("{release} {}", version.to_string_lossy()),
        })
    }
}

impl Question {
    /// Asks the program at `path`, or takes a remembered answer from `cache`. An answer is remembered if it is `lasting`.
    pub(crate) fn ask_cached<F: Serialize + DeserializeOwned>(
        &self,
        program: Program<'_>,
        cache: &Path,
        lasting: impl Fn(&F) -> bool,
    ) -> Result<F, Silence> {
        self.ask_cached_unless(program, cache, lasting, || None)
    }

    /// The same, asking only where `told` does not know the answer in a cheaper way.
    pub(crate) fn ask_cached_unless<F: Serialize + DeserializeOwned>(
        &self,
        program: Program<'_>,
        cache: &Path,
        lasting: impl Fn(&F) -> bool,
        told: impl FnOnce() -> Option<F>,
    ) -> Result<F, Silence> {
        let path = program.on_disk();
        let stamp = Stamp::of(&path).ok_or(Silence::Missing)?;
        let mut key = blake3::Hasher::new();
        key.update(self.script.as_bytes())
            .update(path.as_os_str().as_encoded_bytes());
        let name = format!("{}.json", &key.finalize().to_hex()[..32]);
        let file = cache.join(self.kind).join(name);
        let known = fs::read(&file).ok();
        let known: Option<Remembered<F>> = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(known) = known.filter(|known| known.stamp == stamp) {
            return Ok(known.facts);
        }
        let facts = match told() {
            Some(facts) => facts,
            None => self.ask(program)?,
        };
        let remembered = Remembered { stamp, facts };
        if lasting(&remembered.facts)
            && let Err(error) = remember(&file, &remembered)
        {
            tracing::debug!(path = %file.display(), %error, "an answer is not remembered");
        }
        Ok(remembered.facts)
    }

    /// Asks the program at `path`.
    pub(crate) fn ask<F: DeserializeOwned>(&self, program: Program<'_>) -> Result<F, Silence> {
        match fs::metadata(program.on_disk()) {
            Err(_) => return Err(Silence::Missing),
            Ok(data) if !data.is_file() || data.mode() & 0o111 == 0 => return Err(Silence::NotExecutable),
            Ok(_) => {}
        }
        let output = self
            .run(program)
            .map_err(|error| Silence::Broken(error.to_string()))?;
        let Some(output) = output else {
            let seconds = PATIENCE.as_secs();
            return Err(Silence::Broken(format!("it gave no answer within {seconds} s")));
        };
        match output.stdout.lines().find_map(|line| line.strip_prefix(MARKER)) {
            Some(json) => {
                serde_json::from_str(json).map_err(|error| Silence::Broken(format!("odd answer: {error}")))
            }
            None => Err(Silence::Said {
                words: output.last_line(),
                errors: output.stderr,
            }),
        }
    }

    /// Runs the script without input and with a time limit; `None` where that was passed.
    fn run(&self, program: Program<'_>) -> io::Result<Option<Output>> {
        let inside = program.root.map(Inside::looking);
        let mut command = Command::new(program.path);
        command
            .args(self.options)
            .arg(self.script)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for name in self.without {
            command.env_remove(name);
        }
        if let Some(inside) = &inside {
            inside.enter(&mut command)?;
        }
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().map(reader);
        let stderr = child.stderr.take().map(reader);
        let started = Instant::now();
        let mut pause = Duration::from_micros(500);
        let status = loop {
            match child.try_wait()? {
                Some(status) => break status,
                None if started.elapsed() > PATIENCE => {
                    // A failure to kill means that it just ended.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Ok(None);
                }
                None => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(5));
        };
        let text =
            |reader: Option<JoinHandle<String>>| reader.and_then(|it| it.join().ok()).unwrap_or_default();
        Ok(Some(Output {
            success: status.success(),
            stdout: text(stdout),
            stderr: text(stderr),
        }))
    }
}

/// What a finished program left.
struct Output {
    success: bool,
    stdout: String,
    stderr: String,
}

impl Output {
    fn last_line(&self) -> String {
        let said = self.stderr.lines().chain(self.stdout.lines());
        match said.map(str::trim).rfind(|line| !line.is_empty()) {
            Some(line) => format!("it says `{}`", line.chars().take(200).collect::<String>()),
            None if self.success => "it printed nothing".to_owned(),
            None => "it failed without a word".to_owned(),
        }
    }
}

fn reader(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Half an answer is judged by whoever reads it.
        let _ = pipe.by_ref().take(1 << 20).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn remember<F: Serialize>(file: &Path, remembered: &Remembered<F>) -> io::Result<()> {
    let parent = file.parent().expect("a file in the cache has a directory");
    fs::create_dir_all(parent)?;
    let temporary = tempfile::NamedTempFile::new_in(parent)?;
    serde_json::to_writer(&temporary, remembered)?;
    // No fsync: an answer lost to a power cut is asked for again, and half of one does not parse.
    temporary.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const QUESTION: Question = Question {
        kind: "sh",
        options: &["-c"],
        script: "",
        without: &["WHARF_TEST_BENDS"],
    };

    fn program(directory: &Path, body: &str) -> PathBuf {
        let path = directory.join("program");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn words(silence: Silence) -> String {
        match silence {
            Silence::Missing => "missing".to_owned(),
            Silence::NotExecutable => "not executable".to_owned(),
            Silence::Broken(words) | Silence::Said { words, .. } => words,
        }
    }

    #[test]
    fn silence_has_a_reason() {
        let directory = tempfile::tempdir().unwrap();
        let check = |body: &str, expected: &str| {
            let silence = QUESTION
                .ask::<u32>(Program::of(&program(directory.path(), body)))
                .unwrap_err();
            let words = words(silence);
            assert!(words.contains(expected), "{body}: {words}");
        };
        check(
            "echo 'manager: version `9.9` is not installed' >&2; exit 1",
            "version `9.9` is not",
        );
        check("exit 0", "printed nothing");
        check("exit 3", "without a word");
        check("echo 'wharf-facts:{'", "odd answer");
        let ask = |path: &Path| words(QUESTION.ask::<u32>(Program::of(path)).unwrap_err());
        assert_eq!(ask(&directory.path().join("nowhere")), "missing");
        let plain = directory.path().join("plain");
        fs::write(&plain, "x").unwrap();
        assert_eq!(ask(&plain), "not executable");
    }

    #[test]
    fn lasting_answers_are_remembered_while_the_file_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let (cache, count) = (directory.path().join("cache"), directory.path().join("count"));
        let body = |answer: u32| format!("echo x >> {}; echo 'wharf-facts:{answer}'", count.display());
        let asked = || fs::read_to_string(&count).unwrap().lines().count();
        let ask = |path: &Path| {
            QUESTION
                .ask_cached::<u32>(Program::of(path), &cache, |answer| *answer > 1)
                .unwrap()
        };
        let path = program(directory.path(), &body(22));
        assert_eq!((ask(&path), ask(&path), asked()), (22, 22, 1));
        let path = program(directory.path(), &body(1));
        assert_eq!(
            (ask(&path), ask(&path), asked()),
            (1, 1, 3),
            "a changed file is asked again, and where the answer does not last every time"
        );
    }
}
