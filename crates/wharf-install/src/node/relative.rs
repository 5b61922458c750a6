//! Targets of links, from the folder that the link lies in.

use std::path::Path;

/// The way from one folder of the project to another place in it, both relative to the project; where `from` itself lies
/// outside of the project, the whole path.
pub(super) fn relative(from: &str, to: &str, root: &Path) -> String {
    fn parts(path: &str) -> Vec<&str> {
        path.split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect()
    }
    if Path::new(to).is_absolute() {
        return to.to_owned();
    }
    let (from, to) = (parts(from), parts(to));
    let shared = from
        .iter()
        .zip(&to)
        .take_while(|(one, other)| one == other)
        .count();
    let (up, down) = (&from[shared..], &to[shared..]);
    if up.contains(&"..") {
        return root.join(to.join("/")).to_string_lossy().into_owned();
    }
    let mut way = vec![".."; up.len()];
    way.extend(down);
    if way.is_empty() {
        return ".".to_owned();
    }
    way.join("/")
}

/// The folder that a path lies in.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_two_places() {
        for (from, to, way) in [
            ("node_modules", "packages/a", "../packages/a"),
            ("node_modules/@s", "packages/a", "../../packages/a"),
            ("packages/a/node_modules", "packages/b", "../../b"),
            ("packages/a/node_modules", ".", "../../.."),
            ("node_modules", "../x", "../../x"),
            ("../x/node_modules", "../x/y", "../y"),
            ("../x/node_modules", "a", "/p/a"),
            ("a", "/abs", "/abs"),
            ("a", "a", "."),
        ] {
            assert_eq!(relative(from, to, Path::new("/p")), way, "{from} {to}");
        }
    }
}
