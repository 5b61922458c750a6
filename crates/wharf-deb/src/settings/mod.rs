//! apt's settings: what `apt.conf` says. Source: apt.conf(5), apt's `configure-index`.
//!
//! Names are paths of words between `::`, in any case; each has a text, and a list of texts and of further names below it. A file sets, adds and
//! clears, and may name further files; those are for whoever reads files ([`Settings::read`] hands them out).
//! Invariant: reading is total: a file that breaks off or says nothing that can be understood is an error with its line, and what came before it
//! counts.

mod lines;
#[cfg(test)]
mod tests;

use lines::Reader;

/// Settings, as the files that were read leave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// In the order in which they were first set; those without a name are members of the list above them.
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// In lower case. A member of a list has no last word.
    path: String,
    value: String,
}

/// A line that says nothing that can be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct InvalidSetting {
    /// The line.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// Names of folders and files with what they are where nobody says otherwise; each lies below what its name is below.
const PLACES: [(&str, &str); 14] = [
    ("dir", "/"),
    ("dir::state", "var/lib/apt"),
    ("dir::state::lists", "lists/"),
    ("dir::state::status", "/var/lib/dpkg/status"),
    ("dir::state::extended_states", "extended_states"),
    ("dir::cache", "var/cache/apt"),
    ("dir::etc", "etc/apt"),
    ("dir::etc::main", "apt.conf"),
    ("dir::etc::parts", "apt.conf.d"),
    ("dir::etc::sourcelist", "sources.list"),
    ("dir::etc::sourceparts", "sources.list.d"),
    ("dir::etc::preferences", "preferences"),
    ("dir::etc::preferencesparts", "preferences.d"),
    ("dir::etc::trustedparts", "trusted.gpg.d"),
];

impl Settings {
    /// Reads a file, on top of what was read before. `include` is handed the names after `#include`, where they stand, and may read
    /// those files into the settings that it gets.
    ///
    /// # Errors
    /// Where a line cannot be understood.
    pub fn read(
        &mut self,
        text: &[u8],
        mut include: impl FnMut(&mut Self, &str),
    ) -> Result<(), InvalidSetting> {
        let text = String::from_utf8_lossy(text);
        lines::read(Reader::new(&text), self, &mut include)
    }

    /// The text of a name.
    pub fn text(&self, name: &str) -> Option<&str> {
        let path = name.to_ascii_lowercase();
        let entry = self.entries.iter().find(|entry| entry.path == path)?;
        Some(&entry.value)
    }

    /// Whether something is on; `None` where nobody says it in one of apt's words.
    pub fn flag(&self, name: &str) -> Option<bool> {
        let word = self.text(name)?.trim().to_ascii_lowercase();
        match &word[..] {
            "1" | "yes" | "true" | "with" | "on" | "enable" => Some(true),
            "0" | "no" | "false" | "without" | "off" | "disable" => Some(false),
            other => other.parse::<i64>().ok().map(|number| number != 0),
        }
    }

    /// The members of a list; a text that names the list itself counts for all of it where there are none.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let path = format!("{}::", name.to_ascii_lowercase());
        let below = self.entries.iter().filter(|entry| {
            let rest = entry.path.strip_prefix(&path[..]);
            rest.is_some_and(|rest| !rest.contains("::"))
        });
        let members: Vec<&str> = below.map(|entry| &entry.value[..]).collect();
        match self.text(name) {
            Some(text) if members.is_empty() && !text.is_empty() => text.split(',').map(str::trim).collect(),
            _ => members,
        }
    }

    /// Where a file or folder is that apt knows by a name: `Dir::State::lists` is `/var/lib/apt/lists` where nobody says otherwise. `None` for a
    /// name that apt does not know, and for what is switched off (`/dev/null`).
    pub fn place(&self, name: &str) -> Option<String> {
        let path = name.to_ascii_lowercase();
        let (_, usual) = PLACES.iter().find(|(known, _)| *known == path)?;
        let own = self.text(&path).filter(|text| !text.is_empty()).unwrap_or(usual);
        let whole = match path.rsplit_once("::") {
            Some((above, _)) if !own.starts_with('/') => {
                let above = self.place(above)?;
                format!("{}/{own}", above.trim_end_matches('/'))
            }
            _ => own.to_owned(),
        };
        if whole == "/dev/null" {
            return None;
        }
        let kept = whole.trim_end_matches('/');
        Some(if kept.is_empty() { "/" } else { kept }.to_owned())
    }

    /// Sets a name, or adds to the list above it where its last word is empty.
    fn set(&mut self, path: &str, value: &str) {
        let path = path.to_ascii_lowercase();
        let is_member = path.is_empty() || path.ends_with("::");
        let known = self
            .entries
            .iter_mut()
            .find(|entry| !is_member && entry.path == path);
        match known {
            Some(entry) => value.clone_into(&mut entry.value),
            None => self.entries.push(Entry {
                path,
                value: value.to_owned(),
            }),
        }
    }

    /// Takes away a name and everything below it.
    fn clear(&mut self, path: &str) {
        let path = path.to_ascii_lowercase();
        let below = format!("{path}::");
        self.entries
            .retain(|entry| entry.path != path && !entry.path.starts_with(&below));
    }
}
