//! Commands of scripts that overrule what packages bring: `dpkg-divert` and `dpkg-statoverride`.

use wharf_store::RootPath;

use super::super::files::Files;
use super::super::merge::{Diversion, lossy, merged};
use super::super::report::Note;
use super::super::shell::Status;
use super::{Answer, Effects, plain, says};

impl Effects<'_> {
    pub(super) fn divert(&mut self, files: &mut Files, words: &[String]) -> Answer {
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
            "--truename" => says(Some(known.map_or(path, |known| lossy(&known.to)))),
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

    pub(super) fn stat_override(&mut self, files: &mut Files, words: &[String]) -> Answer {
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
}
