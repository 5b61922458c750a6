//! Names that this user's cache has met, for those that nobody has.

use std::path::Path;

/// How many letters apart a name may be at most to be shown.
const FAR: usize = 3;

/// What the documents kept in a folder are called.
pub(crate) fn kept(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| {
        let file = entry.file_name();
        file.to_str()?.strip_suffix(".bin").map(str::to_owned)
    });
    names.collect()
}

/// The two names that are spelled most like this one: nearest first.
pub(crate) fn near(wanted: &str, known: impl Iterator<Item = String>) -> Vec<String> {
    let measured = known.map(|name| (strsim::osa_distance(wanted, &name), name));
    // Short names are all alike.
    let far = FAR.min(wanted.len().div_ceil(3) + 1);
    let mut near: Vec<_> = measured
        .filter(|(distance, _)| (1..far).contains(distance))
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().take(2).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first_and_once() {
        let check = |wanted: &str, known: &[&str], expected: &[&str]| {
            let known = known.iter().map(|name| (*name).to_owned());
            assert_eq!(near(wanted, known), expected, "{wanted}");
        };
        check(
            "serda",
            &["serde", "serde", "sarde", "serda", "tokio"],
            &["serde", "sarde"],
        );
        check("ab", &["cd", "ax"], &["ax"]);
        check("serde", &["sxxxe"], &[]);
    }
}
