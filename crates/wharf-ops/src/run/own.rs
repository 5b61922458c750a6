//! Commands of the project as npx finds them: in the `node_modules` of the folder and of those above it.
//!
//! Source: the npm documentation's "npm-exec". What is asked for by name alone is the command of that name, else the one that the
//! installed package of that name brings; a version that is asked for must be the installed one's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use wharf_ecosystem::npm::PackageManifest;
use wharf_ecosystem::npm::semver::{Range, Version};

use crate::error::OpsError;
use crate::run::{self, Kind, RunRequest, Running, Separator, Synced, Telling};
use crate::session::Session;
use crate::tool::once::OnceRequest;

/// The command that a one-off asks for, where the project has it.
///
/// # Errors
/// Where the environment's record is damaged.
pub fn command(session: &Session, request: &OnceRequest) -> Result<Option<Running>, OpsError> {
    let Some(file) = find(&session.settings().directory, request) else {
        return Ok(None);
    };
    let first = [OsString::from(file)];
    let words: Vec<OsString> = first
        .into_iter()
        .chain(request.arguments.iter().cloned())
        .collect();
    let request = RunRequest {
        words: &words,
        kind: Kind::Command,
        separator: Separator::default(),
        synced: Synced::No,
        telling: Telling::Silent,
    };
    run::command(session, request)
}

fn find(directory: &Path, request: &OnceRequest) -> Option<PathBuf> {
    let packages = request.from.iter().chain(&request.with);
    let mut packages = packages.map(|package| asked(package)).peekable();
    if packages.peek().is_some() {
        let mut all = packages;
        let are_there = all
            .all(|package| package.is_some_and(|(name, range)| installed(directory, name, range).is_some()));
        return are_there.then(|| link(directory, &request.word)).flatten();
    }
    let (name, range) = asked(&request.word)?;
    if let (None, Some(link)) = (range, link(directory, name)) {
        return Some(link);
    }
    let manifest = installed(directory, name, range)?;
    link(directory, main(name, &manifest.bin)?)
}

/// The command of the package's own name, or its only one.
fn main<'m>(name: &'m str, commands: &'m [(String, String)]) -> Option<&'m str> {
    let own = name.rsplit('/').next().unwrap_or(name);
    match commands {
        [(only, _)] => Some(only),
        several => several
            .iter()
            .map(|(command, _)| command.as_str())
            .find(|command| *command == own),
    }
}

/// The name and the version that are asked for.
fn asked(text: &str) -> Option<(&str, Option<&str>)> {
    let text = text.strip_prefix("npm:")?;
    match text.char_indices().skip(1).find(|(_, each)| *each == '@') {
        Some((at, _)) => Some((&text[..at], Some(&text[at + 1..]))),
        None => Some((text, None)),
    }
}

/// The file of a command, nearest first.
fn link(directory: &Path, command: &str) -> Option<PathBuf> {
    if command.is_empty() || command.contains('/') {
        return None;
    }
    let mut links = directory
        .ancestors()
        .map(|folder| folder.join("node_modules/.bin").join(command));
    links.find(|link| link.is_file())
}

/// The package that a script would find under the name, where it is of the version that is asked for. Which one a tag means, only a
/// registry knows.
fn installed(directory: &Path, name: &str, range: Option<&str>) -> Option<PackageManifest> {
    let mut texts = directory.ancestors().map(|folder| {
        let file = folder.join("node_modules").join(name).join("package.json");
        std::fs::read(file).ok()
    });
    let manifest = PackageManifest::parse(&texts.find_map(|text| text)?).ok()?;
    let fits = match range {
        None => true,
        Some(range) => {
            let version = Version::parse(manifest.version.as_deref()?).ok()?;
            Range::parse(range).ok()?.satisfies(&version)
        }
    };
    fits.then_some(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("node_modules/.bin/tsc", "");
        write("node_modules/.bin/biome", "");
        write("node_modules/.bin/one", "");
        write(
            "node_modules/typescript/package.json",
            r#"{"name":"typescript","version":"5.4.0","bin":{"tsc":"a","tsserver":"b"}}"#,
        );
        write(
            "node_modules/@biomejs/biome/package.json",
            r#"{"name":"@biomejs/biome","version":"2.1.0","bin":{"biome":"a","other":"b"}}"#,
        );
        write(
            "node_modules/single/package.json",
            r#"{"version":"1.0.0","bin":{"one":"a"}}"#,
        );
        write("web/x", "");
        folder
    }

    #[test]
    fn what_is_asked_for_is_found_as_npx_finds_it() {
        let project = project();
        let check = |word: &str, packages: &[&str], expected: Option<&str>| {
            let mut packages = packages.iter().map(|package| (*package).to_owned());
            let request = OnceRequest {
                word: word.to_owned(),
                from: packages.next(),
                with: packages.collect(),
                ..OnceRequest::default()
            };
            for folder in [project.path(), &project.path().join("web")] {
                let found = find(folder, &request);
                let name = found.as_ref().and_then(|file| file.file_name()?.to_str());
                assert_eq!(name, expected, "{word} {packages:?}", packages = request.from);
            }
        };
        check("npm:tsc", &[], Some("tsc"));
        check("npm:@biomejs/biome", &[], Some("biome"));
        check("npm:@biomejs/biome@^2", &[], Some("biome"));
        check("npm:@biomejs/biome@1", &[], None);
        check("npm:@biomejs/biome@latest", &[], None);
        check("npm:single@1", &[], Some("one"));
        check("npm:single", &[], Some("one"));
        // Two commands, none of its name.
        check("npm:typescript", &[], None);
        check("tsc", &["npm:typescript"], Some("tsc"));
        check("tsc", &["npm:typescript@5"], Some("tsc"));
        check("tsc", &["npm:typescript@4"], None);
        check("tsc", &["npm:typescript", "npm:missing"], None);
        check("npm:cowsay", &[], None);
        check("npm:../tsc", &[], None);
        check("pypi:tsc", &[], None);
    }
}
