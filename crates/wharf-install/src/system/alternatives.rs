//! Names that several packages provide (`editor`, `libblas.so.3`): who has them, the links, and dpkg's record of it.
//!
//! Invariant: every name is in automatic mode and belongs to the provider of the highest priority, of equal ones to the first path.
//! Source: update-alternatives(1); the format of its records is that of the program itself.

use std::collections::BTreeMap;

use super::files::{Files, Node};
use super::report::AlternativeReport;

/// All names.
#[derive(Debug, Default)]
pub(crate) struct Alternatives {
    names: BTreeMap<String, Name>,
}

#[derive(Debug, Default)]
struct Name {
    link: String,
    /// Slave names and their links.
    slaves: BTreeMap<String, String>,
    /// By path.
    providers: BTreeMap<String, Provider>,
}

#[derive(Debug, Default)]
struct Provider {
    priority: i64,
    /// Slave names and what this provider has for them.
    slaves: BTreeMap<String, String>,
}

const FOLDER: &str = "etc/alternatives";
const RECORDS: &str = "var/lib/dpkg/alternatives";

impl Alternatives {
    /// Takes the words after `update-alternatives`. Whether they were understood; what only asks or removes is.
    pub(crate) fn command(&mut self, words: &[String]) -> bool {
        let mut words = words.iter().map(String::as_str);
        let mut current: Option<(String, String)> = None;
        while let Some(word) = words.next() {
            let mut next = || words.next().map(str::to_owned);
            match word {
                "--install" => {
                    let (Some(link), Some(name), Some(path), Some(priority)) =
                        (next(), next(), next(), next())
                    else {
                        return false;
                    };
                    let Ok(priority) = priority.parse() else {
                        return false;
                    };
                    let entry = self.names.entry(name.clone()).or_default();
                    entry.link = link;
                    let provider = Provider {
                        priority,
                        slaves: BTreeMap::new(),
                    };
                    entry.providers.insert(path.clone(), provider);
                    current = Some((name, path));
                }
                "--slave" => {
                    let (Some(link), Some(name), Some(path)) = (next(), next(), next()) else {
                        return false;
                    };
                    let Some(entry) = current.as_ref().and_then(|(name, _)| self.names.get_mut(name)) else {
                        return false;
                    };
                    let provider = current
                        .as_ref()
                        .and_then(|(_, path)| entry.providers.get_mut(path));
                    if let Some(provider) = provider {
                        provider.slaves.insert(name.clone(), path);
                    }
                    entry.slaves.insert(name, link);
                }
                "--remove" => {
                    let (Some(name), Some(path)) = (next(), next()) else {
                        return false;
                    };
                    if let Some(entry) = self.names.get_mut(&name) {
                        entry.providers.remove(&path);
                    }
                }
                "--altdir" | "--admindir" | "--log" | "--instdir" | "--root" => return false,
                "--remove-all" => {
                    let Some(name) = next() else { return false };
                    self.names.remove(&name);
                }
                "--auto" | "--display" | "--query" | "--list" => {
                    next();
                }
                "--quiet" | "--force" | "--verbose" | "--skip-auto" | "--debug" => {}
                // `--set` and `--config` choose by hand, which no package should on a fresh root.
                _ => return false,
            }
        }
        true
    }

    /// Makes the links and records.
    pub(crate) fn settle(&self, files: &mut Files) -> Vec<AlternativeReport> {
        files.make_folder(FOLDER.as_bytes(), 0o755);
        files.make_folder(RECORDS.as_bytes(), 0o755);
        let mut reports = Vec::new();
        for (name, entry) in &self.names {
            let present = |path: &&String| files.look(path.as_bytes()).is_some();
            let mut providers: Vec<(&String, &Provider)> =
                entry.providers.iter().filter(|(path, _)| present(path)).collect();
            providers.sort_by_key(|(path, provider)| (std::cmp::Reverse(provider.priority), *path));
            let Some((path, provider)) = providers.first().copied() else {
                continue;
            };
            point(files, &entry.link, name, path);
            for (slave, link) in &entry.slaves {
                match provider.slaves.get(slave) {
                    Some(target) if files.look(target.as_bytes()).is_some() => {
                        point(files, link, slave, target);
                    }
                    _ => {}
                }
            }
            let record = entry.record();
            files.put(format!("{RECORDS}/{name}").as_bytes(), Node::text(record));
            reports.push(AlternativeReport {
                name: name.clone(),
                chosen: path.clone(),
                among: providers.len(),
            });
        }
        reports
    }
}

/// The link, to the name in the folder of alternatives, to the file. A file of a package at the link's place stays.
fn point(files: &mut Files, link: &str, name: &str, target: &str) {
    let is_file = files
        .look_at(link.as_bytes())
        .is_some_and(|node| node.kind.is_file());
    if is_file || name.contains('/') {
        return;
    }
    let middle = format!("/{FOLDER}/{name}");
    files.link(link.as_bytes(), middle.as_bytes());
    files.link(middle.as_bytes(), target.as_bytes());
}

impl Name {
    /// The record: mode, link, slaves, an empty line, then each provider; an empty line again.
    fn record(&self) -> String {
        let mut text = format!("auto\n{}\n", self.link);
        for (slave, link) in &self.slaves {
            text += &format!("{slave}\n{link}\n");
        }
        text.push('\n');
        for (path, provider) in &self.providers {
            text += &format!("{path}\n{}\n", provider.priority);
            for slave in self.slaves.keys() {
                text += provider.slaves.get(slave).map_or("", String::as_str);
                text.push('\n');
            }
        }
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_highest_priority_has_the_name_and_its_slaves() {
        let mut files = Files::default();
        for path in ["usr/bin/vim", "usr/bin/nano", "usr/share/man/man1/nano.1.gz"] {
            files.write(path.as_bytes(), Vec::new());
        }
        let mut alternatives = Alternatives::default();
        for line in [
            "--install /usr/bin/editor editor /usr/bin/vim 30",
            "--quiet --install /usr/bin/editor editor /usr/bin/nano 40 --slave /usr/share/man/man1/editor.1.gz editor.1.gz /usr/share/man/man1/nano.1.gz",
            "--install /usr/bin/editor editor /usr/bin/missing 90",
            "--auto editor",
        ] {
            assert!(alternatives.command(&words(line)), "{line}");
        }
        assert!(!alternatives.command(&words("--set editor /usr/bin/vim")));
        let report = alternatives.settle(&mut files);
        assert_eq!((report[0].chosen.as_str(), report[0].among), ("/usr/bin/nano", 2));
        let resolved = |path: &str| {
            let place = files.resolve(path.as_bytes(), super::super::files::Last::Follow);
            String::from_utf8(place.unwrap()).unwrap()
        };
        assert_eq!(resolved("usr/bin/editor"), "usr/bin/nano");
        assert_eq!(
            resolved("usr/share/man/man1/editor.1.gz"),
            "usr/share/man/man1/nano.1.gz"
        );
        let record = alternatives.names["editor"].record();
        assert!(record.starts_with(
            "auto\n/usr/bin/editor\neditor.1.gz\n/usr/share/man/man1/editor.1.gz\n\n/usr/bin/missing\n90\n\n"
        ));
    }
}
