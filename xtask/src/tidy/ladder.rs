//! The ladder of crates: every edge goes to a lower rung.

use super::Metadata;

/// The rung of every crate. A new crate gets its line here, with its place on the architecture page.
const RUNGS: [(&str, u8); 17] = [
    ("wharf-core", 0),
    ("wharf-ecosystem", 1),
    ("wharf-solve", 1),
    ("wharf-sys", 1),
    ("wharf-tree", 2),
    ("wharf-crates", 2),
    ("wharf-deb", 2),
    ("wharf-store", 2),
    ("wharf-net", 2),
    ("wharf-index", 3),
    ("wharf-project", 3),
    ("wharf-install", 4),
    ("wharf-ops", 5),
    ("wharf", 6),
    // Tests may use the testkit, and the testkit uses nothing of Wharf.
    ("wharf-testkit", 0),
    ("xtask", 7),
    ("wharf-fuzz", 7),
];

/// Crates that hold the pure core: these may not bring I/O or a runtime with them.
const PURE: [&str; 5] = [
    "wharf-core",
    "wharf-ecosystem",
    "wharf-tree",
    "wharf-crates",
    "wharf-deb",
];
/// What a pure crate may not depend on.
const IMPURE: [&str; 6] = ["tokio", "reqwest", "rustix", "tempfile", "memmap2", "rayon"];

/// Checks every edge between crates of the workspace.
pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    let mut findings = Vec::new();
    for package in metadata
        .packages
        .iter()
        .filter(|package| metadata.workspace_members.contains(&package.id))
    {
        let Some(rung) = rung(&package.name) else {
            findings.push(format!(
                "{}: has no rung; give it one in xtask/src/tidy/ladder.rs",
                package.name
            ));
            continue;
        };
        for dependency in &package.dependencies {
            findings.extend(edge(
                &package.name,
                rung,
                &dependency.name,
                dependency.kind.as_deref(),
            ));
        }
    }
    findings
}

fn edge(from: &str, rung_from: u8, to: &str, kind: Option<&str>) -> Option<String> {
    if kind == Some("dev") {
        return None;
    }
    if PURE.contains(&from) && IMPURE.contains(&to) {
        return Some(format!(
            "{from} -> {to}: this crate does no I/O and has no runtime"
        ));
    }
    let rung_to = rung(to)?;
    if to == "wharf-testkit" && rung_from < 7 {
        return Some(format!(
            "{from} -> {to}: the testkit is for tests: make it a dev-dependency"
        ));
    }
    (rung_to >= rung_from)
        .then(|| format!("{from} (rung {rung_from}) -> {to} (rung {rung_to}): edges go downward only"))
}

fn rung(name: &str) -> Option<u8> {
    RUNGS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, rung)| *rung)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_go_downward_only() {
        let check =
            |from, to, kind| edge(from, rung(from).expect("the crate has a rung"), to, kind).is_none();
        assert!(check("wharf-index", "wharf-net", None));
        assert!(!check("wharf-net", "wharf-index", None));
        assert!(!check("wharf-store", "wharf-net", None), "the same rung");
        assert!(check("wharf-net", "wharf-testkit", Some("dev")));
        assert!(!check("wharf-ops", "wharf-testkit", None));
        assert!(!check("wharf-core", "tokio", None));
        assert!(check("wharf-core", "serde", None));
    }
}
