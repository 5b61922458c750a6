//! Scripts of `package.json` by name, with their `pre` and `post` hooks, as one shell command.
//! Source: the npm documentation's "scripts" page (life cycle, environment).

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use wharf_ecosystem::npm::PackageManifest;
use wharf_install::lifecycle::{Around, Starter};

use crate::run::Telling;

/// A script with its hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    /// The folder of the `package.json` that has it: it runs there.
    pub(crate) folder: PathBuf,
    /// The `package.json`.
    manifest: Vec<u8>,
    /// Where the user stands.
    start: PathBuf,
    /// The event and the text of each step: hook, script, hook.
    steps: Vec<(String, String)>,
}

/// The script of this name in the nearest `package.json` from `directory` up to the project's root.
pub(crate) fn find(directory: &Path, root: &Path, word: &OsStr) -> Option<Script> {
    find_else(directory, root, word, |_, _| None)
}

/// The same, or what npm runs where there is no script of the name.
pub(crate) fn find_or_usual(directory: &Path, root: &Path, word: &OsStr) -> Option<Script> {
    find_else(directory, root, word, usual)
}

/// What npm runs under a name without a script. Source: the npm documentation's "npm-start" and "npm-restart", and "npm-run".
fn usual(folder: &Path, event: &str) -> Option<&'static str> {
    match event {
        "start" => folder.join("server.js").is_file().then_some("node server.js"),
        "restart" => Some("npm stop --if-present && npm start"),
        "env" => Some("env"),
        _ => None,
    }
}

fn find_else(
    directory: &Path,
    root: &Path,
    word: &OsStr,
    otherwise: impl Fn(&Path, &str) -> Option<&'static str>,
) -> Option<Script> {
    let word = word.to_str()?;
    let (folder, text, manifest) = nearest(directory, root)?;
    let script = |event: &str| {
        let found = manifest.scripts.iter().find(|(name, _)| name == event);
        found.map(|(name, text)| (name.clone(), text.clone()))
    };
    let usual = || otherwise(folder, word).map(|text| (word.to_owned(), text.to_owned()));
    let main = script(word).or_else(usual)?;
    let steps = [
        script(&format!("pre{word}")),
        Some(main),
        script(&format!("post{word}")),
    ];
    Some(Script {
        folder: folder.to_owned(),
        manifest: text,
        start: directory.to_owned(),
        steps: steps.into_iter().flatten().collect(),
    })
}

/// The names of the scripts that [`find`] would find, hooks left out.
pub(crate) fn names(directory: &Path, root: &Path) -> Vec<String> {
    let all = all(directory, root).into_iter();
    all.map(|(name, _)| name).collect()
}

/// The scripts that [`find`] would find with what they run, hooks left out.
pub(crate) fn all(directory: &Path, root: &Path) -> Vec<(String, String)> {
    let Some((_, _, manifest)) = nearest(directory, root) else {
        return Vec::new();
    };
    let scripts = || manifest.scripts.iter().map(|(name, _)| name);
    let is_hook = |name: &String| {
        let hooked = ["pre", "post"].iter().filter_map(|when| name.strip_prefix(when));
        hooked
            .into_iter()
            .any(|event| scripts().any(|other| other == event))
    };
    let all = manifest.scripts.iter();
    all.filter(|(name, _)| !is_hook(name)).cloned().collect()
}

/// What a command that is no script finds besides, in a folder that npm's packages are for.
pub(crate) fn around_command(directory: &Path, root: &Path, starter: &Starter) -> Vec<(String, OsString)> {
    match is_npms(directory, root) {
        true => starter.variables(),
        false => Vec::new(),
    }
}

/// Whether npm's packages are for what runs in a folder.
pub(crate) fn is_npms(directory: &Path, root: &Path) -> bool {
    nearest(directory, root).is_some()
}

/// The nearest `package.json` from `directory` up to the project's root, with its folder and text.
fn nearest<'a>(directory: &'a Path, root: &Path) -> Option<(&'a Path, Vec<u8>, PackageManifest)> {
    let mut inside = directory
        .ancestors()
        .take_while(|folder| folder.starts_with(root));
    let folder = inside.find(|folder| folder.join("package.json").is_file())?;
    let text = std::fs::read(folder.join("package.json")).ok()?;
    let manifest = PackageManifest::parse(&text).ok()?;
    Some((folder, text, manifest))
}

impl Script {
    /// What runs first, for people.
    pub(crate) fn first_line(&self, word: &OsStr, arguments: &[OsString]) -> Option<String> {
        let (event, text) = self.steps.first()?;
        let arguments = if OsStr::new(event) == word { arguments } else { &[] };
        Some(with_arguments(text, arguments).to_string_lossy().into_owned())
    }

    /// The shell command. Each step runs in a shell of its own, so that what a hook does to its shell ends with it; the first
    /// that fails ends the whole. Steps behind the first are told of when they begin, as far as that is wanted.
    pub(crate) fn command(
        &self,
        word: &OsStr,
        arguments: &[OsString],
        telling: Telling,
        starter: &Starter,
    ) -> Command {
        let mut text = OsString::new();
        for (event, step) in &self.steps {
            let arguments = if OsStr::new(event) == word { arguments } else { &[] };
            let step = with_arguments(step, arguments);
            if !text.is_empty() {
                text.push(" && ");
                if telling == Telling::Aloud {
                    text.push("{ printf '$ %s\\n' ");
                    text.push(quoted(&step));
                    text.push(" >&2 || :; } && ");
                }
            }
            if self.steps.len() == 1 {
                text.push(step);
            } else {
                text.push(format!(
                    "npm_lifecycle_event={} sh -c ",
                    quoted(OsStr::new(event)).to_string_lossy()
                ));
                text.push(quoted(&step));
            }
        }
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(text).current_dir(&self.folder);
        if let Some((event, text)) = self.steps.iter().find(|(event, _)| OsStr::new(event) == word) {
            let around = Around {
                event,
                command: text,
                manifest: &self.manifest,
                folder: &self.folder,
                start: &self.start,
                node: None,
            };
            command.envs(around.variables());
            command.envs(starter.variables());
        }
        command
    }
}

fn with_arguments(text: &str, arguments: &[OsString]) -> OsString {
    let mut line = OsString::from(text);
    for argument in arguments {
        line.push(" ");
        line.push(quoted(argument));
    }
    line
}

/// A word that a POSIX shell reads as it stands.
pub(crate) fn quoted(word: &OsStr) -> OsString {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./=:@%+,".contains(byte);
    let bytes = word.as_encoded_bytes();
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return word.to_owned();
    }
    let mut quoted = OsString::from("'");
    let mut rest = word.to_string_lossy().into_owned();
    rest = rest.replace('\'', "'\\''");
    quoted.push(rest);
    quoted.push("'");
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(scripts: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{{\"name\":\"demo\",\"version\":\"1.2.3\",\"scripts\":{scripts}}}");
        std::fs::write(folder.path().join("package.json"), text).unwrap();
        folder
    }

    fn output(folder: &Path, word: &str, arguments: &[&str]) -> String {
        let script = find(folder, folder, OsStr::new(word)).unwrap();
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let output = script
            .command(OsStr::new(word), &arguments, Telling::Silent, &Starter::default())
            .output()
            .unwrap();
        assert_eq!(output.stderr, b"");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn hooks_run_around_the_script_and_see_their_own_event() {
        let folder = project(
            r#"{"prebuild":"cd /; echo $npm_lifecycle_event","build":"echo $npm_lifecycle_event $npm_package_name","postbuild":"echo $npm_package_version"}"#,
        );
        assert_eq!(
            output(folder.path(), "build", &["a b", "it's"]),
            "prebuild\nbuild demo a b it's\n1.2.3\n"
        );
    }

    #[test]
    fn a_hook_that_fails_ends_it() {
        let folder = project(r#"{"pretest":"exit 3","test":"echo never"}"#);
        let script = find(folder.path(), folder.path(), OsStr::new("test")).unwrap();
        let status = script
            .command(OsStr::new("test"), &[], Telling::Aloud, &Starter::default())
            .output()
            .unwrap();
        assert_eq!((status.status.code(), status.stdout.len()), (Some(3), 0));
        assert_eq!(status.stderr, b"", "what does not begin is not told of");
    }

    #[test]
    fn a_step_is_told_of_when_it_begins() {
        let folder =
            project(r#"{"pretest":"echo 'it is' >&2","test":"echo 100%s >&2","posttest":"echo p >&2"}"#);
        let script = find(folder.path(), folder.path(), OsStr::new("test")).unwrap();
        let arguments = [OsString::from("a 'b")];
        let word = OsStr::new("test");
        assert_eq!(
            script.first_line(word, &arguments).as_deref(),
            Some("echo 'it is' >&2")
        );
        let output = script
            .command(word, &arguments, Telling::Aloud, &Starter::default())
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            told.lines().collect::<Vec<_>>(),
            [
                "it is",
                r"$ echo 100%s >&2 'a '\''b'",
                "100%s a 'b",
                "$ echo p >&2",
                "p"
            ]
        );
    }

    #[test]
    fn the_nearest_manifest_counts_and_none_above_the_root() {
        let folder = project(r#"{"dev":"echo root"}"#);
        let member = folder.path().join("web");
        std::fs::create_dir(&member).unwrap();
        assert!(find(&member, folder.path(), OsStr::new("dev")).is_some());
        std::fs::write(
            member.join("package.json"),
            "{\"scripts\":{\"dev\":\"echo web\"}}",
        )
        .unwrap();
        assert_eq!(output(&member, "dev", &[]), "web\n".to_owned());
        assert!(find(&member, &member, OsStr::new("build")).is_none());
        assert!(find(folder.path(), &member, OsStr::new("dev")).is_none());
    }

    #[test]
    fn the_scripts_that_there_are_without_their_hooks() {
        let folder = project(r#"{"prebuild":"x","build":"x","postbuild":"x","prepare":"x","test":"x"}"#);
        assert_eq!(names(folder.path(), folder.path()), ["build", "prepare", "test"]);
        assert!(names(Path::new("/"), folder.path()).is_empty());
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        for (word, expected) in [
            ("plain-1.2", "plain-1.2"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$x", "'$x'"),
        ] {
            assert_eq!(quoted(OsStr::new(word)), OsString::from(expected));
        }
    }
}
