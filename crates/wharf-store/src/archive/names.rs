//! Every path of an archive at most once, also where case does not count, and nothing both file and folder.
//! Invariant: names that pass can be unpacked in any order on any file system.

use std::borrow::Cow;
use std::collections::hash_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};
use wharf_core::SafePath;

use super::{Limits, Refusal};

/// The names seen so far.
#[derive(Default)]
pub(crate) struct Names {
    seen: FxHashMap<Box<str>, Seen>,
    count: u64,
}

enum Seen {
    /// A file or link, with its name as written.
    Leaf(SafePath),
    /// Several that differ only in case: rare enough that no other path pays for a set.
    Leaves(Box<Leaves>),
    /// A folder, said or implied.
    Folder,
}

/// Files and links whose names differ only in case.
struct Leaves {
    first: SafePath,
    /// The first among them.
    all: FxHashSet<SafePath>,
}

impl Names {
    /// Takes the name of a file or link.
    pub(crate) fn file(&mut self, path: &SafePath, limits: &Limits) -> Result<(), Refusal> {
        self.count(path, limits)?;
        self.folders(path.parent())?;
        let path = path.clone();
        match self.seen.entry(fold(path.as_str()).into()) {
            Entry::Vacant(slot) => {
                slot.insert(Seen::Leaf(path));
                Ok(())
            }
            Entry::Occupied(mut slot) => slot.get_mut().again(path),
        }
    }

    /// Takes the name of a folder, which may come again.
    pub(crate) fn folder(&mut self, path: &SafePath, limits: &Limits) -> Result<(), Refusal> {
        self.count(path, limits)?;
        self.folders(Some(path.as_str()))
    }

    fn count(&mut self, path: &SafePath, limits: &Limits) -> Result<(), Refusal> {
        self.count += 1;
        if self.count > limits.max_entries {
            return Err(Refusal::TooMany {
                limit: limits.max_entries,
            });
        }
        if path.as_str().len() > limits.max_path {
            return Err(Refusal::PathTooLong {
                limit: limits.max_path,
            });
        }
        Ok(())
    }

    fn folders(&mut self, mut folder: Option<&str>) -> Result<(), Refusal> {
        while let Some(path) = folder {
            let folded = fold(path);
            match self.seen.get(&*folded) {
                Some(Seen::Folder) => return Ok(()), // so are the folders above it
                Some(Seen::Leaf(leaf)) => return Err(Refusal::FileAndFolder(leaf.to_string())),
                Some(Seen::Leaves(leaves)) => return Err(Refusal::FileAndFolder(leaves.first.to_string())),
                None => self.seen.insert(folded.into(), Seen::Folder),
            };
            folder = path.rsplit_once('/').map(|(above, _)| above);
        }
        Ok(())
    }
}

impl Seen {
    /// Why a file or link cannot come here as well; it is known from then on.
    fn again(&mut self, path: SafePath) -> Result<(), Refusal> {
        match self {
            Seen::Folder => Err(Refusal::FileAndFolder(path.to_string())),
            Seen::Leaf(leaf) if *leaf == path => Err(Refusal::Duplicate),
            Seen::Leaf(leaf) => {
                let first = leaf.clone();
                let refusal = Refusal::CaseCollision(first.to_string());
                let all = FxHashSet::from_iter([first.clone(), path]);
                *self = Seen::Leaves(Box::new(Leaves { first, all }));
                Err(refusal)
            }
            Seen::Leaves(leaves) => match leaves.all.insert(path) {
                true => Err(Refusal::CaseCollision(leaves.first.to_string())),
                false => Err(Refusal::Duplicate),
            },
        }
    }
}

fn fold(path: &str) -> Cow<'_, str> {
    if path
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(path.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trailing slash makes a folder.
    fn take(paths: &[&str]) -> Result<(), Refusal> {
        let mut names = Names::default();
        paths.iter().try_for_each(|text| {
            let path = SafePath::new(text).unwrap();
            match text.ends_with('/') {
                true => names.folder(&path, &Limits::default()),
                false => names.file(&path, &Limits::default()),
            }
        })
    }

    #[test]
    fn ordinary_names_pass() {
        take(&["a/", "a/b/", "a/b/c.py", "a/", "a/d", "A/e", "ab"]).unwrap();
    }

    #[test]
    fn clashes_are_named() {
        for (paths, reason) in [
            (&["a", "a"][..], "it appears twice"),
            (&["a", "./a"], "it appears twice"),
            (
                &["a/README", "a/readme"],
                "it differs from `a/README` only in case",
            ),
            (&["Ä", "ä"], "it differs from `Ä` only in case"),
            (&["a", "a/b"], "`a` is both a file and a folder"),
            (&["a/b", "a"], "`a` is both a file and a folder"),
            (&["a/b", "A"], "`A` is both a file and a folder"),
            (&["a", "a/"], "`a` is both a file and a folder"),
            (&["a/b/c/d", "a/b"], "`a/b` is both a file and a folder"),
        ] {
            assert_eq!(take(paths).unwrap_err().to_string(), reason, "{paths:?}");
        }
    }

    #[test]
    fn what_came_before_is_known_whatever_else_differs_from_it_only_in_case() {
        let mut names = Names::default();
        let told = ["A", "a", "A", "a"].map(|text| {
            let path = SafePath::new(text).unwrap();
            names
                .file(&path, &Limits::default())
                .map_err(|refusal| refusal.to_string())
        });
        let case = Err("it differs from `A` only in case".to_owned());
        let twice = Err("it appears twice".to_owned());
        assert_eq!(told, [Ok(()), case, twice.clone(), twice]);
    }

    #[test]
    fn a_great_many_that_differ_only_in_case_cost_no_more_than_others() {
        // As many as there are ways to write a name of seventeen letters: to go through all for each would take minutes.
        let ways = 0_u32..1 << 17;
        let written = |way: u32| {
            let letter = |at: u32| if way >> at & 1 == 0 { 'a' } else { 'A' };
            SafePath::new(&(0..17).map(letter).collect::<String>()).unwrap()
        };
        let mut names = Names::default();
        let mut told = |way: u32| names.file(&written(way), &Limits::default());
        assert!(told(0).is_ok());
        let first = written(0).to_string();
        for way in ways.clone().skip(1) {
            assert!(matches!(told(way), Err(Refusal::CaseCollision(name)) if name == first));
        }
        for way in ways {
            assert!(matches!(told(way), Err(Refusal::Duplicate)));
        }
    }

    #[test]
    fn limits_hold() {
        let mut names = Names::default();
        let limits = Limits {
            max_entries: 1,
            max_path: 3,
            ..Limits::default()
        };
        let path = |text| SafePath::new(text).unwrap();
        assert!(matches!(
            names.file(&path("abcd"), &limits),
            Err(Refusal::PathTooLong { limit: 3 })
        ));
        assert!(matches!(
            names.file(&path("abc"), &limits),
            Err(Refusal::TooMany { limit: 1 })
        ));
    }
}
