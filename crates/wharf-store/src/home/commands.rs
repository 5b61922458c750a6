//! Which files of a package are commands: they must be executable, and their first line must end as Unix has it.
//!
//! npm does both when it links a command. Here one home serves all projects, so it is done once, while unpacking.
//! Source: docs.npmjs.com, "package.json", `bin` and `directories.bin`; the behaviour of `npm install`.

use std::borrow::Cow;

use serde::Deserialize;
use wharf_core::SafePath;

/// The commands that a `package.json` names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Commands {
    files: Vec<SafePath>,
    /// Every file below it is one.
    folder: Option<SafePath>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Manifest {
    bin: serde_json::Value,
    directories: serde_json::Value,
}

impl Commands {
    /// What cannot be read names no commands: a package without them is still a package.
    pub(super) fn of(package_json: &[u8]) -> Self {
        let text = package_json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(package_json);
        let manifest: Manifest = serde_json::from_slice(text).unwrap_or_default();
        let files = match &manifest.bin {
            serde_json::Value::String(path) => inside(path).into_iter().collect(),
            serde_json::Value::Object(all) => {
                all.values().filter_map(|path| inside(path.as_str()?)).collect()
            }
            _ => Vec::new(),
        };
        let folder = match &manifest.bin {
            serde_json::Value::Null => manifest
                .directories
                .get("bin")
                .and_then(|path| inside(path.as_str()?)),
            _ => None,
        };
        Self { files, folder }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folder.is_none()
    }

    pub(super) fn contains(&self, path: &SafePath) -> bool {
        let below = |folder: &SafePath| {
            let rest = path.as_str().strip_prefix(folder.as_str());
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        self.files.contains(path) || self.folder.as_ref().is_some_and(below)
    }
}

/// A path as npm reads it: one that climbs or starts at the root stays inside the package.
fn inside(path: &str) -> Option<SafePath> {
    let mut parts = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    SafePath::new(&parts.join("/")).ok()
}

/// A command's bytes with a first line that the kernel can read: `#!/usr/bin/env node\r` names no program.
pub(super) fn mend_first_line(bytes: &[u8]) -> Cow<'_, [u8]> {
    const LONGEST: usize = 2048;
    if !bytes.starts_with(b"#!") {
        return bytes.into();
    }
    let end = bytes.iter().take(LONGEST).position(|byte| *byte == b'\n');
    match end {
        Some(end) if bytes[end - 1] == b'\r' => {
            let mut mended = Vec::with_capacity(bytes.len() - 1);
            mended.extend_from_slice(&bytes[..end - 1]);
            mended.extend_from_slice(&bytes[end..]);
            mended.into()
        }
        _ => bytes.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(json: &str, paths: &[&str]) -> Vec<String> {
        let commands = Commands::of(json.as_bytes());
        let paths = paths.iter().map(|path| SafePath::new(path).unwrap());
        paths
            .filter(|path| commands.contains(path))
            .map(|path| path.to_string())
            .collect()
    }

    #[test]
    fn every_form_of_bin() {
        let paths = ["cli.js", "bin/a", "bin/b/c", "binx", "lib/x.js"];
        for (json, found) in [
            (r#"{"bin":"./cli.js"}"#, vec!["cli.js"]),
            (
                r#"{"bin":{"a":"bin/a","b":"/lib/x.js"}}"#,
                vec!["bin/a", "lib/x.js"],
            ),
            (r#"{"bin":"../../cli.js"}"#, vec!["cli.js"]),
            (r#"{"directories":{"bin":"./bin"}}"#, vec!["bin/a", "bin/b/c"]),
            (
                r#"{"bin":{"a":"cli.js"},"directories":{"bin":"bin"}}"#,
                vec!["cli.js"],
            ),
            ("\u{feff}{\"bin\":\"cli.js\"}", vec!["cli.js"]),
            (r#"{"bin":[1,2]}"#, vec![]),
            (r#"{"bin":{"a":7}}"#, vec![]),
            ("not json", vec![]),
        ] {
            assert_eq!(commands(json, &paths), found, "{json}");
        }
    }

    #[test]
    fn only_a_first_line_that_starts_a_program_is_mended() {
        for (before, after) in [
            ("#!/usr/bin/env node\r\nx\r\n", "#!/usr/bin/env node\nx\r\n"),
            ("#!/usr/bin/env node\nx\r\n", "#!/usr/bin/env node\nx\r\n"),
            ("x\r\n", "x\r\n"),
            ("#!", "#!"),
            ("#!\n", "#!\n"),
            ("#!\r\n", "#!\n"),
        ] {
            assert_eq!(mend_first_line(before.as_bytes()), after.as_bytes());
        }
    }
}
