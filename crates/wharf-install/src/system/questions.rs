//! Commands of scripts that only ask or print: `test`, `echo`, `which`, `readlink`, `dpkg --compare-versions`.
//!
//! Invariant: nothing is changed, and every answer is about the root. Source: test(1), dpkg(1).

use wharf_deb::version;

use super::effects::{Answer, plain, says};
use super::files::{Files, Last, NodeKind};
use super::shell::Status;

pub(super) fn echo(words: &[String]) -> String {
    let (words, end) = match words.split_first() {
        Some((first, rest)) if first == "-n" => (rest, ""),
        Some((first, rest)) if first == "-e" => (rest, "\n"),
        _ => (words, "\n"),
    };
    words.join(" ") + end
}

/// `printf` with no directive but `%s`.
pub(super) fn printf(words: &[String]) -> Option<String> {
    let (format, words) = words.split_first()?;
    let mut words = words.iter();
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => match chars.next()? {
                's' => text.push_str(words.next().map_or("", String::as_str)),
                '%' => text.push('%'),
                _ => return None,
            },
            '\\' => match chars.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                '\\' => text.push('\\'),
                _ => return None,
            },
            c => text.push(c),
        }
    }
    words.next().is_none().then_some(text)
}

pub(super) fn which(files: &Files, words: &[String]) -> Answer {
    let Some(name) = plain(words).next() else {
        return Answer::Done(Status::Failure);
    };
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
    let found = match name.starts_with('/') {
        true => files.is_executable(name.as_bytes()).then(|| name.to_owned()),
        false => folders
            .iter()
            .map(|folder| format!("{folder}/{name}"))
            .find(|path| files.is_executable(path.as_bytes())),
    };
    match found {
        Some(path) => says(Some(path)),
        None => Answer::Says(Status::Failure, Some(String::new())),
    }
}

pub(super) fn readlink(files: &Files, name: &str, words: &[String]) -> Answer {
    let Some(path) = plain(words).next().filter(|path| path.starts_with('/')) else {
        return Answer::Says(Status::Unknown, None);
    };
    if name == "realpath"
        || words
            .iter()
            .any(|word| matches!(word.as_str(), "-f" | "-e" | "-m"))
    {
        return match files.resolve(path.as_bytes(), Last::Follow) {
            Some(place) => says(Some(super::merge::lossy(&place))),
            None => Answer::Says(Status::Failure, Some(String::new())),
        };
    }
    match files.look_at(path.as_bytes()).map(|node| &node.kind) {
        Some(NodeKind::Link(target)) => says(Some(String::from_utf8_lossy(target).into_owned())),
        _ => Answer::Says(Status::Failure, Some(String::new())),
    }
}

pub(super) fn dpkg(native: &str, words: &[String]) -> Answer {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["--print-architecture"] => says(Some(native.to_owned())),
        ["--compare-versions", one, operator, other] => {
            Answer::Done(compare(one, operator, other).map_or(Status::Unknown, Status::of))
        }
        [
            "-s"
            | "-l"
            | "-L"
            | "-S"
            | "--status"
            | "--list"
            | "--listfiles"
            | "--search"
            | "--print-foreign-architectures",
            ..,
        ] => Answer::Says(Status::Unknown, None),
        _ => Answer::Unknown,
    }
}

/// dpkg's comparison. An empty version is before all others, and with `-nl` after them.
fn compare(one: &str, operator: &str, other: &str) -> Option<bool> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let (operator, empty) = match operator.strip_suffix("-nl") {
        Some(operator) => (operator, Greater),
        None => (operator, Less),
    };
    let order = match (one.is_empty(), other.is_empty()) {
        (true, true) => Equal,
        (true, false) => empty,
        (false, true) => empty.reverse(),
        (false, false) => version::compare(one, other),
    };
    Some(match operator {
        "lt" | "<<" => order == Less,
        "le" | "<=" => order != Greater,
        "eq" | "=" => order == Equal,
        "ne" => order != Equal,
        "ge" | ">=" => order != Less,
        "gt" | ">>" => order == Greater,
        _ => return None,
    })
}

pub(super) fn disjunction(files: &Files, words: &[&str]) -> Status {
    let mut all = words
        .split(|word| *word == "-o")
        .map(|words| conjunction(files, words));
    let first = all.next().unwrap_or(Status::Failure);
    all.fold(first, |one, other| match (one, other) {
        (Status::Success, _) | (_, Status::Success) => Status::Success,
        (Status::Failure, Status::Failure) => Status::Failure,
        _ => Status::Unknown,
    })
}

fn conjunction(files: &Files, words: &[&str]) -> Status {
    let mut all = words
        .split(|word| *word == "-a")
        .map(|words| primary(files, words));
    let first = all.next().unwrap_or(Status::Failure);
    all.fold(first, |one, other| match (one, other) {
        (Status::Failure, _) | (_, Status::Failure) => Status::Failure,
        (Status::Success, Status::Success) => Status::Success,
        _ => Status::Unknown,
    })
}

fn primary(files: &Files, words: &[&str]) -> Status {
    let (mut words, mut negated) = (words, false);
    while let ["!", rest @ ..] = words
        && !rest.is_empty()
        && (rest.len() != 2 || !rest[0].is_empty())
    {
        (words, negated) = (rest, !negated);
    }
    match (asked(files, words), negated) {
        (Status::Success, true) => Status::Failure,
        (Status::Failure, true) => Status::Success,
        (status, _) => status,
    }
}

fn asked(files: &Files, words: &[&str]) -> Status {
    match words {
        [] => Status::Failure,
        [text] => Status::of(!text.is_empty()),
        [operator, text] => unary(files, operator, text),
        [one, operator, other] => binary(one, operator, other),
        _ => Status::Unknown,
    }
}

fn unary(files: &Files, operator: &str, text: &str) -> Status {
    match operator {
        "-n" => return Status::of(!text.is_empty()),
        "-z" => return Status::of(text.is_empty()),
        _ if text.is_empty() => return Status::Failure,
        _ if !text.starts_with('/') => return Status::Unknown,
        _ => {}
    }
    let path = text.as_bytes();
    let node = files.look(path);
    Status::of(match operator {
        "-e" | "-r" | "-w" => node.is_some() || files.is_folder(path),
        "-f" => files.is_file(path),
        "-d" => files.is_folder(path),
        "-x" => files.is_executable(path) || files.is_folder(path),
        "-L" | "-h" => files
            .look_at(path)
            .is_some_and(|node| matches!(node.kind, NodeKind::Link(_))),
        "-s" => match node.map(|node| &node.kind) {
            Some(NodeKind::Object { size, .. }) => *size > 0,
            Some(NodeKind::Bytes { bytes, .. }) => !bytes.is_empty(),
            _ => false,
        },
        "-p" | "-S" | "-b" | "-c" => false,
        _ => return Status::Unknown,
    })
}

fn binary(one: &str, operator: &str, other: &str) -> Status {
    let numbers = || Some((one.trim().parse::<i64>().ok()?, other.trim().parse::<i64>().ok()?));
    let compared = |holds: fn(&i64, &i64) -> bool| match numbers() {
        Some((one, other)) => Status::of(holds(&one, &other)),
        None => Status::Unknown,
    };
    match operator {
        "=" | "==" => Status::of(one == other),
        "!=" => Status::of(one != other),
        "-eq" => compared(i64::eq),
        "-ne" => compared(i64::ne),
        "-lt" => compared(i64::lt),
        "-le" => compared(i64::le),
        "-gt" => compared(i64::gt),
        "-ge" => compared(i64::ge),
        _ => Status::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_dpkg_does() {
        for (one, operator, other, expected) in [
            ("1.0", "lt", "1.1", Some(true)),
            ("", "lt", "1", Some(true)),
            ("", "lt-nl", "1", Some(false)),
            ("", "le-nl", "", Some(true)),
            ("2", "ge", "", Some(true)),
            ("1", "what", "1", None),
        ] {
            assert_eq!(
                compare(one, operator, other),
                expected,
                "{one} {operator} {other}"
            );
        }
    }

    #[test]
    fn tests_are_about_the_root() {
        let mut files = Files::default();
        files.write(b"usr/bin/tool", b"x".to_vec());
        files.link(b"bin", b"usr/bin");
        for (words, expected) in [
            ("-e /bin/tool", Status::Success),
            ("! -e /bin/tool", Status::Failure),
            ("-x /bin/tool", Status::Failure),
            ("-d /bin -a -f /bin/tool", Status::Success),
            ("-L /bin", Status::Success),
            ("-d /run/systemd/system", Status::Failure),
            ("a = b -o 1 -lt 2", Status::Success),
            ("-f relative", Status::Unknown),
            ("x -eq 1", Status::Unknown),
            ("!", Status::Success),
            ("! ! -e /bin/tool", Status::Success),
            ("! ! ! a = a", Status::Failure),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            assert_eq!(disjunction(&files, &words), expected, "{words:?}");
        }
    }
}
