//! What a resolution comes to: the packages, their features and the edges between them.

use std::sync::Arc;

use wharf_ecosystem::cargo::{Dependency, RustVersion, Summary};

/// The packages that a workspace or a tool takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// In the order of lockfiles: by name, version and source.
    pub packages: Vec<Resolved>,
    /// Patches that nothing asked for, in the order of the problem.
    pub unused_patches: Vec<Arc<Summary>>,
    /// How many decisions the search took, and how many of them were dead ends.
    pub effort: Effort,
}

/// One package of an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What its manifest or its line in the index says.
    pub summary: Arc<Summary>,
    /// Whether it is a root.
    pub root: bool,
    /// The features that are on, sorted.
    pub features: Vec<Arc<str>>,
    /// Its needs and what answers them, in the order of its dependencies.
    pub edges: Vec<Edge>,
}

/// A need and what answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// The need: position in the dependencies of the [`Resolved::summary`].
    pub dependency: usize,
    /// What answers it: position in [`Outcome::packages`].
    pub to: usize,
}

/// How hard a search was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Decisions.
    pub decisions: usize,
    /// Dead ends.
    pub dead_ends: usize,
}

impl Outcome {
    /// The packages that this compiler cannot build, by what they say.
    pub fn beyond(&self, compiler: RustVersion) -> impl Iterator<Item = &Resolved> {
        self.packages.iter().filter(move |package| {
            package
                .summary
                .rust_version
                .is_some_and(|asked| !asked.fits(compiler))
        })
    }

    /// Where the roots are.
    pub fn roots(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.packages.len()).filter(|at| self.packages[*at].root)
    }
}

impl Resolved {
    /// The needs with what answers them.
    pub fn needs(&self) -> impl Iterator<Item = (&Dependency, usize)> {
        self.edges
            .iter()
            .map(|edge| (&self.summary.dependencies[edge.dependency], edge.to))
    }
}
