//! Programs called as npm and its like that start this one, for scripts on machines without them.
//!
//! Each is a text that a shell and Node read alike, so that it serves on PATH as well as behind `node "$npm_execpath"`. The second line
//! is a command to the shell, which goes no further; to Node it is a string and a comment. It names this program, its store and its cache
//! by their paths, so that it depends on no variable.
//!
//! Invariant: the folder is named by what is in it. Programs that moved, or are of another version, have folders of their own, and
//! what stands there whole is never changed.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What the programs are called.
pub const NAMES: [&str; 5] = ["npm", "npx", "pnpm", "pnpx", "yarn"];

/// The word behind which the program that is started finds its store, its cache, the name it was called by, and what that was given.
pub const WORD: &str = "shim";

/// Its time is that of the last use, to the day.
const MARK: &str = "package.json";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Folders that were not used for this many of them are deleted.
const UNUSED_DAYS: u32 = 30;

/// The folder of the programs that start `program`, made where it is not there. `None` where it cannot be: scripts do without then.
#[must_use]
pub fn folder(program: &Path, store: &Path, cache: &Path) -> Option<PathBuf> {
    let paths = [program, store, cache].map(plain);
    let [Some(program), Some(store), Some(cache)] = paths else {
        return None;
    };
    let texts = NAMES.map(|name| (name, text(&[program, WORD, store, cache, name])));
    let mut hasher = blake3::Hasher::new();
    for (_, text) in &texts {
        hasher.update(text.as_bytes());
    }
    let folder = Path::new(cache)
        .join("shims")
        .join(&hasher.finalize().to_hex()[..16]);
    let mut made = texts.iter().map(|(name, text)| place(&folder, name, text, 0o755));
    // Node reads the programs as what the nearest package.json says, whatever that of a folder above may say.
    let made = made
        .try_for_each(|made| made)
        .and_then(|()| place(&folder, MARK, "{}\n", 0o644));
    match made {
        Ok(()) => {
            // Where the cache can only be read, nothing is noted, nor deleted.
            let _ = note_use(&folder);
            Some(folder)
        }
        Err(error) => {
            tracing::debug!(%error, folder = %folder.display(), "scripts find no npm of Wharf's");
            None
        }
    }
}

/// Notes that a folder is used. Once a day, and then those beside it are deleted that nobody uses: of programs that moved, of other versions.
fn note_use(folder: &Path) -> io::Result<()> {
    let age = |folder: &Path| {
        let noted = fs::metadata(folder.join(MARK)).and_then(|data| data.modified());
        let age = noted
            .ok()
            .and_then(|at| SystemTime::now().duration_since(at).ok());
        age.unwrap_or_default()
    };
    if age(folder) < DAY {
        return Ok(());
    }
    let mark = fs::File::options().append(true).open(folder.join(MARK))?;
    mark.set_modified(SystemTime::now())?;
    for other in fs::read_dir(folder.parent().unwrap_or(folder))? {
        let other = other?.path();
        if age(&other) > DAY * UNUSED_DAYS {
            fs::remove_dir_all(&other)?;
        }
    }
    Ok(())
}

/// Whether a PATH has an npm besides that of `shims`: then that is the one that scripts start by its name.
#[must_use]
pub fn has_other_npm(path: &OsStr, shims: Option<&Path>) -> bool {
    let mut others = std::env::split_paths(path).filter(|folder| Some(folder.as_path()) != shims);
    others.any(|folder| {
        let data = fs::metadata(folder.join("npm"));
        data.is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    })
}

/// A path as text that can stand in one line.
fn plain(path: &Path) -> Option<&str> {
    path.to_str()
        .filter(|path| !path.contains(|each: char| each.is_control()))
}

/// A program: the words of the command that it is, before those that it is given.
fn text(words: &[&str]) -> String {
    let quoted = words
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', "'\\''")));
    let shell = quoted.collect::<Vec<_>>().join(" ");
    let listed = serde_json::to_string(words).expect("texts are JSON");
    format!(
        r#"#!/bin/sh
":" //; exec {shell} "$@"
const [program, ...words] = {listed}
const child = require("child_process").spawn(program, [...words, ...process.argv.slice(2)], {{ stdio: "inherit" }})
const signals = ["SIGINT", "SIGTERM", "SIGHUP"]
for (const signal of signals) process.on(signal, () => child.kill(signal))
child.on("error", (error) => {{
  console.error(`${{program}}: ${{error.message}}`)
  process.exit(127)
}})
child.on("exit", (code, signal) => {{
  for (const each of signals) process.removeAllListeners(each)
  if (signal) process.kill(process.pid, signal)
  else process.exit(code)
}})
"#
    )
}

/// Writes a file unless it is there as it should be. Renamed last: nobody finds half of it, unless the machine lost its power; and under
/// a name of its own until then, since caches are shared by containers whose processes have the same numbers.
fn place(folder: &Path, name: &str, text: &str, mode: u32) -> io::Result<()> {
    let path = folder.join(name);
    if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let mut draft = tempfile::Builder::new()
        .prefix(&format!(".{name}-"))
        .tempfile_in(folder)?;
    draft.write_all(text.as_bytes())?;
    draft
        .as_file()
        .set_permissions(fs::Permissions::from_mode(mode))?;
    // Closed first: what is open for writing cannot be started.
    draft.into_temp_path().persist(&path).map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A program that says what it was given, at a path that has to be quoted.
    fn world() -> (tempfile::TempDir, PathBuf) {
        let world = tempfile::tempdir().unwrap();
        let folder = world.path().join("it's \"a\" $folder");
        fs::create_dir(&folder).unwrap();
        place(&folder, "own", "#!/bin/sh\nprintf '<%s>' \"$@\"; exit 7\n", 0o755).unwrap();
        (world, folder.join("own"))
    }

    #[test]
    fn each_starts_the_program_with_what_it_is_given_and_without_variables() {
        let (world, own) = world();
        let cache = world.path().join("a cache");
        let folder = folder(&own, Path::new("/the store"), &cache).unwrap();
        for name in NAMES {
            let output = Command::new(folder.join(name))
                .args(["run", "a b", "--", "$HOME"])
                .env_clear()
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(7));
            let expected = format!(
                "<shim></the store><{}><{name}><run><a b><--><$HOME>",
                cache.display()
            );
            assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        }
    }

    #[test]
    fn what_stands_is_kept_and_what_is_gone_is_made_again() {
        let (world, own) = world();
        let made = || folder(&own, Path::new("/store"), world.path());
        let first = made().unwrap();
        let inode = |name: &str| {
            let data = fs::metadata(first.join(name)).unwrap();
            std::os::unix::fs::MetadataExt::ino(&data)
        };
        let before = inode("npx");
        fs::remove_file(first.join("npm")).unwrap();
        assert_eq!(made().as_ref(), Some(&first));
        assert!(first.join("npm").is_file());
        assert_eq!(inode("npx"), before);
        // Another program has a folder of its own.
        let other = folder(&world.path().join("other"), Path::new("/store"), world.path());
        assert!(other.is_some_and(|other| other != first));
        assert_eq!(
            fs::read_dir(&first).unwrap().count(),
            NAMES.len() + 1,
            "no drafts"
        );
    }

    #[test]
    fn what_is_not_whole_is_made_anew() {
        let (world, own) = world();
        let made = || folder(&own, Path::new("/store"), world.path()).unwrap();
        let npm = made().join("npm");
        let whole = fs::read(&npm).unwrap();
        // As a machine leaves it that lost its power.
        for rest in [&b""[..], &whole[..20]] {
            fs::write(&npm, rest).unwrap();
            assert_eq!(fs::read(made().join("npm")).unwrap(), whole);
            let mode = fs::metadata(&npm).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755);
        }
    }

    #[test]
    fn folders_that_nobody_used_for_a_month_are_deleted() {
        let (world, own) = world();
        let made = |store: &str| folder(&own, Path::new(store), world.path()).unwrap();
        let [old, young, used] = ["/old", "/young", "/used"].map(made);
        let used_before = |folder: &Path, days: u32| {
            let mark = fs::File::options()
                .append(true)
                .open(folder.join("package.json"))
                .unwrap();
            mark.set_modified(SystemTime::now() - DAY * days).unwrap();
        };
        used_before(&old, 31);
        used_before(&young, 29);
        made("/used");
        assert!(old.exists(), "looked for once a day");
        used_before(&used, 31);
        made("/used");
        assert!(!old.exists() && young.is_dir() && used.join("npm").is_file());
        made("/young");
        assert!(used.exists(), "use is noted");
    }

    #[test]
    fn what_another_process_of_the_same_number_writes_is_left_alone() {
        let (world, own) = world();
        let made = || folder(&own, Path::new("/store"), world.path()).unwrap();
        let folder = made();
        fs::remove_file(folder.join("npm")).unwrap();
        let others = folder.join(format!(".npm-{}", std::process::id()));
        fs::write(&others, "half").unwrap();
        made();
        assert_eq!(fs::read_to_string(others).unwrap(), "half");
    }

    #[test]
    fn where_they_cannot_be_made_there_are_none() {
        let (world, own) = world();
        assert_eq!(folder(&own, Path::new("/a\nb"), world.path()), None);
        // A file in the place of the cache.
        assert_eq!(folder(&own, Path::new("/store"), &own), None);
    }
}
