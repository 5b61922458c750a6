//! What the commands of maintainer scripts do to a root: the table behind [`super::shell`].
//!
//! Each command is one of these: done to the files in memory; of no consequence in a root without services (`systemctl`); done by
//! another part of this module from declarations (`ldconfig`, `systemd-sysusers`); left to the programs that finish the root
//! (`fc-cache`); or not known, and then not done.
//!
//! Invariant: nothing is done outside the files that are handed in, and what is read and written is limited: a few commands that
//! append a file to itself would fill all memory. Owners are not changed: everything in a root belongs to whoever
//! has the store.

use std::borrow::Cow;
use std::collections::BTreeMap;

use wharf_store::{RootPath, Store, StoreError};

use super::account_words::Wanted;
use super::accounts::{Accounts, User};
use super::alternatives::Alternatives;
use super::files::{Files, Last, Node, NodeKind};
use super::merge::{Diversion, merged};
use super::packages::Loaded;
use super::questions::{disjunction, dpkg, echo, printf, readlink, which};
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

/// Of no consequence: services, upgrades, terminals, the boot; and what other parts of this module do from declarations.
const NOTHING: [&str; 60] = [
    ":",
    "true",
    "trap",
    "umask",
    "wait",
    "sleep",
    "set",
    "ulimit",
    "deb-systemd-invoke",
    "deb-systemd-helper",
    "systemctl",
    "invoke-rc.d",
    "update-rc.d",
    "service",
    "start-stop-daemon",
    "telinit",
    "initctl",
    "ldconfig",
    "dpkg-trigger",
    "dpkg-maintscript-helper",
    "ucfr",
    "py3clean",
    "pyclean",
    "udevadm",
    "update-menus",
    "update-initramfs",
    "update-grub",
    "update-passwd",
    "systemd-tmpfiles",
    "systemd-sysusers",
    "systemd-hwdb",
    "systemd-machine-id-setup",
    "journalctl",
    "db_version",
    "db_stop",
    "db_go",
    "db_input",
    "db_set",
    "db_fset",
    "db_reset",
    "db_subst",
    "db_capb",
    "db_title",
    "db_unregister",
    "db_purge",
    "db_info",
    "db_beginblock",
    "db_endblock",
    "db_settitle",
    "db_x_loadtemplatefile",
    "update-ca-certificates",
    "chown",
    "chgrp",
    "busctl",
    "update-shells",
    "apparmor_parser",
    "update-binfmts",
    "dbus-send",
    "db_fget",
    "restorecon",
];

/// Left to the programs that finish the root.
const TRIGGERS: [&str; 18] = [
    "py3compile",
    "pycompile",
    "update-mime-database",
    "update-desktop-database",
    "gtk-update-icon-cache",
    "update-icon-caches",
    "gtk4-update-icon-cache",
    "glib-compile-schemas",
    "gio-querymodules",
    "gdk-pixbuf-query-loaders",
    "fc-cache",
    "mandb",
    "update-info-dir",
    "install-info",
    "gtk-query-immodules-3.0",
    "update-mime",
    "update-fonts-alias",
    "pam-auth-update",
];

/// They read and print, and change nothing.
const PRINTS: [&str; 42] = [
    "echo",
    "printf",
    "cat",
    "grep",
    "egrep",
    "fgrep",
    "sed",
    "awk",
    "cut",
    "tr",
    "sort",
    "uniq",
    "head",
    "tail",
    "wc",
    "cmp",
    "diff",
    "md5sum",
    "sha1sum",
    "sha256sum",
    "stat",
    "id",
    "getent",
    "dpkg-query",
    "uname",
    "ls",
    "expr",
    "date",
    "pwd",
    "hostname",
    "lsb_release",
    "readlink",
    "realpath",
    "ischroot",
    "basename",
    "dirname",
    "which",
    "command",
    "test",
    "[",
    "file",
    "seq",
];

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

    /// Copies a file or link; `None` where there is none, or it is more than may be written.
    fn copy_to(&mut self, files: &mut Files, from: &str, to: &str) -> Option<bool> {
        let node = files.look(from.as_bytes()).filter(|node| node.kind.is_file())?;
        if let NodeKind::Bytes { bytes, .. } = &node.kind
            && !self.takes(bytes.len() as u64)
        {
            return None;
        }
        let copy = Node::made(node.kind.clone());
        let to = inside(files, from, to);
        let place = files.resolve(to.as_bytes(), Last::Follow)?;
        Some(files.put(&place, copy))
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

    fn source(&mut self, files: &Files, words: &[String]) -> Answer {
        let Some(path) = words.first() else {
            return Answer::Unknown;
        };
        if path.ends_with("/debconf/confmodule") {
            return Answer::Done(Status::Success);
        }
        if files.size(path.as_bytes()) > MAX_TEXT as u64 {
            return Answer::Unknown;
        }
        match files.read_text(self.store, path) {
            Ok(Some(text)) => Answer::Source(text),
            Ok(None) => Answer::Unknown,
            Err(error) => {
                self.failure = Some(error);
                Answer::Unknown
            }
        }
    }

    fn cat(&mut self, files: &Files, request: &Request<'_>) -> Answer {
        let mut text = String::new();
        if request.words.is_empty() || request.words == ["-"] {
            return Answer::Says(Status::Success, request.input.map(str::to_owned));
        }
        for path in plain(request.words) {
            if files.size(path.as_bytes()) + text.len() as u64 > MAX_TEXT as u64 {
                return Answer::Says(Status::Success, None);
            }
            match files.read(self.store, path.as_bytes()) {
                Ok(Some(bytes)) => match String::from_utf8(bytes) {
                    Ok(more) => text.push_str(&more),
                    Err(_) => return Answer::Says(Status::Success, None),
                },
                Ok(None) => return Answer::Says(Status::Failure, Some(text)),
                Err(error) => {
                    self.failure = Some(error);
                    return Answer::Unknown;
                }
            }
        }
        Answer::Says(Status::Success, Some(text))
    }

    fn test(&self, files: &Files, words: &[String]) -> Answer {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Answer::Done(disjunction(files, &words))
    }

    fn getent(&self, words: &[String]) -> Answer {
        let found = match words {
            [table, name] if table == "passwd" => self.accounts.has_user(name),
            [table, name] if table == "group" => self.accounts.has_group(name),
            _ => return Answer::Says(Status::Unknown, None),
        };
        Answer::Says(Status::of(found), (!found).then(String::new))
    }

    fn id_status(&self, words: &[String]) -> Status {
        match plain(words).next() {
            Some(name) => Status::of(self.accounts.has_user(name)),
            None => Status::Success,
        }
    }

    /// What `id -u NAME` prints, where the number is fixed already.
    fn number(&self, words: &[String]) -> Option<String> {
        match words {
            [option, name] if option == "-u" => self.accounts.uid(name).map(|uid| format!("{uid}\n")),
            _ => None,
        }
    }

    fn divert(&mut self, files: &mut Files, words: &[String]) -> Answer {
        let package = self.packages[self.current].name().to_owned();
        let (mut by, mut to, mut rename) = (package, None, false);
        let (mut path, mut action) = (None, "--add");
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--package" => by = words.next().cloned().unwrap_or_default(),
                "--divert" => to = words.next().cloned(),
                "--rename" => rename = true,
                "--no-rename" | "--quiet" => {}
                "--local" => by = "LOCAL".to_owned(),
                "--add" | "--remove" | "--truename" | "--listpackage" | "--list" => action = word,
                word if word.starts_with("--") => return Answer::Unknown,
                word => path = Some(word.to_owned()),
            }
        }
        let Some(path) = path else {
            return Answer::Unknown;
        };
        let to = to.unwrap_or_else(|| format!("{path}.distrib"));
        let (from, to) = (merged(&path), merged(&to));
        if RootPath::new(&from).is_err() || RootPath::new(&to).is_err() {
            return Answer::Unknown;
        }
        let known = self.diversions.iter().find(|diversion| diversion.from == from);
        match action {
            "--truename" => says(Some(known.map_or(path, |known| super::merge::lossy(&known.to)))),
            "--listpackage" => says(Some(known.map(|known| known.by.clone()).unwrap_or_default())),
            "--list" => Answer::Says(Status::of(known.is_some()), None),
            "--remove" => {
                self.diversions
                    .retain(|diversion| diversion.from != from || diversion.by != by);
                Answer::Done(Status::Success)
            }
            _ => {
                if known.is_none() {
                    self.move_away(files, &from, &to, &by, rename);
                    self.diversions.push(Diversion { from, to, by });
                }
                Answer::Done(Status::Success)
            }
        }
    }

    /// A diversion moves what another package has there, once that package is unpacked.
    fn move_away(&self, files: &mut Files, from: &[u8], to: &[u8], by: &str, rename: bool) {
        let node = files.exact(from).filter(|node| !node.kind.is_folder());
        let owner = node.and_then(|node| node.package);
        let of_other = owner.is_some_and(|owner| self.packages[owner as usize].name() != by);
        if rename && of_other {
            files.rename(from, to);
        }
    }

    fn stat_override(&mut self, files: &mut Files, words: &[String]) -> Answer {
        let asks = words.iter().any(|word| word == "--list");
        let plain: Vec<&str> = plain(words).collect();
        match plain[..] {
            [path] if asks => Answer::Says(Status::of(self.overrides.contains_key(path)), None),
            [] if asks => Answer::Says(Status::Failure, None),
            [user, group, mode, path] if words.iter().any(|word| word == "--add") => {
                let wanted = format!("{user} {group} {mode}");
                let updates = words.iter().any(|word| word == "--update");
                if updates && !self.chmod(files, &[mode.to_owned(), path.to_owned()]) {
                    return Answer::Unknown;
                }
                self.overrides.insert(path.to_owned(), format!("{wanted} {path}"));
                self.notes.push(Note::Override {
                    path: path.to_owned(),
                    wanted,
                });
                Answer::Done(Status::Success)
            }
            [path] if words.iter().any(|word| word == "--remove") => {
                self.overrides.remove(path);
                Answer::Done(Status::Success)
            }
            _ => Answer::Unknown,
        }
    }

    /// Changes modes. Whether that could be done.
    fn chmod(&mut self, files: &mut Files, words: &[String]) -> bool {
        // `-x` is a mode.
        let option = |word: &str| word.starts_with("--") || is_flags(word) && !word.contains(['r', 'w', 'x']);
        let words: Vec<&str> = words
            .iter()
            .map(String::as_str)
            .filter(|word| !option(word))
            .collect();
        let Some((wanted, paths)) = words.split_first() else {
            return true;
        };
        paths.iter().all(|path| self.chmod_one(files, path, wanted))
    }

    fn chmod_one(&mut self, files: &mut Files, path: &str, wanted: &str) -> bool {
        // An object is one that may be run, or one that may not: a file that becomes the other is written anew.
        let other = match files.look(path.as_bytes()).map(|node| &node.kind) {
            Some(NodeKind::Object { mode, size, .. })
                if (mode & 0o111 == 0) != (changed(*mode, wanted) & 0o111 == 0) =>
            {
                Some((*mode, *size))
            }
            _ => None,
        };
        if let Some((mode, size)) = other {
            if !self.takes(size) {
                return false;
            }
            match files.read(self.store, path.as_bytes()) {
                Ok(bytes) => {
                    let bytes = bytes.unwrap_or_default();
                    files.change(path.as_bytes(), |node| {
                        node.kind = NodeKind::Bytes { bytes, mode }
                    });
                }
                Err(error) => {
                    self.failure = Some(error);
                    return false;
                }
            }
        }
        files.change(path.as_bytes(), |node| {
            if let NodeKind::Folder { mode } | NodeKind::Object { mode, .. } | NodeKind::Bytes { mode, .. } =
                &mut node.kind
            {
                *mode = changed(*mode, wanted);
            }
        });
        true
    }

    /// The commands that make accounts.
    fn account(&mut self, files: &mut Files, name: &str, words: &[String]) -> bool {
        let mut wanted = Wanted::default();
        if !wanted.read(name, words) {
            return false;
        }
        match (name, wanted.names.as_slice()) {
            ("adduser" | "addgroup", [user, group]) => self.accounts.add_member(user, group),
            ("addgroup" | "groupadd", [group]) => self.accounts.add_group(group, wanted.gid),
            ("adduser", [group]) if wanted.is_group && !wanted.is_system => {
                self.accounts.add_group(group, wanted.gid);
            }
            ("usermod", [user]) => {
                for group in &wanted.groups {
                    self.accounts.add_member(user, group);
                }
            }
            ("adduser" | "useradd", [user]) => {
                let own = wanted.is_group || name == "useradd";
                let fallback = if own { user.as_str() } else { "nogroup" };
                let group = wanted.primary.clone().unwrap_or_else(|| fallback.to_owned());
                let home = wanted.home.clone().unwrap_or_else(|| "/nonexistent".to_owned());
                if wanted.home.is_some() && wanted.makes_home && self.is_real(&home) {
                    files.make_folder(home.as_bytes(), 0o755);
                }
                let shell = wanted
                    .shell
                    .clone()
                    .unwrap_or_else(|| "/usr/sbin/nologin".to_owned());
                self.accounts.add_group(&group, wanted.gid);
                self.accounts.add_user(
                    user,
                    User {
                        uid: wanted.uid,
                        gid: None,
                        group: Some(group),
                        comment: wanted.comment.replace(':', " "),
                        home,
                        shell,
                    },
                );
                for group in &wanted.groups {
                    self.accounts.add_member(user, group);
                }
            }
            _ => return false,
        }
        true
    }

    fn mkdir(&mut self, files: &mut Files, words: &[String]) -> Answer {
        let mut mode = 0o755;
        let mut paths = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-m" | "--mode" => mode = words.next().and_then(|text| octal(text)).unwrap_or(mode),
                word if word.starts_with("-m") => mode = octal(&word[2..]).unwrap_or(mode),
                word if word.starts_with("--mode=") => mode = octal(&word[7..]).unwrap_or(mode),
                word if word.starts_with('-') => {}
                path => paths.push(path),
            }
        }
        Answer::Done(Status::of(
            paths.iter().all(|path| self.folder(files, path, mode)),
        ))
    }

    /// Makes a folder; one below `/run` is made when a service starts.
    fn folder(&mut self, files: &mut Files, path: &str, mode: u16) -> bool {
        if !path.starts_with('/') {
            return false;
        }
        let path = without_climbing(path);
        let path = path.trim_end_matches('/');
        let path = path
            .strip_prefix("/var")
            .filter(|rest| rest.starts_with("/run/"))
            .unwrap_or(path);
        if path.starts_with("/run/") {
            self.runtime.push(RuntimeFolder {
                path: path.to_owned(),
                mode,
            });
            return true;
        }
        !self.is_real(path) || files.make_folder(path.as_bytes(), mode)
    }

    fn install(&mut self, files: &mut Files, words: &[String]) -> Answer {
        let (mut mode, mut folders) = (0o755, false);
        let mut paths = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-m" | "--mode" => mode = words.next().and_then(|text| octal(text)).unwrap_or(mode),
                "-o" | "-g" | "--owner" | "--group" => {
                    words.next();
                }
                "-d" | "--directory" => folders = true,
                "-t" => return Answer::Unknown,
                word if word.starts_with("--mode=") => mode = octal(&word[7..]).unwrap_or(mode),
                word if word.starts_with("-m") => mode = octal(&word[2..]).unwrap_or(mode),
                word if word.starts_with('-') => folders |= !word.starts_with("--") && word.contains('d'),
                path => paths.push(path.to_owned()),
            }
        }
        if folders {
            return Answer::Done(Status::of(
                paths.iter().all(|path| self.folder(files, path, mode)),
            ));
        }
        match paths.as_slice() {
            [from, to] => {
                let done = self.copy_to(files, from, to);
                let to = inside(files, from, to);
                match done {
                    Some(done) if self.chmod(files, &[format!("{mode:o}"), to]) => {
                        Answer::Done(Status::of(done))
                    }
                    _ => Answer::Unknown,
                }
            }
            _ => Answer::Unknown,
        }
    }

    fn ln(&mut self, files: &mut Files, words: &[String]) -> Answer {
        let flags: String = words.iter().filter(|word| is_flags(word)).cloned().collect();
        let keeps = flags.contains('n') || flags.contains('T');
        let paths: Vec<&str> = plain(words).collect();
        let [target, at] = paths[..] else {
            return Answer::Unknown;
        };
        if flags.contains('r') || !at.starts_with('/') {
            return Answer::Unknown;
        }
        let at = match keeps
            && files
                .look_at(at.as_bytes())
                .is_some_and(|node| !node.kind.is_folder())
        {
            true => at.to_owned(),
            false => inside(files, target, at),
        };
        if !self.is_real(&at) {
            return Answer::Done(Status::Success);
        }
        if files.look_at(at.as_bytes()).is_some() && !flags.contains('f') {
            return Answer::Done(Status::Failure);
        }
        if flags.contains('s') {
            return Answer::Done(Status::of(files.link(at.as_bytes(), target.as_bytes())));
        }
        match self.copy_to(files, target, &at) {
            Some(done) => Answer::Done(Status::of(done)),
            None => Answer::Unknown,
        }
    }

    fn copy(&mut self, files: &mut Files, name: &str, words: &[String]) -> Answer {
        let mut paths = Vec::new();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "--purge" => return Answer::Done(Status::Success),
                "--debconf-template" | "--src-dir" | "--sum-file" if name == "ucf" => {
                    rest.next();
                }
                word if word.starts_with('-') => {}
                path => paths.push(path),
            }
        }
        let [from, to] = paths[..] else {
            return Answer::Unknown;
        };
        if !from.starts_with('/') || !to.starts_with('/') {
            return Answer::Unknown;
        }
        if !self.is_real(to) {
            return Answer::Done(Status::Success);
        }
        // `ucf` leaves what is there to whoever put it there.
        if name == "ucf" && files.look(to.as_bytes()).is_some() {
            return Answer::Done(Status::Success);
        }
        let folder = files
            .look_at(from.as_bytes())
            .is_some_and(|node| node.kind.is_folder());
        let done = match (name, folder) {
            ("mv", _) => {
                let to = inside(files, from, to);
                Some(files.rename(from.as_bytes(), to.as_bytes()))
            }
            (_, true) => None,
            _ => self.copy_to(files, from, to),
        };
        match done {
            Some(done) => Answer::Done(Status::of(done)),
            None if files.look_at(from.as_bytes()).is_none() => Answer::Done(Status::Failure),
            None => Answer::Unknown,
        }
    }
}

/// A path without `..` in it, which would hide where it leads.
pub(super) fn without_climbing(path: &str) -> Cow<'_, str> {
    match path.split('/').any(|part| part == "..") {
        true => Cow::Owned(super::merge::lossy(&super::merge::normal(b"", path.as_bytes()))),
        false => Cow::Borrowed(path),
    }
}

/// `rm` and `rmdir`: a folder goes only where that is asked for, and never the root. Whether all went.
fn remove(files: &mut Files, name: &str, words: &[String]) -> bool {
    let flag = |letters: &[char], long: &str| {
        let mut words = words.iter().take_while(|word| *word != "--");
        words.any(|word| word == long || is_flags(word) && word.contains(letters))
    };
    let (below, forced) = (flag(&['r', 'R'], "--recursive"), flag(&['f'], "--force"));
    let mut all = true;
    for path in plain(words).filter(|path| path.starts_with('/')) {
        let folder = match files.look_at(path.as_bytes()) {
            Some(node) => node.kind.is_folder(),
            None => {
                all &= forced && !files.is_folder(path.as_bytes());
                continue;
            }
        };
        let may = match name {
            "rmdir" => folder && files.list(path.as_bytes()).is_empty(),
            _ => !folder || below,
        };
        all &= may || words.iter().any(|word| word == "--ignore-fail-on-non-empty");
        if may {
            files.remove(path.as_bytes());
        }
    }
    all
}

/// A command's name without the folder that it is in.
fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn is_flags(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && !word.starts_with("--")
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

/// What `chmod` makes of a mode; the same where it is told in letters that are not known.
fn changed(mode: u16, wanted: &str) -> u16 {
    match (octal(wanted), wanted) {
        (Some(new), _) => new,
        (None, "+x" | "a+x" | "ugo+x") => mode | 0o111,
        (None, "u+x") => mode | 0o100,
        (None, "-x" | "a-x") => mode & !0o111,
        _ => mode,
    }
}

/// Where something lands: in the folder that the path is, or at the path itself.
fn inside(files: &Files, from: &str, to: &str) -> String {
    match files.is_folder(to.as_bytes()) {
        true => format!(
            "{}/{}",
            to.trim_end_matches('/'),
            base(from.trim_end_matches('/'))
        ),
        false => to.to_owned(),
    }
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
