//! Files of packages that a browser asks a development server for, which hands out none from outside of the project: fonts that a
//! style sheet names, images, WebAssembly, scripts of workers. What is imported comes from anywhere (Vite: `server.fs.allow` and the
//! modules that it calls safe).
//!
//! Which packages have such files is known from their names alone, once they are in the store. Names of text and of modules are
//! listed, and everything else counts: a package that lies in the project for nothing costs a link for each file, one that is missed
//! costs the user a page without fonts.

use std::collections::BTreeSet;
use std::path::Path;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use wharf_ecosystem::npm::graph::PackageIndex;
use wharf_store::{HomeId, Store, StoreError};

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

    /// Packages of the store whose files a development server will be asked for. The content of each has to be in the store.
    ///
    /// # Errors
    /// Where the record of a home cannot be read.
    pub fn served(&self, stock: &Stock, store: &Store) -> Result<BTreeSet<PackageIndex>, StoreError> {
        let missing = stock.missing.iter();
        let others: FxHashMap<&HomeId, &HomeId> = missing
            .filter_map(|one| Some((&one.home, one.from.as_ref()?)))
            .collect();
        let packages = &self.request.graph.packages;
        let served = |package: PackageIndex| {
            let home = self.homes[package].as_ref()?;
            let home = others.get(home).copied().unwrap_or(home);
            let asked_for = self.placing.placements[package] == Placement::Global
                && !tools::is_measured_with_a_server(packages[package].name.as_str());
            let found = asked_for.then(|| store.has_home_file(home, is_served))?;
            found.map(|found| found.then_some(package)).transpose()
        };
        (0..packages.len()).into_par_iter().filter_map(served).collect()
    }
}

/// Whether a file of this path in its package may be what a browser asks for by itself.
fn is_served(path: &str) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let Some(extension) = Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str())
    else {
        return false;
    };
    let extension = extension.to_ascii_lowercase();
    match &*extension {
        "js" | "mjs" | "cjs" => is_of_a_worker(name),
        // `file.1` is a page of a manual, `lib.so.1.2` a library.
        _ => !extension.bytes().all(|byte| byte.is_ascii_digit()) && !NEVER.contains(&&*extension),
    }
}

/// Whether a script is one that a page starts beside itself, by its name: `worker.js`, `pdf.worker.min.mjs`, `sqlite3-worker1.js`.
fn is_of_a_worker(name: &str) -> bool {
    let mut words = name.split(['.', '-', '_']);
    words.any(|word| {
        let word = word.trim_end_matches(|end: char| end.is_ascii_digit());
        word.to_ascii_lowercase().ends_with("worker")
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
            ("build/Release/addon.node", false),
        ] {
            assert_eq!(is_served(path), expected, "{path}");
        }
    }

    #[test]
    fn extensions_are_listed_once_in_order() {
        assert!(NEVER.is_sorted_by(|one, other| one < other));
    }
}
