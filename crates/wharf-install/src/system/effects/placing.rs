//! Commands of scripts that make, copy, change and remove files: `mkdir`, `install`, `ln`, `cp`, `chmod`, `rm` and the like.

use super::super::files::{Files, Last, Node, NodeKind};
use super::super::report::RuntimeFolder;
use super::super::shell::Status;
use super::{Answer, Effects, base, octal, plain, without_climbing};

impl Effects<'_> {
    pub(super) fn mkdir(&mut self, files: &mut Files, words: &[String]) -> Answer {
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

    pub(super) fn install(&mut self, files: &mut Files, words: &[String]) -> Answer {
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

    pub(super) fn ln(&mut self, files: &mut Files, words: &[String]) -> Answer {
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

    pub(super) fn copy(&mut self, files: &mut Files, name: &str, words: &[String]) -> Answer {
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

    /// Changes modes. Whether that could be done.
    pub(super) fn chmod(&mut self, files: &mut Files, words: &[String]) -> bool {
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
}

/// `rm` and `rmdir`: a folder goes only where that is asked for, and never the root. Whether all went.
pub(super) fn remove(files: &mut Files, name: &str, words: &[String]) -> bool {
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

fn is_flags(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && !word.starts_with("--")
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
