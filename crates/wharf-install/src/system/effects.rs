//! What the commands of maintainer scripts do to a root: the table behind [`super::shell`].
//!
//! Each command is one of these: done to the files in memory; of no consequence in a root without services (`systemctl`); done by
//! another part of this module from declarations (`ldconfig`, `systemd-sysusers`); left to the programs that finish the root
//! (`fc-cache`); or not known, and then not done.
//!
//! Invariant: nothing is done outside the files that are handed in, and what is read and written is limited: a few commands that
//! append a file to itself would fill all memory. Owners are not changed: everything in a root belongs to whoever
//! has the store.

mod known;
mod overriding;
mod people;
mod placing;
mod reading;

use std::borrow::Cow;
use std::collections::BTreeMap;

use wharf_store::{Store, StoreError};

use self::known::{NOTHING, PRINTS, TRIGGERS};
use self::placing::remove;
use super::accounts::Accounts;
use super::alternatives::Alternatives;
use super::files::Files;
use super::merge::Diversion;
use super::packages::Loaded;
use super::questions::{dpkg, echo, printf, readlink, which};
use super::report::{Note, RuntimeFolder};
use super::shell::{MAX_TEXT, Status};

/// How many bytes all scripts together may write to files in memory.
const MAX_WRITTEN: u64 = 64 << 20;

/// A command with its words.
pub(crate) struct Request<'a> {
    pub(crate) name: &'a str,
    pub(crate) words: &'a [String],
    /// The here-document on its input.
    pub(crate) input: Option<&'a str>,
}

/// What is known of a command.
pub(crate) enum Answer {
    /// It is done, or there is nothing to do.
    Done(Status),
    /// It prints this; `None` where that is not known.
    Says(Status, Option<String>),
    /// It is left to the programs that finish the root.
    Trigger,
    /// It is not in the table.
    Unknown,
    /// It reads this into the shell.
    Source(String),
}

/// What scripts did beside changing files.
pub(crate) struct Effects<'a> {
    store: &'a Store,
    packages: &'a [Loaded],
    current: usize,
    pub(crate) accounts: Accounts,
    pub(crate) alternatives: Alternatives,
    pub(crate) diversions: Vec<Diversion>,
    /// `user group mode path` as dpkg keeps them, by path.
    pub(crate) overrides: BTreeMap<String, String>,
    pub(crate) runtime: Vec<RuntimeFolder>,
    pub(crate) notes: Vec<Note>,
    /// A failure of the store on the way.
    pub(crate) failure: Option<StoreError>,
    /// The defaults of the current package's questions.
    defaults: BTreeMap<String, String>,
    /// Bytes, of [`MAX_WRITTEN`].
    written: u64,
}

impl<'a> Effects<'a> {
    pub(crate) fn new(store: &'a Store, packages: &'a [Loaded]) -> Self {
        Self {
            store,
            packages,
            current: 0,
            accounts: Accounts::default(),
            alternatives: Alternatives::default(),
            diversions: Vec::new(),
            overrides: BTreeMap::new(),
            runtime: Vec::new(),
            notes: Vec::new(),
            failure: None,
            defaults: BTreeMap::new(),
            written: 0,
        }
    }

    /// Counts bytes that are written. Whether they may be.
    fn takes(&mut self, bytes: u64) -> bool {
        self.written = self.written.saturating_add(bytes);
        self.written <= MAX_WRITTEN
    }

    /// The next script is one of this package.
    pub(crate) fn begin(&mut self, package: usize) {
        self.current = package;
        let text = self.packages[package]
            .extra_text(self.store, "templates")
            .unwrap_or_default();
        self.defaults = defaults(&text);
    }

    /// The default answer to a question of the current package.
    pub(crate) fn default_of(&self, question: &str) -> Option<String> {
        self.defaults.get(question).cloned()
    }

    pub(crate) fn only_prints(&self, name: &str) -> bool {
        PRINTS.contains(&name)
    }

    /// Whether a command changes nothing whatever its words are.
    pub(crate) fn is_harmless(&self, name: &str) -> bool {
        let name = base(name);
        PRINTS.contains(&name)
            || NOTHING.contains(&name)
            || TRIGGERS.contains(&name)
            || matches!(name, "false" | "mktemp" | "chmod")
    }

    /// Looks a command up and does it.
    pub(crate) fn answer(&mut self, files: &mut Files, request: &Request<'_>) -> Answer {
        let words = request.words;
        let name = base(request.name);
        let done = |success: bool| Answer::Done(Status::of(success));
        match name {
            "false" => done(false),
            "test" => self.test(files, words),
            "[" => match words.split_last() {
                Some((last, words)) if last == "]" => self.test(files, words),
                _ => Answer::Unknown,
            },
            "." | "source" => self.source(files, words),
            "echo" => Answer::Says(Status::Success, Some(echo(words))),
            "printf" => Answer::Says(Status::Success, printf(words)),
            "cat" => self.cat(files, request),
            "command" | "which" | "type" => which(files, words),
            "basename" => says(words.first().map(|word| {
                let name = word.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                let suffix = words.get(1).map_or("", String::as_str);
                name.strip_suffix(suffix).unwrap_or(name).to_owned()
            })),
            "dirname" => says(words.first().map(|word| {
                let above = word
                    .trim_end_matches('/')
                    .rsplit_once('/')
                    .map(|(above, _)| above);
                above
                    .map_or(".", |above| if above.is_empty() { "/" } else { above })
                    .to_owned()
            })),
            "readlink" | "realpath" => readlink(files, name, words),
            "ischroot" => done(true),
            "uname" if matches!(words, [] | [_]) && words.first().is_none_or(|word| word == "-s") => {
                says(Some("Linux".to_owned()))
            }
            "getent" => self.getent(words),
            "id" => Answer::Says(self.id_status(words), self.number(words)),
            "dpkg" => dpkg(self.native(), words),
            "dpkg-divert" => self.divert(files, words),
            "dpkg-statoverride" => self.stat_override(files, words),
            "update-alternatives" => match self.alternatives.command(words) {
                true => done(true),
                false => Answer::Unknown,
            },
            "adduser" | "addgroup" | "useradd" | "groupadd" | "usermod" => {
                match self.account(files, name, words) {
                    true => done(true),
                    false => Answer::Unknown,
                }
            }
            "add-shell" => {
                for shell in words {
                    self.write(files, "/etc/shells", &format!("{shell}\n"), true);
                }
                done(true)
            }
            "mkdir" => self.mkdir(files, words),
            "install" => self.install(files, words),
            "touch" => {
                for path in plain(words) {
                    if self.is_real(path) && files.look(path.as_bytes()).is_none() {
                        files.write(path.as_bytes(), Vec::new());
                    }
                }
                done(true)
            }
            "rm" | "rmdir" => done(remove(files, name, words)),
            "ln" => self.ln(files, words),
            "cp" | "mv" | "ucf" => self.copy(files, name, words),
            "chmod" => match self.chmod(files, words) {
                true => done(true),
                false => Answer::Unknown,
            },
            name if NOTHING.contains(&name) => done(true),
            name if TRIGGERS.contains(&name) => Answer::Trigger,
            name if PRINTS.contains(&name) => Answer::Says(Status::Unknown, None),
            "mktemp" => Answer::Says(Status::Success, None),
            _ => Answer::Unknown,
        }
    }

    /// Writes text to a file; what lies in folders of the machine is of no consequence.
    pub(crate) fn write(&mut self, files: &mut Files, path: &str, text: &str, append: bool) -> bool {
        if !path.starts_with('/') {
            return false;
        }
        if !self.is_real(path) {
            return true;
        }
        let old = if append { files.size(path.as_bytes()) } else { 0 };
        let size = old.saturating_add(text.len() as u64);
        if size > MAX_TEXT as u64 || !self.takes(size) {
            return false;
        }
        let mut bytes = Vec::new();
        if append {
            match files.read(self.store, path.as_bytes()) {
                Ok(old) => bytes = old.unwrap_or_default(),
                Err(error) => self.failure = Some(error),
            }
        }
        bytes.extend_from_slice(text.as_bytes());
        files.write(path.as_bytes(), bytes)
    }

    /// Whether a path is one that the root keeps.
    fn is_real(&self, path: &str) -> bool {
        let passing = [
            "/proc/",
            "/sys/",
            "/dev/",
            "/run/",
            "/tmp/",
            "/var/run/",
            "/var/lock/",
            "/var/tmp/",
        ];
        let path = without_climbing(path);
        path.starts_with('/') && !passing.iter().any(|folder| path.starts_with(folder))
    }

    fn native(&self) -> &str {
        let architectures = self.packages.iter().map(Loaded::architecture);
        let mut real = architectures.filter(|architecture| *architecture != "all");
        real.next().unwrap_or("all")
    }
}

/// A path without `..` in it, which would hide where it leads.
pub(super) fn without_climbing(path: &str) -> Cow<'_, str> {
    match path.split('/').any(|part| part == "..") {
        true => Cow::Owned(super::merge::lossy(&super::merge::normal(b"", path.as_bytes()))),
        false => Cow::Borrowed(path),
    }
}

/// A command's name without the folder that it is in.
fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Words that are no options.
pub(super) fn plain(words: &[String]) -> impl Iterator<Item = &str> {
    let ended = words.iter().position(|word| word == "--");
    words.iter().enumerate().filter_map(move |(at, word)| {
        let option = word.len() > 1 && word.starts_with('-') && ended.is_none_or(|end| at <= end);
        (!option).then_some(word.as_str())
    })
}

pub(super) fn says(text: Option<String>) -> Answer {
    match text {
        Some(text) => Answer::Says(Status::Success, Some(text + "\n")),
        None => Answer::Unknown,
    }
}

pub(super) fn octal(text: &str) -> Option<u16> {
    u16::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777)
}

/// The defaults in a package's `templates`.
fn defaults(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let stanzas = wharf_deb::deb822::stanzas(text.as_bytes());
    for stanza in stanzas.flatten() {
        if let Some(name) = stanza.text("Template") {
            let fallback = match stanza.text("Type").as_deref() {
                Some("boolean") => "false",
                _ => "",
            };
            let value = stanza
                .text("Default")
                .map_or_else(|| fallback.to_owned(), |text| text.into_owned());
            found.insert(name.into_owned(), value);
        }
    }
    found
}
