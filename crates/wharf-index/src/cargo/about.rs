//! What people ask about a crate: its versions, features, description, licence, and which compiler it wants.
//!
//! The index knows no descriptions: those are in the `Cargo.toml` of the archive, which is fetched into the store for it.

use std::sync::Arc;

use toml::{Table, Value};
use wharf_ecosystem::cargo::{
    CrateName, CrateVersions, DependencyKind, SourceId, Summary, Version, VersionRow,
};

use super::{CratesIndex, Wanted};
use crate::error::IndexError;

/// A crate in brief.
#[derive(Clone, Debug)]
pub struct About {
    /// Every version, lowest first, and what was left out.
    pub versions: Arc<CrateVersions>,
    /// What the version that was asked for, or the latest, says of itself.
    pub shown: Option<Shown>,
}

/// What one version says of itself for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Which.
    pub version: String,
    /// In a line.
    pub description: Option<String>,
    /// As SPDX has it, or the file that has its text.
    pub licence: Option<String>,
    /// Its page.
    pub homepage: Option<String>,
    /// Where its source is.
    pub repository: Option<String>,
    /// Where it is explained.
    pub documentation: Option<String>,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// The oldest compiler that it says it works with.
    pub rust_version: Option<String>,
    /// Whether its authors withdrew it.
    pub yanked: bool,
    /// Its features and what each stands for.
    pub features: Vec<(String, Vec<String>)>,
    /// What it always needs to run: names and ranges.
    pub dependencies: Vec<(String, String)>,
    /// The programs in it.
    pub programs: Vec<String>,
}

impl CratesIndex {
    /// All that is known of a crate, with what `version` (else the latest) says of itself. Where the archive cannot be had,
    /// that is what the index knows.
    ///
    /// # Errors
    /// Where the crate is unknown or its index file cannot be had.
    pub async fn about(
        &self,
        source: &SourceId,
        name: &CrateName,
        version: Option<&Version>,
    ) -> Result<About, IndexError> {
        let versions = self.versions(source, name).await?;
        let at = match version {
            Some(version) => versions.find(version),
            None => latest(versions.rows()),
        };
        let shown = match at.map(|at| versions.summary(at)) {
            Some(Ok(summary)) => Some(self.show(&summary).await),
            Some(Err(_)) | None => None,
        };
        Ok(About { versions, shown })
    }

    async fn show(&self, summary: &Summary) -> Shown {
        let mut shown = of_index(summary);
        let Some(wanted) = Wanted::of(summary) else {
            return shown;
        };
        let Ok(id) = self.fetch(&wanted).await else {
            return shown;
        };
        let store = Arc::clone(&self.shared.store);
        let manifest = wharf_sys::run_blocking(move || {
            let text = store.crate_file(&id, "Cargo.toml").ok().flatten()?;
            String::from_utf8(text).ok()?.parse::<Table>().ok()
        });
        if let Some(manifest) = manifest.await {
            add_manifest(&mut shown, &manifest);
        }
        shown
    }
}

/// The highest version that is neither withdrawn nor a pre-release; else the highest that is not withdrawn; else any.
fn latest(rows: &[VersionRow]) -> Option<usize> {
    let plain = rows
        .iter()
        .rposition(|row| !row.yanked && row.version.pre.is_empty());
    plain
        .or_else(|| rows.iter().rposition(|row| !row.yanked))
        .or_else(|| rows.len().checked_sub(1))
}

fn of_index(summary: &Summary) -> Shown {
    let needed = summary
        .dependencies
        .iter()
        .filter(|it| it.kind == DependencyKind::Normal && !it.optional);
    let values = |values: &[_]| values.iter().map(ToString::to_string).collect();
    Shown {
        version: summary.version.to_string(),
        rust_version: summary.rust_version.as_ref().map(ToString::to_string),
        yanked: summary.yanked,
        features: summary
            .features
            .iter()
            .map(|(name, stands_for)| (name.to_string(), values(stands_for)))
            .collect(),
        dependencies: needed
            .map(|it| (it.package.to_string(), it.req.to_string()))
            .collect(),
        ..Shown::default()
    }
}

/// Published manifests are written out: nothing in them is inherited. Whatever is odd is left out.
fn add_manifest(shown: &mut Shown, manifest: &Table) {
    let package = manifest.get("package").and_then(Value::as_table);
    let text = |key: &str| {
        let value = package?.get(key)?.as_str()?;
        // Descriptions are often wrapped.
        Some(value.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let words = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    shown.description = text("description");
    shown.licence = text("license").or_else(|| text("license-file"));
    shown.homepage = text("homepage");
    shown.repository = text("repository");
    shown.documentation = text("documentation");
    shown.keywords = words(package.and_then(|package| package.get("keywords")));
    let programs = manifest
        .get("bin")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    shown.programs = programs
        .filter_map(|program| program.get("name")?.as_str().map(str::to_owned))
        .collect();
}
