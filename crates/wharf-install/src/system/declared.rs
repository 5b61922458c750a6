//! What configuration folders of packages declare, and what every root has.
//!
//! Sources: sysusers.d(5), tmpfiles.d(5), the File Hierarchy Standard.

use wharf_store::{Store, StoreError};

use super::accounts::{Accounts, User};
use super::effects::{octal, without_climbing};
use super::files::{Files, Node, NodeKind};
use super::report::RuntimeFolder;

/// How many bytes that were written in memory may be copied there.
const MAX_COPIED: usize = 64 << 20;

/// Where the machine's own folders are bound, and what the standard asks for.
const FOLDERS: [(&str, u16); 22] = [
    ("dev", 0o755),
    ("proc", 0o755),
    ("sys", 0o755),
    ("run", 0o755),
    ("tmp", 0o1777),
    ("home", 0o755),
    ("root", 0o700),
    ("mnt", 0o755),
    ("media", 0o755),
    ("opt", 0o755),
    ("srv", 0o755),
    ("etc/opt", 0o755),
    ("usr/local", 0o755),
    ("usr/local/bin", 0o755),
    ("usr/local/lib", 0o755),
    ("usr/local/share", 0o755),
    ("usr/share/zoneinfo", 0o755),
    ("var/cache", 0o755),
    ("var/lib", 0o755),
    ("var/log", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
];

/// Makes what every root has, and the list of shells.
pub(crate) fn base(store: &Store, files: &mut Files) -> Result<(), StoreError> {
    for (path, mode) in FOLDERS {
        files.make_folder(path.as_bytes(), mode);
    }
    for (path, target) in [
        ("etc/mtab", "../proc/self/mounts"),
        ("var/run", "/run"),
        ("var/lock", "/run/lock"),
    ] {
        // Packages may have an empty folder there, which base-files makes a link as well.
        if files.list(path.as_bytes()).is_empty() {
            files.remove(path.as_bytes());
            files.link(path.as_bytes(), target.as_bytes());
        }
    }
    shells(store, files)
}

/// `/etc/shells` from what packages declare: each shell by both of its names.
fn shells(store: &Store, files: &mut Files) -> Result<(), StoreError> {
    let Some(mut text) = files.read_text(store, "usr/share/debianutils/shells")? else {
        return Ok(());
    };
    if files.look(b"etc/shells").is_some() {
        return Ok(());
    }
    let folder = "usr/share/debianutils/shells.d";
    for line in lines(store, files, folder, "")? {
        let real = line.strip_prefix("/bin/").map(|name| format!("/usr/bin/{name}"));
        for shell in [Some(line), real].into_iter().flatten() {
            if !text.lines().any(|known| known == shell) {
                text.push_str(&shell);
                text.push('\n');
            }
        }
    }
    files.put(b"etc/shells", Node::text(text));
    Ok(())
}

/// The accounts that packages declare.
pub(crate) fn users(store: &Store, files: &Files, accounts: &mut Accounts) -> Result<(), StoreError> {
    for line in lines(store, files, "usr/lib/sysusers.d", ".conf")? {
        let fields = fields(&line);
        let field = |at: usize| fields.get(at).map(String::as_str).filter(|text| *text != "-");
        let (Some(kind), Some(name)) = (field(0), field(1)) else {
            continue;
        };
        let (number, group) = match field(2).map(|id| id.split_once(':').unwrap_or((id, ""))) {
            Some((number, group)) => (number.parse().ok(), group),
            None => (None, ""),
        };
        match kind.trim_end_matches('!') {
            "u" => {
                let primary = match group.parse::<u32>() {
                    Err(_) if !group.is_empty() => group.to_owned(),
                    _ => name.to_owned(),
                };
                if primary == name {
                    accounts.add_group(name, group.parse().ok().or(number));
                }
                accounts.add_user(
                    name,
                    User {
                        uid: number,
                        gid: None,
                        group: Some(primary),
                        comment: field(3).unwrap_or_default().to_owned(),
                        home: field(4).unwrap_or("/").to_owned(),
                        shell: field(5).unwrap_or("/usr/sbin/nologin").to_owned(),
                    },
                );
            }
            "g" => accounts.add_group(name, number),
            "m" => {
                if let Some(group) = field(2) {
                    accounts.add_member(name, group);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The folders, links and files that packages declare. What is below `/run` and `/tmp` is made when a service starts.
pub(crate) fn folders(
    store: &Store,
    files: &mut Files,
    runtime: &mut Vec<RuntimeFolder>,
) -> Result<(), StoreError> {
    let mut left = MAX_COPIED;
    for line in lines(store, files, "usr/lib/tmpfiles.d", ".conf")? {
        let fields = fields(&line);
        let [kind, path, ..] = fields.as_slice() else {
            continue;
        };
        // What hangs on the machine (`%b`, the boot) is none of a root's.
        if !path.starts_with('/') || path.contains('%') {
            continue;
        }
        let mode = fields
            .get(2)
            .and_then(|text| octal(text.trim_start_matches(['~', ':'])));
        let path = &*without_climbing(path);
        let argument = fields.get(6).filter(|text| *text != "-");
        let path = path
            .strip_prefix("/var")
            .filter(|rest| rest.starts_with("/run/"))
            .unwrap_or(path);
        let passing = path.starts_with("/run/") || path.starts_with("/tmp");
        let missing = files.look_at(path.as_bytes()).is_none();
        match kind.trim_end_matches(['!', '-', '=', '~', '^']) {
            "d" | "D" if passing => runtime.push(RuntimeFolder {
                path: path.trim_end_matches('/').to_owned(),
                mode: mode.unwrap_or(0o755),
            }),
            _ if passing
                || path.starts_with("/dev")
                || path.starts_with("/proc")
                || path.starts_with("/sys") => {}
            "d" | "D" | "v" | "q" | "Q" => {
                files.make_folder(path.as_bytes(), mode.unwrap_or(0o755));
            }
            "L" | "L+" if missing => {
                let factory = format!("/usr/share/factory{path}");
                let target = argument.map_or(factory.as_str(), String::as_str);
                if files.look(target.as_bytes()).is_some() || argument.is_some() {
                    files.link(path.as_bytes(), target.as_bytes());
                }
            }
            "f" | "f+" if missing => {
                let text = argument.map_or(String::new(), |text| text.replace("\\n", "\n"));
                files.put(path.as_bytes(), Node::text(text));
            }
            "C" if missing => {
                let source = argument
                    .cloned()
                    .unwrap_or_else(|| format!("/usr/share/factory{path}"));
                let node = files.look(source.as_bytes()).filter(|node| node.kind.is_file());
                let size = match node.map(|node| &node.kind) {
                    Some(NodeKind::Bytes { bytes, .. }) => bytes.len(),
                    _ => 0,
                };
                if let Some(node) = node.filter(|_| size <= left) {
                    left -= size;
                    let copy = Node::made(node.kind.clone());
                    files.put(path.as_bytes(), copy);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The lines of all files of a folder that end so, files sorted, comments left out.
fn lines(store: &Store, files: &Files, folder: &str, end: &str) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    let names: Vec<String> = files
        .list(folder.as_bytes())
        .iter()
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .filter(|name| name.ends_with(end))
        .collect();
    for name in names {
        let text = files
            .read_text(store, &format!("{folder}/{name}"))?
            .unwrap_or_default();
        let lines = text.lines().map(str::trim);
        found.extend(
            lines
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(str::to_owned),
        );
    }
    Ok(found)
}

/// A line's fields: split at blanks, quotes around what has blanks; the seventh of tmpfiles.d is all that is left.
fn fields(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (field, after) = match quote {
            Some(quote) => {
                let inner = &rest[1..];
                let end = inner.find(quote).unwrap_or(inner.len());
                (&inner[..end], inner.get(end + 1..).unwrap_or_default())
            }
            None if found.len() == 6 => (rest, ""),
            None => {
                let end = rest.find([' ', '\t']).unwrap_or(rest.len());
                (&rest[..end], &rest[end..])
            }
        };
        found.push(field.to_owned());
        rest = after.trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_fields_with_and_without_quotes() {
        for (line, expected) in [
            (
                "d /run/x 0755 root root - -",
                vec!["d", "/run/x", "0755", "root", "root", "-", "-"],
            ),
            (
                "u redis - \"Redis server\" /var/lib/redis",
                vec!["u", "redis", "-", "Redis server", "/var/lib/redis"],
            ),
            (
                "f /etc/x - - - - a b  c",
                vec!["f", "/etc/x", "-", "-", "-", "-", "a b  c"],
            ),
        ] {
            assert_eq!(fields(line), expected);
        }
    }
}
