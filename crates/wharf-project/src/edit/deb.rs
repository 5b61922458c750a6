//! Edits of what a project asks of Debian: the lists `packages` of `[deb]` and `[dev.deb]`, below `[tool.wharf]` in `pyproject.toml`.
//! Invariant: of each package one requirement; what is not asked for stays byte for byte.

use toml_edit::{Array, Item, Value};
use wharf_core::PackageName;
use wharf_deb::relation::{InvalidRelation, Relation, Relations};

use super::pyproject::{push, take};
use super::wharf::{descend, take_head};
use super::{Manifest, Removed, existing};
use crate::deb::read::in_release;
use crate::deb::usual;
use crate::error::ProjectError;
use crate::project::ManifestKind;
use crate::requirement::Group;

/// Reads a requirement as people type it: Debian's own text (`libpq-dev (>= 15)`, `a | b`), or `nginx=1.22.1-9`,
/// `nginx@1.22.1-9`, `libpq-dev>=15`.
///
/// # Errors
/// Where it is none of these, or more than one requirement.
pub fn relation(text: &str) -> Result<Relation, InvalidRelation> {
    let text = text.trim();
    let written = match text.contains(['(', '|']) {
        true => text.to_owned(),
        false => in_full(text),
    };
    let Relations(mut relations) = Relations::parse(&written)?;
    match (relations.pop(), relations.is_empty()) {
        (Some(relation), true) => Ok(relation),
        _ => Err(InvalidRelation {
            relation: text.to_owned(),
            part: text.to_owned(),
            reason: "it is not one requirement",
        }),
    }
}

/// `name>=15` as relations have it; any other text as it stands.
fn in_full(text: &str) -> String {
    let Some(at) = text.find(['=', '<', '>', '@']) else {
        return text.to_owned();
    };
    let (name, rest) = text.split_at(at);
    let version = rest.trim_start_matches(['=', '<', '>', '@']);
    let sign = match &rest[..rest.len() - version.len()] {
        "=" | "==" | "@" => "=",
        ">=" => ">=",
        "<=" => "<=",
        ">" | ">>" => ">>",
        "<" | "<<" => "<<",
        _ => return text.to_owned(),
    };
    format!("{} ({sign} {})", name.trim(), version.trim())
}

/// Adds requirements; one on a package that is asked for already takes its place.
///
/// # Errors
/// Where the manifest is malformed, or of a form that has no place for them.
pub fn add(manifest: Manifest<'_>, additions: &[Relation], group: &Group) -> Result<String, ProjectError> {
    let mut document = manifest.document()?;
    let head = take_head(&mut document);
    let path = path(manifest, group)?;
    let place = path.join(".");
    let table = descend(document.as_table_mut(), &path)
        .ok_or_else(|| manifest.cannot(format!("`{place}` is not a table"), ""))?;
    if !table.contains_key("packages") {
        table.insert("packages", Item::Value(Value::Array(Array::new())));
    }
    let packages = table.get_mut("packages").and_then(Item::as_array_mut);
    let packages =
        packages.ok_or_else(|| manifest.cannot(format!("`packages` of `{place}` is not a list"), ""))?;
    for addition in additions {
        let text = addition.to_string();
        let known = packages.iter().position(|value| is_about_same(value, addition));
        match known {
            Some(at) => {
                packages.replace(at, text);
            }
            None => append(packages, &text),
        }
    }
    Ok(format!("{head}{document}"))
}

/// Writes the suite that was chosen where the manifest names none, so that every machine chooses from the same packages. A suite that a manifest
/// could not name is left out.
///
/// # Errors
/// Where the manifest is malformed, or of a form that has no place for it.
pub fn state_suite(manifest: Manifest<'_>, suite: &str) -> Result<String, ProjectError> {
    let mut document = manifest.document()?;
    let head = take_head(&mut document);
    let path = path(manifest, &Group::Main)?;
    let place = path.join(".");
    let table = descend(document.as_table_mut(), &path)
        .ok_or_else(|| manifest.cannot(format!("`{place}` is not a table"), ""))?;
    let sources = table.get("sources").and_then(Item::as_str);
    let has_others = table.contains_key("repository") || matches!(sources, Some("host" | "none"));
    if table.contains_key("suite") || !(has_others || usual::distribution_of(suite).is_some()) {
        return Ok(manifest.text.to_owned());
    }
    table.insert("suite", Item::Value(Value::from(suite)));
    let own = path.iter().try_fold(document.as_table_mut(), |table, word| {
        table.get_mut(word)?.as_table_mut()
    });
    if let Some(own) = own {
        // What everything else depends on stands first.
        own.sort_values_by(|one, _, other, _| (one.get() != "suite").cmp(&(other.get() != "suite")));
    }
    Ok(format!("{head}{document}"))
}

/// What to write for a text that is no requirement, where more can be said than why.
pub fn hints(text: &str) -> Vec<String> {
    match text.trim().split_once('/') {
        Some((name, release)) if !name.is_empty() && !release.is_empty() => {
            in_release(name, release).to_vec()
        }
        _ => vec!["write for example `deb:nginx` or `deb:libpq-dev (>= 15)`".to_owned()],
    }
}

/// Takes out every requirement on packages; of one group or of all.
///
/// # Errors
/// Where the manifest is malformed.
pub fn remove(
    manifest: Manifest<'_>,
    names: &[PackageName],
    group: Option<&Group>,
) -> Result<(String, Vec<Removed>), ProjectError> {
    let mut document = manifest.document()?;
    let mut removed = Vec::new();
    for candidate in [Group::Main, Group::Dev] {
        if group.is_some_and(|wanted| *wanted != candidate) {
            continue;
        }
        let Ok(path) = path(manifest, &candidate) else {
            continue;
        };
        let table = existing(&mut document, &path);
        let packages = table.and_then(|table| table.get_mut("packages")?.as_array_mut());
        let Some(packages) = packages else { continue };
        for name in names {
            let before = packages.len();
            let found = |packages: &Array| {
                packages
                    .iter()
                    .position(|value| first_name(value).as_ref() == Some(name))
            };
            while let Some(at) = found(packages) {
                take(packages, at);
            }
            if packages.len() < before {
                removed.push(Removed {
                    name: name.clone(),
                    group: candidate.clone(),
                });
            }
        }
    }
    Ok((document.to_string(), removed))
}

/// The table of a group.
fn path(manifest: Manifest<'_>, group: &Group) -> Result<Vec<String>, ProjectError> {
    let own: &[&str] = match manifest.kind {
        ManifestKind::Wharf => &[],
        ManifestKind::Pyproject => &["tool", "wharf"],
        ManifestKind::PackageJson | ManifestKind::Cargo | ManifestKind::Requirements => {
            return Err(manifest.cannot(
                "it has no place for packages of Debian",
                "run `wharf init --wharf-toml`: wharf.toml has one",
            ));
        }
    };
    let rest: &[&str] = match group {
        Group::Main => &["deb"],
        Group::Dev => &["dev", "deb"],
        Group::Named(name) | Group::Extra(name) => {
            return Err(manifest.cannot(
                format!("packages of Debian cannot be in the group `{name}`"),
                "leave the group out, or add them with `--dev`",
            ));
        }
    };
    Ok(own.iter().chain(rest).map(|word| (*word).to_owned()).collect())
}

/// The package that an entry asks for first.
fn first_name(value: &Value) -> Option<PackageName> {
    let relation = relation(value.as_str()?).ok()?;
    Some(relation.alternatives.into_iter().next()?.name)
}

/// Whether an entry asks for the same packages, of whatever versions.
fn is_about_same(value: &Value, other: &Relation) -> bool {
    let names = |relation: &Relation| -> Vec<(PackageName, String)> {
        let each = relation.alternatives.iter();
        each.map(|one| (one.name.clone(), format!("{:?}", one.qualifier)))
            .collect()
    };
    let found = value.as_str().and_then(|text| relation(text).ok());
    found.is_some_and(|found| names(&found) == names(other))
}

/// Appends to a list in the form that it has; a new one is written on one line.
fn append(packages: &mut Array, text: &str) {
    if packages.is_empty()
        && packages
            .trailing()
            .as_str()
            .is_none_or(|inner| inner.trim().is_empty())
    {
        packages.clear();
        packages.push(text);
    } else {
        push(packages, text);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn manifest(kind: ManifestKind, text: &str) -> Manifest<'_> {
        Manifest {
            kind,
            path: Path::new("/p/wharf.toml"),
            text,
            group: &Group::Main,
        }
    }

    fn relations(texts: &[&str]) -> Vec<Relation> {
        texts.iter().map(|text| relation(text).unwrap()).collect()
    }

    #[test]
    fn requirements_as_people_type_them() {
        for (typed, written) in [
            ("nginx", "nginx"),
            ("nginx=1.22.1-9", "nginx (= 1.22.1-9)"),
            ("nginx@1.22.1-9", "nginx (= 1.22.1-9)"),
            ("libpq-dev>=15", "libpq-dev (>= 15)"),
            ("libpq-dev > 15", "libpq-dev (>> 15)"),
            ("libpq-dev (>= 15)", "libpq-dev (>= 15)"),
            ("zlib1g:i386", "zlib1g:i386"),
            ("aa | bb (<< 2)", "aa | bb (<< 2)"),
        ] {
            assert_eq!(relation(typed).unwrap().to_string(), written);
        }
        for wrong in ["", "a, b", "a=>1", "a (1", "A B"] {
            assert!(relation(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_added_stands_as_the_rest_does() {
        for (kind, before, added, group, after) in [
            (
                ManifestKind::Wharf,
                "[project]\nname = \"a\"\n",
                &["jq", "nginx>=1"][..],
                Group::Main,
                "[project]\nname = \"a\"\n\n[deb]\npackages = [\"jq\", \"nginx (>= 1)\"]\n",
            ),
            (
                ManifestKind::Wharf,
                "[deb] # mine\npackages = [\n  \"jq\", # why\n  \"nginx\",\n]\n",
                &["git", "nginx=2"],
                Group::Main,
                "[deb] # mine\npackages = [\n  \"jq\", # why\n  \"nginx (= 2)\",\n  \"git\",\n]\n",
            ),
            (
                ManifestKind::Wharf,
                "[deb]\npackages = [\"a\"]\n",
                &["gdb"],
                Group::Dev,
                "[deb]\npackages = [\"a\"]\n\n[dev.deb]\npackages = [\"gdb\"]\n",
            ),
            (
                ManifestKind::Pyproject,
                "[project]\nname = \"a\"\n",
                &["libpq-dev"],
                Group::Main,
                "[project]\nname = \"a\"\n\n[tool.wharf.deb]\npackages = [\"libpq-dev\"]\n",
            ),
        ] {
            let found = add(manifest(kind, before), &relations(added), &group).unwrap();
            assert_eq!(found, after);
        }
        let no_place = add(
            manifest(ManifestKind::Requirements, ""),
            &relations(&["aa"]),
            &Group::Main,
        );
        assert!(no_place.is_err());
    }

    #[test]
    fn the_suite_that_was_chosen_stands_first() {
        for (kind, before, after) in [
            (
                ManifestKind::Wharf,
                "[project]\nname = \"a\"\n\n[deb]\npackages = [\"jq\"] # one\n",
                "[project]\nname = \"a\"\n\n[deb]\nsuite = \"bookworm\"\npackages = [\"jq\"] # one\n",
            ),
            (
                ManifestKind::Pyproject,
                "[tool.wharf.deb]\npackages = [\"jq\"]\n",
                "[tool.wharf.deb]\nsuite = \"bookworm\"\npackages = [\"jq\"]\n",
            ),
            (
                ManifestKind::Wharf,
                "[dev.deb]\npackages = [\"jq\"]\n",
                "[dev.deb]\npackages = [\"jq\"]\n\n[deb]\nsuite = \"bookworm\"\n",
            ),
            (
                ManifestKind::Wharf,
                "[deb]\n# why\npackages = [\"jq\"]\n\n[[deb.pin]]\npackages = [\"jq\"]\n",
                "[deb]\nsuite = \"bookworm\"\n# why\npackages = [\"jq\"]\n\n[[deb.pin]]\npackages = [\"jq\"]\n",
            ),
        ] {
            assert_eq!(state_suite(manifest(kind, before), "bookworm").unwrap(), after);
        }
        let kept = "[deb]\npackages = []\nsuite = \"trixie\"\n";
        assert_eq!(
            state_suite(manifest(ManifestKind::Wharf, kept), "bookworm").unwrap(),
            kept
        );
        let own = "[deb]\npackages = []\n";
        assert_eq!(
            state_suite(manifest(ManifestKind::Wharf, own), "of-their-own").unwrap(),
            own
        );
    }

    #[test]
    fn comments_stay_with_what_they_are_about() {
        let text = "[deb]\npackages = [\n    # servers\n    \"nginx\", # the web\n    \"jq\", # JSON\n]\n";
        let added = add(
            manifest(ManifestKind::Wharf, text),
            &relations(&["git"]),
            &Group::Main,
        )
        .unwrap();
        let with_git = text.replace("# JSON\n", "# JSON\n    \"git\",\n");
        assert_eq!(added, with_git);
        let names = [PackageName::new(wharf_core::Ecosystem::Deb, "jq").unwrap()];
        let (after, _) = remove(manifest(ManifestKind::Wharf, &added), &names, None).unwrap();
        assert_eq!(after, with_git.replace("    \"jq\", # JSON\n", ""));
    }

    #[test]
    fn what_is_removed_is_gone_from_every_group() {
        let text = "[deb]\npackages = [\"jq (>= 1)\", \"git\"]\n\n[dev.deb]\npackages = [\"jq\"]\n";
        let names = [PackageName::new(wharf_core::Ecosystem::Deb, "jq").unwrap()];
        let (after, removed) = remove(manifest(ManifestKind::Wharf, text), &names, None).unwrap();
        assert_eq!(after, "[deb]\npackages = [\"git\"]\n\n[dev.deb]\npackages = []\n");
        assert_eq!(removed.len(), 2);
        let (after, removed) =
            remove(manifest(ManifestKind::Wharf, text), &names, Some(&Group::Dev)).unwrap();
        assert!(after.contains("\"jq (>= 1)\""));
        assert_eq!(removed.len(), 1);
    }
}
