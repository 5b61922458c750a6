//! Files of packages that a browser asks a development server for, which hands out none from outside of the project: fonts that a
//! style sheet names, images, WebAssembly, scripts of workers. What is imported comes from anywhere (Vite: `server.fs.allow` and the
//! modules that it calls safe).
//!
//! Which packages have such files is known from their names alone, once they are in the store. Names of text and of modules are
//! listed, and everything else counts: a package that lies in the project for nothing costs a link for each file, one that is missed
//! costs the user a page without fonts.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use wharf_ecosystem::npm::graph::PackageIndex;
use wharf_store::{ContentKey, HomeId, Store, StoreError};

use super::{Placement, Planning, Stock, VirtualStore, tools};

/// Extensions of modules, and of what is no part of a page. Style sheets are imported, or lie below a page's own folder.
const NEVER: [&str; 62] = [
    "am",
    "bat",
    "bnf",
    "c",
    "cc",
    "cfg",
    "cjs",
    "cmd",
    "coffee",
    "conf",
    "cpp",
    "css",
    "cts",
    "def",
    "el",
    "flow",
    "gyp",
    "gypi",
    "h",
    "hpp",
    "in",
    "ini",
    "js",
    "jsdoc",
    "json",
    "json5",
    "jsonc",
    "jst",
    "jsx",
    "less",
    "lock",
    "ls",
    "m",
    "map",
    "markdown",
    "md",
    "mdx",
    "mjs",
    "mk",
    "mts",
    "node",
    "opts",
    "patch",
    "pl",
    "properties",
    "ps1",
    "py",
    "sass",
    "scss",
    "sh",
    "styl",
    "svelte",
    "tcl",
    "tmpl",
    "toml",
    "ts",
    "tsbuildinfo",
    "tsx",
    "txt",
    "vue",
    "yaml",
    "yml",
];

impl Planning<'_> {
    /// Whether packages that would lie in the store may have to lie in the project for their files.
    pub fn may_serve(&self) -> bool {
        self.request.virtual_store == VirtualStore::Auto
            && self.placing.placements.contains(&Placement::Global)
            && tools::has_server(&self.request)
    }

    /// Packages of the store whose files a development server will be asked for. The content of each has to be in the store. What was
    /// found is remembered in the `cache` folder.
    ///
    /// # Errors
    /// Where the record of a home cannot be read.
    pub fn served(
        &self,
        stock: &Stock,
        store: &Store,
        cache: &Path,
    ) -> Result<BTreeSet<PackageIndex>, StoreError> {
        let memory = Memory::read(cache.join(MEMORY));
        let missing = stock.missing.iter();
        let others: FxHashMap<&HomeId, &HomeId> = missing
            .filter_map(|one| Some((&one.home, one.from.as_ref()?)))
            .collect();
        let packages = &self.request.graph.packages;
        let shared = (0..packages.len()).filter(|package| {
            self.placing.placements[*package] == Placement::Global
                && !tools::is_measured_with_a_server(packages[*package].name.as_str())
        });
        let shared = shared.filter_map(|package| Some((package, self.homes[package].as_ref()?)));
        let (known, new): (Vec<_>, Vec<_>) =
            shared.partition(|(_, home)| memory.known.contains_key(&home.content));
        let look = |(package, home): (PackageIndex, &HomeId)| {
            let from = others.get(home).copied().unwrap_or(home);
            let found = store.has_home_file(from, is_served)?;
            Ok((package, home.content, found))
        };
        let new: Vec<(PackageIndex, ContentKey, bool)> =
            new.into_par_iter().map(look).collect::<Result<_, StoreError>>()?;
        memory.learn(new.iter().map(|(_, content, found)| (*content, *found)));
        let known = known.into_iter().filter(|(_, home)| memory.known[&home.content]);
        let new = new.iter().filter(|(.., found)| *found);
        Ok(known
            .map(|(package, _)| package)
            .chain(new.map(|(package, ..)| *package))
            .collect())
    }
}

/// The file of the cache that remembers what was found. Another name where [`is_served`] changes.
const MEMORY: &str = "npm-served-1";

/// What is known from before: a line for each content, its key and `1` where it has such files, else `0`. Lines that are no such lines, as
/// one that was cut off, count for nothing.
struct Memory {
    path: PathBuf,
    known: FxHashMap<ContentKey, bool>,
}

impl Memory {
    fn read(path: PathBuf) -> Self {
        let bytes = fs::read(&path).unwrap_or_default();
        let parse = |line: &[u8]| {
            let (key, found) = std::str::from_utf8(line).ok()?.split_once(' ')?;
            let key = Some(key).filter(|key| key.len() == 16 && !key.starts_with('+'))?;
            let key = u64::from_str_radix(key, 16).ok()?;
            let found = ["0", "1"].iter().position(|word| *word == found)? == 1;
            Some((ContentKey::from_bytes(key.to_be_bytes()), found))
        };
        Self {
            known: bytes.split(|byte| *byte == b'\n').filter_map(parse).collect(),
            path,
        }
    }

    /// Adds to the file. Where that fails, it will be found once more.
    fn learn(&self, new: impl Iterator<Item = (ContentKey, bool)>) {
        // A line of its own, whatever stands before it.
        let mut lines = String::from("\n");
        for (content, found) in new {
            lines.push_str(&format!("{content} {}\n", u8::from(found)));
        }
        if lines.len() == 1 {
            return;
        }
        let append = || {
            let mut file = fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(&self.path)?;
            file.write_all(lines.as_bytes())
        };
        let made = || self.path.parent().map(fs::create_dir_all).transpose();
        let _ = append().or_else(|_| made().and_then(|_| append()));
    }
}

/// Whether a file of this path in its package may be what a browser asks for by itself.
fn is_served(path: &str) -> bool {
    static NEVER_SET: LazyLock<FxHashSet<&str>> = LazyLock::new(|| NEVER.into_iter().collect());
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    match name.rsplit_once('.') {
        None | Some(("", _)) => false,
        Some((_, "js" | "mjs" | "cjs")) => is_of_a_worker(name),
        Some((_, extension)) if NEVER_SET.contains(extension) => false,
        // `file.1` is a page of a manual, `lib.so.1.2` a library.
        Some((_, extension)) => {
            !extension.bytes().all(|byte| byte.is_ascii_digit())
                && !NEVER_SET.contains(&*extension.to_ascii_lowercase())
        }
    }
}

/// Whether a script is one that a page starts beside itself, by its name: `worker.js`, `pdf.worker.min.mjs`, `sqlite3-worker1.js`.
fn is_of_a_worker(name: &str) -> bool {
    let mut words = name.split(['.', '-', '_']);
    words.any(|word| {
        let word = word.trim_end_matches(|end: char| end.is_ascii_digit()).as_bytes();
        let end = &word[word.len().saturating_sub(6)..];
        end.eq_ignore_ascii_case(b"worker")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_asks_for() {
        for (path, expected) in [
            ("files/inter-latin-400-normal.woff2", true),
            ("dist/images/layers-2x.PNG", true),
            ("build/pdf.worker.min.mjs", true),
            ("dist/esm/worker.js", true),
            ("sqlite3-worker1.js", true),
            ("language/tsWorker.js", true),
            ("dist/sql-wasm.wasm", true),
            ("index.html", true),
            ("data/grid.unknown", true),
            ("index.js", false),
            ("dist/leaflet.css", false),
            ("lib/workers.js", false),
            ("data/features/webworkers.js", false),
            ("lib/lib.webworker.d.ts", false),
            ("worker/index.js", false),
            ("LICENSE", false),
            ("README.md", false),
            (".npmignore", false),
            ("man/jq.1", false),
            ("range.bnf", false),
            ("README.MD", false),
            ("build/Release/addon.node", false),
        ] {
            assert_eq!(is_served(path), expected, "{path}");
        }
    }

    #[test]
    fn what_was_found_is_remembered_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not there yet").join(MEMORY);
        let key = |byte| ContentKey::from_bytes([byte; 8]);
        Memory::read(path.clone()).learn([(key(1), true), (key(2), false)].into_iter());
        let expected = FxHashMap::from_iter([(key(1), true), (key(2), false)]);
        assert_eq!(Memory::read(path.clone()).known, expected);
        // Another command was killed in the middle of a line: what comes after it is whole.
        let bytes = fs::read(&path).unwrap();
        for cut in 0..bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            let before = Memory::read(path.clone());
            assert!(
                before.known.iter().all(|(key, found)| expected[key] == *found),
                "{cut}"
            );
            before.learn([(key(3), true)].into_iter());
            let after = Memory::read(path.clone()).known;
            assert_eq!(
                (after.len(), after[&key(3)]),
                (before.known.len() + 1, true),
                "{cut}"
            );
        }
        fs::write(
            &path,
            b"\xff\xff 1\n0102 1\n0202020202020202 2\n+202020202020202 1\n",
        )
        .unwrap();
        assert_eq!(Memory::read(path).known, FxHashMap::default());
    }

    #[test]
    fn extensions_are_listed_once_in_order() {
        assert!(NEVER.is_sorted_by(|one, other| one < other));
    }
}
