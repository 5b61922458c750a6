//! The caller in `passwd` and `group`: programs ask who they are, and some refuse to be nobody.
//!
//! The files are a union: what the project has, then what the system root has more, by name, with the caller in front of others
//! of its number. Source: passwd(5), group(5). Invariant: the caller's number always leads to the caller's name.

use std::path::Path;

use rustix::process::{getegid, geteuid};

use super::ViewError;
use super::state::write;

/// What a system has when nothing says otherwise.
const USERS: &str =
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const GROUPS: &str = "root:x:0:\nnogroup:x:65534:\n";

/// Makes the project's `passwd` and `group`.
pub(super) fn write_to(root: &Path, etc: &Path) -> Result<(), ViewError> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let caller = Caller::of_this_process();
    for (name, master, least, line, number) in [
        ("passwd", "passwd.master", USERS, caller.user_line(), caller.user),
        ("group", "group.master", GROUPS, caller.group_line(), caller.group),
    ] {
        let own = etc.join(name);
        let theirs = read(&root.join("etc").join(name))
            .or_else(|| read(&root.join("usr/share/base-passwd").join(master)))
            .unwrap_or_else(|| least.to_owned());
        let before = read(&own);
        let text = merged(before.as_deref().unwrap_or_default(), &theirs, &line, number);
        if before.as_ref() != Some(&text) {
            write(&own, text.as_bytes()).map_err(ViewError::state(&own))?;
        }
    }
    Ok(())
}

/// Who runs this.
struct Caller {
    user: u32,
    group: u32,
    /// Its entries outside, where there are any.
    user_entry: Option<String>,
    group_entry: Option<String>,
}

impl Caller {
    fn of_this_process() -> Self {
        let (user, group) = (geteuid().as_raw(), getegid().as_raw());
        let found = |path: &str, number: u32| {
            let text = std::fs::read_to_string(path).ok()?;
            let line = text.lines().find(|line| number_of(line) == Some(number))?;
            Some(line.to_owned())
        };
        Self {
            user,
            group,
            user_entry: found("/etc/passwd", user),
            group_entry: found("/etc/group", group),
        }
    }

    /// Users of directory services are in no file: what the session says of them.
    fn user_line(&self) -> String {
        let said = |name: &str, otherwise: &str| {
            let value = std::env::var(name)
                .ok()
                .filter(|value| !value.contains([':', '\n']));
            value
                .filter(|value| !value.is_empty())
                .unwrap_or_else(|| otherwise.to_owned())
        };
        let Some(entry) = &self.user_entry else {
            let (name, home) = (said("USER", "user"), said("HOME", "/"));
            return format!("{name}:x:{}:{}::{home}:/bin/sh", self.user, self.group);
        };
        // A shell of the host may not be there.
        let mut fields: Vec<&str> = entry.split(':').collect();
        if let Some(shell) = fields.get_mut(6).filter(|shell| shell.ends_with("sh")) {
            *shell = "/bin/sh";
        }
        fields.join(":")
    }

    fn group_line(&self) -> String {
        let named = self.group_entry.as_deref().and_then(name_of).unwrap_or("group");
        format!("{named}:x:{}:", self.group)
    }
}

fn name_of(line: &str) -> Option<&str> {
    line.split(':').next().filter(|name| !name.is_empty())
}

fn number_of(line: &str) -> Option<u32> {
    line.split(':').nth(2)?.parse().ok()
}

/// The lines of two files and one more, each name once.
fn merged(own: &str, theirs: &str, caller: &str, number: u32) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in own.lines().chain(theirs.lines()) {
        let known = lines.iter().any(|known| name_of(known) == name_of(line));
        if name_of(line).is_some() && !known {
            lines.push(line);
        }
    }
    let first = lines.iter().find(|line| number_of(line) == Some(number));
    if first.is_none_or(|first| name_of(first) != name_of(caller)) {
        // An account of a package with the caller's name and another number would make it somebody else.
        lines.retain(|line| name_of(line) != name_of(caller));
        lines.insert(0, caller);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_once_and_the_caller_is_who_it_is() {
        let check = |own: &str, theirs: &str, expected: &str| {
            let text = merged(own, theirs, "me:x:1000:1000::/home/me:/bin/sh", 1000);
            assert_eq!(text, expected, "{own:?} {theirs:?}");
        };
        let me = "me:x:1000:1000::/home/me:/bin/sh\n";
        check(
            "",
            "root:x:0:0::/root:/bin/sh\n",
            &format!("{me}root:x:0:0::/root:/bin/sh\n"),
        );
        check(
            &format!("{me}root:x:0:0:mine:/root:/bin/sh\n"),
            "root:x:0:0::/root:/bin/sh\npostgres:x:105:110:::\n",
            &format!("{me}root:x:0:0:mine:/root:/bin/sh\npostgres:x:105:110:::\n"),
        );
        check(
            "",
            "me:x:33:33:::\nother:x:1000:5:::\n",
            &format!("{me}other:x:1000:5:::\n"),
        );
        check(me, "\n:x:1:1:::\n", me);
    }

    #[test]
    fn this_process_is_found_or_named_by_its_session() {
        let caller = Caller::of_this_process();
        assert_eq!(number_of(&caller.user_line()), Some(caller.user));
        assert_eq!(number_of(&caller.group_line()), Some(caller.group));
        let stranger = Caller {
            user: 4_000_001,
            group: 4_000_002,
            user_entry: None,
            group_entry: None,
        };
        assert_eq!(number_of(&stranger.user_line()), Some(4_000_001));
        assert_eq!(stranger.group_line(), "group:x:4000002:");
    }
}
