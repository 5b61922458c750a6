//! `wharf run` in members of the workspace: one after the other, those that others need first, or all at once.
//!
//! Each member is a `wharf run` of its own in the member's folder, so that what holds of one holds of all: variables, hooks,
//! commands. This module only says which members, in which order, and has the shell that starts them one after the other.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use wharf_ecosystem::npm::glob::NamePatterns;
use wharf_project::{NpmImporter, Project};

use crate::error::OpsError;
use crate::npm::scripts::{self, quoted};
use crate::run::error::RunError;
use crate::run::{Kind, RunRequest, Running, Separator, Telling};
use crate::session::Session;

/// Which members something runs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// By name, by pattern of names (`@scope/*`), or by folder, seen from where the user stands. A folder stands for all members in
    /// it, `FOLDER/*` for those that lie in it no deeper, the folder of the project for that alone.
    pub named: Vec<String>,
    /// All of them.
    pub all: bool,
    /// With all of them, the project itself.
    pub root: bool,
}

impl Members {
    /// Whether none is asked for: it runs where the user stands.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && !self.all && !self.root
    }
}

/// What becomes of the others where one fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bail {
    /// They do not run.
    #[default]
    AtOnce,
    /// They run; the exit code is that of the first that failed.
    AtTheEnd,
}

/// The line that runs it in each member that has the script, or, where no script is asked for and none of them has one, as a
/// command in each. `None` where nothing is to be done.
///
/// # Errors
/// Where a member is not there, or none has the script.
pub fn command(
    session: &Session,
    request: RunRequest<'_>,
    members: &Members,
    bail: Bail,
) -> Result<Option<Running>, OpsError> {
    let project = session.project(&Vec::new())?;
    let Some((kind, running)) = running(session, request, members, &project)? else {
        return Ok(None);
    };
    let first = first(session, request)?;
    let mut command = starting(&first, &running, RunRequest { kind, ..request }, bail);
    command.current_dir(&session.settings().directory);
    Ok(Some(Running {
        command,
        view: None,
        script: None,
        scripts: Vec::new(),
    }))
}

/// One of several members that something runs in at once.
#[derive(Debug)]
pub struct Member {
    /// What it is called.
    pub label: String,
    /// What is to be started for it.
    pub command: Command,
}

/// The commands that run it in each member that has the script, as [`command`] has it; none where nothing is to be done.
///
/// # Errors
/// Where a member is not there, or none has the script.
pub fn together(
    session: &Session,
    request: RunRequest<'_>,
    members: &Members,
) -> Result<Vec<Member>, OpsError> {
    let project = session.project(&Vec::new())?;
    let Some((kind, running)) = running(session, request, members, &project)? else {
        return Ok(Vec::new());
    };
    let first = first(session, request)?;
    let member = |importer: &&NpmImporter| {
        let mut command = Command::new(&first[0]);
        command.args(&first[1..]).arg("-C").arg(&importer.folder);
        command.args(words(RunRequest { kind, ..request }));
        command.current_dir(&session.settings().directory);
        Member {
            label: label(importer).to_owned(),
            command,
        }
    };
    Ok(running.iter().map(member).collect())
}

/// The members that it runs in, and as what.
fn running<'p>(
    session: &Session,
    request: RunRequest<'_>,
    members: &Members,
    project: &'p Project,
) -> Result<Option<(Kind, Vec<&'p NpmImporter>)>, OpsError> {
    let importers = project.npm.as_ref().map_or(&[][..], |npm| &npm.importers);
    let chosen = choose(importers, members, &session.settings().directory)?;
    let word = request.words.first().map(OsString::as_os_str).unwrap_or_default();
    let having = |importer: &&NpmImporter| {
        let folder = &importer.folder;
        match request.kind {
            Kind::Script | Kind::ScriptIfPresent => scripts::find_or_usual(folder, folder, word).is_some(),
            Kind::Any => scripts::find(folder, folder, word).is_some(),
            Kind::Command => false,
        }
    };
    let scripted: Vec<&NpmImporter> = chosen.iter().copied().filter(having).collect();
    Ok(Some(match request.kind {
        Kind::Command => (Kind::Command, chosen),
        Kind::Any if scripted.is_empty() => (Kind::Command, chosen),
        Kind::ScriptIfPresent if scripted.is_empty() => return Ok(None),
        Kind::Script if scripted.is_empty() => {
            let (name, members) = (word.to_string_lossy().into_owned(), labels(&chosen));
            return Err(RunError::NoScriptInMembers { name, members }.into());
        }
        Kind::Any | Kind::Script | Kind::ScriptIfPresent => (Kind::Script, scripted),
    }))
}

/// This program and what it is told for each member.
fn first(session: &Session, request: RunRequest<'_>) -> Result<Vec<OsString>, RunError> {
    let own = super::own().ok_or(RunError::Gone)?;
    let mut first = vec![OsString::from(own)];
    let settings = session.settings();
    first.extend(["--store".into(), settings.store.clone().into()]);
    first.extend(["--cache".into(), settings.cache.clone().into()]);
    if request.telling == Telling::Silent {
        first.push("--quiet".into());
    }
    Ok(first)
}

/// The command for a member, behind its folder.
fn words(request: RunRequest<'_>) -> Vec<OsString> {
    let kind = match request.kind {
        Kind::Command => "--no-script",
        Kind::Any | Kind::Script | Kind::ScriptIfPresent => "--script",
    };
    let separator = match request.separator {
        Separator::Dropped => None,
        Separator::Kept => Some("--verbatim"),
    };
    let own = ["run", "--no-sync", kind]
        .into_iter()
        .chain(separator)
        .chain(["--"]);
    own.map(OsString::from)
        .chain(request.words.iter().cloned())
        .collect()
}

/// The members in the order in which they run: those that others need first, else by their folders.
fn choose<'p>(
    importers: &'p [NpmImporter],
    members: &Members,
    directory: &Path,
) -> Result<Vec<&'p NpmImporter>, RunError> {
    let Some(root) = importers.first() else {
        return Err(no_member(members.named.first(), importers));
    };
    let matching = |name: &str, importer: &NpmImporter| {
        let named = importer.name.as_deref();
        let by_name = named.is_some_and(|named| NamePatterns::new([name]).matches(named));
        by_name || Place::new(name, directory).has(importer, &root.folder)
    };
    for name in &members.named {
        if !importers.iter().any(|importer| matching(name, importer)) {
            return Err(no_member(Some(name), importers));
        }
    }
    let wanted = |importer: &&NpmImporter| {
        let by_name = members.named.iter().any(|name| matching(name, importer));
        let is_root = importer.path == ".";
        by_name || (members.all && !is_root) || (members.root && is_root)
    };
    let chosen: Vec<&NpmImporter> = in_order(importers).into_iter().filter(wanted).collect();
    match chosen.is_empty() {
        true => Err(no_member(None, importers)),
        false => Ok(chosen),
    }
}

fn no_member(name: Option<&String>, importers: &[NpmImporter]) -> RunError {
    RunError::NoMember {
        name: name.map_or_else(|| "*".to_owned(), Clone::clone),
        members: labels(&importers.iter().skip(1).collect::<Vec<_>>()),
    }
}

fn labels(importers: &[&NpmImporter]) -> Vec<String> {
    importers.iter().map(|one| label(one).to_owned()).collect()
}

fn label(importer: &NpmImporter) -> &str {
    importer.name.as_deref().unwrap_or(&importer.path)
}

/// A folder as somebody names it, seen from where that one stands.
enum Place {
    /// All members in it: it may be one itself. The project's own folder is the project alone.
    Whole(PathBuf),
    /// `FOLDER/*`: those that lie in it, no deeper.
    Children(PathBuf),
    /// `FOLDER/**`: all in it, the project itself too.
    Tree(PathBuf),
}

impl Place {
    fn new(name: &str, directory: &Path) -> Self {
        let folder = |name: &str| plain(&directory.join(name));
        match (name.strip_suffix("/**"), name.strip_suffix("/*")) {
            (Some(name), _) => Self::Tree(folder(name)),
            (None, Some(name)) => Self::Children(folder(name)),
            (None, None) => Self::Whole(folder(name)),
        }
    }

    fn has(&self, importer: &NpmImporter, root: &Path) -> bool {
        let folder = &importer.folder;
        match self {
            Self::Whole(place) if root.starts_with(place) => folder == place,
            Self::Whole(place) => folder.starts_with(place),
            Self::Children(place) => folder.parent() == Some(place),
            Self::Tree(place) => folder.starts_with(place),
        }
    }
}

/// A path without `.` and `..`, links not looked at.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// Each behind those of the others that it needs; in a cycle, and where nothing is said, in the given order.
fn in_order(importers: &[NpmImporter]) -> Vec<&NpmImporter> {
    let mut named: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, importer) in importers.iter().enumerate() {
        if let Some(name) = &importer.name {
            named.entry(name).or_default().push(index);
        }
    }
    let needs = |index: usize| -> BTreeSet<usize> {
        let requirements = importers[index].requirements.iter();
        let names = requirements.map(|need| need.spec.package_name(&need.alias));
        let found = names.filter_map(|name| named.get(name)).flatten().copied();
        found.filter(|other| *other != index).collect()
    };
    let mut lacking: Vec<usize> = Vec::with_capacity(importers.len());
    let mut wanting: Vec<Vec<usize>> = vec![Vec::new(); importers.len()];
    for index in 0..importers.len() {
        let needs = needs(index);
        lacking.push(needs.len());
        for other in needs {
            wanting[other].push(index);
        }
    }
    let mut open: BTreeSet<usize> = (0..importers.len()).collect();
    let mut ready: BTreeSet<usize> = open
        .iter()
        .copied()
        .filter(|index| lacking[*index] == 0)
        .collect();
    let mut ordered = Vec::with_capacity(importers.len());
    while let Some(next) = ready.pop_first().or_else(|| open.first().copied()) {
        open.remove(&next);
        ordered.push(&importers[next]);
        for other in &wanting[next] {
            lacking[*other] -= 1;
            if lacking[*other] == 0 && open.contains(other) {
                ready.insert(*other);
            }
        }
    }
    ordered
}

/// The shell that starts it in one member after the other. Each has words of its own, since one word of a command line has a length
/// that it may not pass. The last member takes the shell's place, so that signals reach it.
fn starting(first: &[OsString], members: &[&NpmImporter], request: RunRequest<'_>, bail: Bail) -> Command {
    // Its own words: `exec` for the last, the member, and its folder.
    let mut text = OsString::from("member() { ");
    text.push(match (request.telling, bail) {
        (Telling::Silent, _) => "",
        (Telling::Aloud, Bail::AtOnce) => "{ printf '%s:\\n' \"$2\" >&2 || :; } && ",
        (Telling::Aloud, Bail::AtTheEnd) => "printf '%s:\\n' \"$2\" >&2; ",
    });
    text.push("$1");
    let spaced = |words: &[OsString]| {
        let words = words.iter().map(|word| quoted(word));
        words
            .flat_map(|word| [OsString::from(" "), word])
            .collect::<OsString>()
    };
    text.push(spaced(first));
    text.push(" -C \"$3\"");
    text.push(spaced(&words(request)));
    text.push("; }; ");
    text.push(match bail {
        Bail::AtTheEnd if members.len() > 1 => {
            "wharf_code=; while [ $# -gt 0 ]; do member '' \"$1\" \"$2\" || wharf_code=${wharf_code:-$?}; shift 2; done; exit ${wharf_code:-0}"
        }
        Bail::AtTheEnd | Bail::AtOnce => {
            "while [ $# -gt 2 ]; do member '' \"$1\" \"$2\" || exit; shift 2; done; member exec \"$1\" \"$2\""
        }
    });
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(text).arg("sh");
    for member in members {
        command.arg(label(member)).arg(&member.folder);
    }
    command
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use wharf_core::Origin;
    use wharf_ecosystem::npm::{EdgeKind, Spec};
    use wharf_project::NpmRequirement;

    use super::*;

    /// Members in the folder `/`, each with the names that it needs.
    fn importers(all: &[(&str, &[&str])]) -> Vec<NpmImporter> {
        let need = |name: &&str| NpmRequirement {
            alias: (*name).to_owned(),
            text: "*".to_owned(),
            spec: Spec::Tag("latest".to_owned()),
            kind: EdgeKind::Prod,
            origin: Origin::label("a test"),
        };
        let importer = |(name, needs): &(&str, &[&str])| NpmImporter {
            path: format!("packages/{name}"),
            folder: PathBuf::from(format!("/{name}")),
            manifest: PathBuf::from(format!("/{name}/package.json")),
            name: Some((*name).to_owned()),
            version: None,
            private: false,
            bin: Vec::new(),
            scripts: Vec::new(),
            requirements: needs.iter().map(need).collect(),
            bundled: Vec::new(),
        };
        all.iter().map(importer).collect()
    }

    fn ordered(all: &[(&str, &[&str])]) -> String {
        let importers = importers(all);
        let ordered = in_order(&importers);
        ordered.iter().map(|one| label(one)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_others_need_comes_first() {
        for (all, expected) in [
            (&[("a", &["c"][..]), ("b", &[]), ("c", &[])][..], "b c a"),
            (&[("a", &["b", "b", "x"]), ("b", &["c"]), ("c", &[])], "c b a"),
            // In a cycle, and of those that need themselves, the order is the given one.
            (&[("a", &["b"]), ("b", &["a"]), ("c", &[])], "c a b"),
            (
                &[("a", &["a"]), ("b", &["c"]), ("c", &["b"]), ("d", &["b"])],
                "a b c d",
            ),
        ] {
            assert_eq!(ordered(all), expected);
        }
    }

    #[test]
    fn the_order_of_thousands_takes_no_time() {
        let names: Vec<String> = (0..4000).map(|index| format!("m{index}")).collect();
        let needs: Vec<[&str; 1]> = (1..=4000)
            .map(|index| [names.get(index).map_or("none", String::as_str)])
            .collect();
        let all: Vec<(&str, &[&str])> = names
            .iter()
            .zip(&needs)
            .map(|(name, needs)| (name.as_str(), &needs[..]))
            .collect();
        let begin = std::time::Instant::now();
        let ordered = ordered(&all);
        assert!(ordered.starts_with("m3999 m3998 ") && ordered.ends_with(" m1 m0"));
        assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
    }

    /// What is printed and the exit code where this shell text stands for the program.
    fn run(
        program: &str,
        members: &[NpmImporter],
        words: &[&str],
        bail: Bail,
    ) -> (String, String, Option<i32>) {
        let first = ["/bin/sh", "-c", program, "sh"].map(OsString::from);
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let request = RunRequest {
            words: &words,
            kind: Kind::Script,
            separator: Separator::default(),
            synced: crate::run::Synced::No,
            telling: Telling::Aloud,
        };
        let members: Vec<&NpmImporter> = members.iter().collect();
        let mut command = starting(&first, &members, request, bail);
        let output = command.output().expect("there is a shell");
        assert_eq!(output.status.signal(), None);
        let [out, told] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("it is text"));
        (out, told, output.status.code())
    }

    #[test]
    fn however_many_members_there_are_they_can_be_started() {
        let long = "n".repeat(100);
        let names: Vec<String> = (0..1500).map(|index| format!("{long}{index}")).collect();
        let all: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &[][..])).collect();
        for bail in [Bail::AtOnce, Bail::AtTheEnd] {
            let (out, _, code) = run("echo \"$2\"", &importers(&all), &["hi"], bail);
            assert_eq!((out.lines().count(), code), (1500, Some(0)));
        }
    }

    #[test]
    fn each_is_told_of_and_started_with_the_words_as_they_are() {
        let members = importers(&[("a b", &[]), ("c", &[])]);
        for bail in [Bail::AtOnce, Bail::AtTheEnd] {
            let (out, told, code) = run(
                "printf '<%s>' \"$@\"; echo",
                &members,
                &["x", "it's $HOME", ""],
                bail,
            );
            let line =
                |folder: &str| format!("<-C><{folder}><run><--no-sync><--script><--><x><it's $HOME><>\n");
            assert_eq!(out, line("/a b") + &line("/c"));
            assert_eq!((told.as_str(), code), ("a b:\nc:\n", Some(0)));
        }
    }

    #[test]
    fn one_that_fails_says_how_it_ends() {
        let members = importers(&[("a", &[]), ("b", &[]), ("c", &[])]);
        let fails = "echo \"$2\"; case $2 in /b) exit 7;; /c) exit 8;; esac";
        for (bail, members, expected) in [
            (Bail::AtOnce, &members[..], ("/a\n/b\n", 7)),
            (Bail::AtTheEnd, &members[..], ("/a\n/b\n/c\n", 7)),
            (Bail::AtTheEnd, &members[2..], ("/c\n", 8)),
        ] {
            let (out, _, code) = run(fails, members, &["x"], bail);
            assert_eq!((out.as_str(), code), (expected.0, Some(expected.1)), "{bail:?}");
        }
        // The last one has the place of the shell.
        let (out, _, _) = run("echo $PPID", &members[2..], &["x"], Bail::AtOnce);
        assert_eq!(out.trim(), std::process::id().to_string());
    }
}
