//! Which Node a project wants. The first of these that says so counts: `[node] version` of `wharf.toml`, `devEngines.runtime`
//! of `package.json`, `.node-version`, `.nvmrc`, pnpm's `useNodeVersion`, `engines.node` of `package.json`.
//! Sources: docs.npmjs.com "package.json" (`engines`, `devEngines`); nvm's `.nvmrc`, with the names of Node's release lines.

use std::path::{Path, PathBuf};

use wharf_core::Origin;
use wharf_ecosystem::npm::Range;

use crate::npm::NodeRequest;
use crate::project::Warning;
use crate::text::SourceText;
use crate::yaml::Node;

/// Files that name a version of Node in one word.
const FILES: [&str; 2] = [".node-version", ".nvmrc"];

/// Node's release lines with long-term support, by the names that version files use.
const LINES: &[(&str, u32)] = &[
    ("argon", 4),
    ("boron", 6),
    ("carbon", 8),
    ("dubnium", 10),
    ("erbium", 12),
    ("fermium", 14),
    ("gallium", 16),
    ("hydrogen", 18),
    ("iron", 20),
    ("jod", 22),
    ("krypton", 24),
];

/// What the files of a project say about Node besides `wharf.toml`.
pub(crate) struct Found {
    pub(crate) request: Option<NodeRequest>,
    pub(crate) warnings: Vec<Warning>,
    /// Files that were read or looked for.
    pub(crate) inputs: Vec<PathBuf>,
}

/// Looks for the Node of a project. `package` is its `package.json`, `pnpm` what pnpm is told to use.
pub(crate) fn find(
    root: &Path,
    package: Option<(&SourceText, &Node<'_>)>,
    pnpm: Option<&(String, Origin)>,
) -> Found {
    let mut found = Found {
        request: None,
        warnings: Vec::new(),
        inputs: FILES.iter().map(|file| root.join(file)).collect(),
    };
    if let Some((source, node)) = package {
        dev_engine(source, node, &mut found);
    }
    for file in FILES {
        if found.request.is_none()
            && let Ok(text) = std::fs::read_to_string(root.join(file))
        {
            version_file(file, &text, &mut found);
        }
    }
    if let Some((text, origin)) = pnpm {
        found.take(text, origin.clone());
    }
    if let Some((source, node)) = package
        && let Some(engine) = node.get("engines").and_then(|engines| engines.get("node"))
        && let Some(text) = engine.text()
    {
        found.take(text, source.origin(engine.span.start).with_label("engines"));
    }
    found
}

impl Found {
    /// Takes a range, unless something stronger spoke before.
    fn take(&mut self, text: &str, origin: Origin) {
        if self.request.is_some() {
            return;
        }
        match Range::parse(text) {
            Ok(range) => {
                self.request = Some(NodeRequest {
                    range,
                    text: text.trim().to_owned(),
                    origin,
                });
            }
            Err(error) => self.warnings.push(Warning {
                code: "npm/node-version",
                message: format!("the version of Node in {origin} is passed over: {error}"),
                origin: Some(origin),
            }),
        }
    }
}

/// `devEngines.runtime`: one object or several; that of Node counts.
fn dev_engine(source: &SourceText, package: &Node<'_>, found: &mut Found) {
    let Some(runtime) = package
        .get("devEngines")
        .and_then(|engines| engines.get("runtime"))
    else {
        return;
    };
    let runtimes = runtime.list().unwrap_or(std::slice::from_ref(runtime));
    let is_node = |runtime: &&Node<'_>| runtime.get("name").and_then(Node::text) == Some("node");
    let version = runtimes.iter().find(is_node).and_then(|node| node.get("version"));
    if let Some((version, text)) = version.and_then(|version| Some((version, version.text()?))) {
        found.take(text, source.origin(version.span.start).with_label("devEngines"));
    }
}

/// `.nvmrc` and `.node-version`: the first line that is no comment.
fn version_file(file: &str, text: &str, found: &mut Found) {
    let lines = text.lines().enumerate();
    let mut words = lines.map(|(number, line)| (number, line.split('#').next().unwrap_or_default().trim()));
    let Some((number, word)) = words.find(|(_, word)| !word.is_empty()) else {
        return;
    };
    let line = u32::try_from(number + 1).unwrap_or(u32::MAX);
    let origin = Origin::file(Path::new(file), line, 1);
    let name = word.to_ascii_lowercase();
    let name = name
        .strip_prefix("lts/")
        .or(name.strip_prefix("lts-"))
        .unwrap_or(&name);
    match LINES.iter().find(|(known, _)| *known == name) {
        Some((_, major)) => found.take(&major.to_string(), origin),
        // They mean whatever is newest when they are read: nothing that a project could be checked against.
        None if matches!(
            name,
            "*" | "node" | "stable" | "latest" | "lts" | "current" | "system" | "default"
        ) => {}
        None => found.take(word, origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{self, Dialect};

    fn check(files: &[(&str, &str)], package: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in files {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        let source = SourceText::new(Path::new("package.json"), package);
        let node = json::parse(&source, Dialect::Strict).unwrap();
        let found = find(folder.path(), Some((&source, &node)), None);
        let request = found
            .request
            .map(|request| format!("{} [{}]", request.text, request.origin));
        let warnings = found.warnings.into_iter().map(|warning| warning.message);
        let shown: Vec<String> = request.into_iter().chain(warnings).collect();
        assert_eq!(shown.join("\n"), expected);
    }

    #[test]
    fn the_first_that_says_so_counts() {
        let engines = r#"{"engines": {"node": ">=18"}}"#;
        check(&[], engines, ">=18 [package.json:1]");
        check(&[(".nvmrc", "v20.11.1\n")], engines, "v20.11.1 [.nvmrc:1]");
        check(
            &[(".nvmrc", "20"), (".node-version", "# ours\n22.1\n")],
            engines,
            "22.1 [.node-version:2]",
        );
        check(
            &[(".nvmrc", "20")],
            r#"{"devEngines": {"runtime": [{"name": "bun"}, {"name": "node", "version": "^22.4"}]}}"#,
            "^22.4 [package.json:1]",
        );
        check(&[(".nvmrc", "lts/Iron")], "{}", "20 [.nvmrc:1]");
        check(&[(".nvmrc", "lts/*")], engines, ">=18 [package.json:1]");
        check(&[(".nvmrc", "")], "{}", "");
        check(
            &[(".nvmrc", "iojs-next!")],
            engines,
            ">=18 [package.json:1]\nthe version of Node in .nvmrc:1 is passed over: `iojs-next!` is not a range of versions",
        );
    }
}
