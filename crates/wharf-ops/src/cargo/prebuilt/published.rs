//! What a crate says of itself: the commands that a build would install, its repository, the prebuilts that it declares.
//! Invariant: read from the crate's own archive, whose checksum is in the lock.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wharf_ecosystem::cargo::Manifest;
use wharf_ecosystem::cargo::binstall::{Declared, InvalidTable};
use wharf_install::rust::Request;

/// A crate, as it was published.
pub(super) struct Published {
    /// The commands that a build with its default features installs, as far as they are wanted.
    pub(super) commands: Vec<String>,
    /// What it declares of its prebuilts.
    pub(super) declared: Result<Declared, InvalidTable>,
    /// Its repository.
    pub(super) repository: Option<String>,
}

impl Published {
    /// Reads a crate that is in the store.
    ///
    /// # Errors
    /// Where its manifest cannot be read, or it has no commands, in words.
    pub(super) fn read(request: &Request) -> Result<Self, String> {
        let text = fs::read_to_string(request.home.join("Cargo.toml"));
        let text = text.map_err(|error| format!("its Cargo.toml cannot be read: {error}"))?;
        let manifest = Manifest::parse(&text).map_err(|error| format!("its Cargo.toml: {error}"))?;
        let commands = commands(&manifest, &request.home, &request.name);
        let wanted = |command: &String| request.bins.is_empty() || request.bins.contains(command);
        let wanted: Vec<String> = commands.into_iter().filter(wanted).collect();
        if wanted.is_empty() {
            return Err("it has no commands without features".to_owned());
        }
        let declared = Declared::parse(&text);
        Ok(Self {
            commands: wanted,
            repository: declared
                .as_ref()
                .ok()
                .and_then(|declared| declared.repository.clone()),
            declared,
        })
    }
}

/// The commands that default features give, sorted. Source: the cargo book, "Cargo Targets", "Target auto-discovery".
fn commands(manifest: &Manifest, folder: &Path, package: &str) -> BTreeSet<String> {
    let features = default_features(manifest);
    let is_built = |needs: &[String]| needs.iter().all(|feature| features.contains(feature.as_str()));
    let stated: BTreeSet<&str> = manifest.bins.iter().map(|bin| bin.name.as_str()).collect();
    let mut commands: BTreeSet<String> = manifest
        .bins
        .iter()
        .filter(|bin| is_built(&bin.required_features))
        .map(|bin| bin.name.clone())
        .collect();
    if manifest.package.as_ref().is_some_and(|package| package.autobins) {
        let paths: BTreeSet<&str> = manifest
            .bins
            .iter()
            .filter_map(|bin| bin.path.as_deref())
            .collect();
        let found = found_commands(folder, package, &paths);
        commands.extend(found.into_iter().filter(|name| !stated.contains(name.as_str())));
    }
    commands
}

/// What lies where cargo looks for commands.
fn found_commands(folder: &Path, package: &str, stated: &BTreeSet<&str>) -> Vec<String> {
    let mut found = Vec::new();
    if folder.join("src/main.rs").is_file() && !stated.contains("src/main.rs") {
        found.push(package.to_owned());
    }
    for entry in fs::read_dir(folder.join("src/bin"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        match name.strip_suffix(".rs") {
            Some(stem) if !stated.contains(format!("src/bin/{name}").as_str()) => found.push(stem.to_owned()),
            Some(_) => {}
            None if entry.path().join("main.rs").is_file() => found.push(name),
            None => {}
        }
    }
    found
}

/// Everything that `default` switches on.
fn default_features(manifest: &Manifest) -> BTreeSet<&str> {
    let mut on = BTreeSet::new();
    let mut queue = vec!["default"];
    while let Some(feature) = queue.pop() {
        if on.insert(feature) {
            let more = manifest.features.get(feature).into_iter().flatten();
            queue.extend(more.map(String::as_str));
        }
    }
    on
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(manifest: &str, files: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("there is room");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("there is room");
            fs::write(path, "").expect("there is room");
        }
        let text =
            format!("[package]\nname = \"gadget\"\nversion = \"1.0.0\"\nedition = \"2021\"\n{manifest}");
        let manifest = Manifest::parse(&text).expect("it is one");
        commands(&manifest, folder.path(), "gadget").into_iter().collect()
    }

    #[test]
    fn which_commands_a_build_installs() {
        let bin = "[[bin]]\nname = \"gg\"\npath = \"src/main.rs\"\n";
        let featured = "[[bin]]\nname = \"gg\"\npath = \"src/main.rs\"\nrequired-features = [\"cli\"]\n";
        for (manifest, files, expected) in [
            ("", &["src/lib.rs"][..], &[][..]),
            ("", &["src/main.rs"], &["gadget"]),
            (
                "",
                &[
                    "src/main.rs",
                    "src/bin/b.rs",
                    "src/bin/a/main.rs",
                    "src/bin/c/lib.rs",
                ],
                &["a", "b", "gadget"],
            ),
            (bin, &["src/main.rs"], &["gg"]),
            ("autobins = false\n", &["src/main.rs"], &[]),
            (featured, &["src/main.rs"], &[]),
            (
                &format!("{featured}[features]\ncli = []\n"),
                &["src/main.rs"],
                &[],
            ),
            (
                &format!("{featured}[features]\ndefault = [\"all\"]\nall = [\"cli\"]\ncli = []\n"),
                &["src/main.rs"],
                &["gg"],
            ),
            (
                &format!("{featured}[features]\ndefault = [\"default\"]\n"),
                &["src/main.rs"],
                &[],
            ),
        ] {
            assert_eq!(of(manifest, files), expected, "{manifest} {files:?}");
        }
    }
}
