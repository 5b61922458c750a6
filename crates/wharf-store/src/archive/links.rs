//! Where an archive's symbolic links lead, followed as the kernel would, through other links of the archive.
//! Invariant: no accepted link, alone or with others, names anything above the archive's root.

use std::collections::BTreeMap;

use wharf_core::SafePath;

use super::{Refusal, Trouble};

/// As the kernel: more hops than this is a loop.
const MAX_HOPS: usize = 40;

/// Refuses links that leave the archive or never end. `links` has every link with its target.
pub(crate) fn check(links: &BTreeMap<SafePath, String>) -> Result<(), Trouble> {
    links
        .iter()
        .try_for_each(|(link, target)| follow(links, link, target).map_err(Trouble::entry(link.as_str())))
}

fn follow(links: &BTreeMap<SafePath, String>, link: &SafePath, target: &str) -> Result<(), Refusal> {
    let escaping = || Refusal::EscapingLink {
        target: target.to_owned(),
    };
    let mut place: Vec<&str> = link
        .parent()
        .map_or_else(Vec::new, |folder| folder.split('/').collect());
    let mut pending: Vec<&str> = target.split('/').rev().collect();
    let mut hops = 0;
    if unfit(target) {
        return Err(escaping());
    }
    while let Some(part) = pending.pop() {
        match part {
            "" | "." => continue,
            ".." => {
                place.pop().ok_or_else(escaping)?;
                continue;
            }
            name => place.push(name),
        }
        let here = SafePath::new(&place.join("/")).map_err(|_| escaping())?;
        if let Some(next) = links.get(&here) {
            hops += 1;
            if hops > MAX_HOPS {
                return Err(Refusal::EndlessLink {
                    target: target.to_owned(),
                });
            }
            if unfit(next) {
                return Err(escaping());
            }
            place.pop();
            pending.extend(next.split('/').rev());
        }
    }
    Ok(())
}

/// Targets that mean something else elsewhere: absolute, empty, with backslash, NUL or drive letter.
fn unfit(target: &str) -> bool {
    target.is_empty()
        || target.starts_with('/')
        || target.contains(['\\', '\0'])
        || target.len() > 4095
        || (target.as_bytes().get(1) == Some(&b':') && target.as_bytes()[0].is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(links: &[(&str, &str)]) -> Result<(), String> {
        let map = links
            .iter()
            .map(|(link, target)| (SafePath::new(link).unwrap(), (*target).to_owned()))
            .collect();
        check(&map).map_err(|trouble| match trouble {
            Trouble::Refused { reason, .. } => reason.to_string(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn links_inside_pass() {
        judge(&[("a", "b")]).unwrap();
        judge(&[
            ("lib/a.so", "a.so.1"),
            ("lib/x", "../b"),
            ("lib64", "lib"),
            ("y", "lib64/../lib/./a.so"),
        ])
        .unwrap();
        judge(&[("d/e/f", "../..")]).unwrap();
    }

    #[test]
    fn links_outside_do_not() {
        for links in [
            &[("a", "..")][..],
            &[("a", "../b")],
            &[("a/b", "../../c")],
            &[("a", "/etc/passwd")],
            &[("a", "C:x")],
            &[("a", "..\\b")],
            &[("a", "")],
            // Lexically `d/up/../..` stays inside; followed, it leaves.
            &[("d/e/up", "../.."), ("x", "d/e/up/../y")],
        ] {
            assert!(
                judge(links).unwrap_err().contains("outside the archive"),
                "{links:?}"
            );
        }
    }

    #[test]
    fn loops_end() {
        for links in [&[("a", "a")][..], &[("a", "b"), ("b", "a")], &[("a", "a/x")]] {
            assert!(judge(links).unwrap_err().contains("never ends"), "{links:?}");
        }
    }
}
