//! Tools that do not work over the shared store, as measured: `data/npm-project-store.txt`.

use super::Request;

const MEASURED: &str = include_str!("../../data/npm-project-store.txt");

/// Why this project's packages must lie in the project, if they must.
pub(super) fn why_project(request: &Request<'_>) -> Option<String> {
    let known: Vec<(&str, &str)> = entries(MEASURED).collect();
    let installed = request
        .graph
        .packages
        .iter()
        .enumerate()
        .filter(|(index, _)| request.has(*index));
    let mut found = installed.filter_map(|(_, package)| {
        let (name, reason) = known.iter().find(|(name, _)| *name == package.name.as_str())?;
        Some(format!("{name} {reason}"))
    });
    found.next()
}

fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ').map(|(name, reason)| (name, reason.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_reason_and_stands_there_once() {
        let mut names: Vec<&str> = entries(MEASURED).map(|(name, _)| name).collect();
        assert!(entries(MEASURED).all(|(name, reason)| wharf_store::is_alias(name) && reason.len() > 20));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
