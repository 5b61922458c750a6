//! Which wheels a target can use, and which of them it prefers.
//! Invariant: the list and its order are those of PEP 425 as the `packaging` library computes them.
//! Sources: PEP 425, 384 (`abi3`), 703 and 803 (free-threaded builds, `abi3t`), 600, 656.
//!
//! The list is a sequence of (Python, ABI) pairs, each joined with every platform in the same order, followed by pairs
//! that fit `any` platform. Keeping the two factors apart makes a lookup cost one probe per tag of the wheel instead of
//! one per combination, and the hundred thousand strings of a full list are never built.

mod explain;
mod platform;

use rustc_hash::FxHashMap;
use wharf_core::{PythonMinor, Target};

use super::environment::Implementation;
use super::filename::WheelName;

pub use explain::Incompatible;

/// The tags that a target supports.
#[derive(Clone, Debug)]
pub struct Tags {
    target: Target,
    implementation: Implementation,
    /// (Python, ABI) pairs for wheels with a platform, best first.
    pairs: Vec<(String, String)>,
    /// (Python, ABI) pairs for wheels for `any` platform, best first.
    any: Vec<(String, String)>,
    platforms: Vec<String>,
    rank: Ranks,
}

/// Positions in the lists of [`Tags`], by text: Python tag, then ABI tag.
#[derive(Clone, Debug, Default)]
struct Ranks {
    pairs: FxHashMap<String, FxHashMap<String, u32>>,
    any: FxHashMap<String, FxHashMap<String, u32>>,
    platforms: FxHashMap<String, u32>,
}

impl Tags {
    /// The tags of `target` under `implementation`. A target without a Python version supports what fits every
    /// Python 3: `py3-none-*` and `py3-none-any`.
    pub fn for_target(target: &Target, implementation: Implementation) -> Self {
        let (pairs, any) = match target.python {
            Some(python) => (
                platform_pairs(python, implementation),
                any_pairs(python, implementation),
            ),
            None => (vec![pair("py3", "none")], vec![pair("py3", "none")]),
        };
        let platforms = platform::platforms(target);
        let rank = Ranks {
            pairs: rank_pairs(&pairs),
            any: rank_pairs(&any),
            platforms: platforms.iter().cloned().zip(0..).collect(),
        };
        Self {
            target: *target,
            implementation,
            pairs,
            any,
            platforms,
            rank,
        }
    }

    /// How much the target prefers the wheel, higher being better; `None` where the wheel does not fit. Between two
    /// wheels of equal priority the higher build tag decides.
    pub fn priority(&self, wheel: &WheelName) -> Option<u32> {
        self.rank(wheel).map(|rank| self.len() - rank)
    }

    /// Why the wheel does not fit, in words; `None` where it does.
    pub fn explain(&self, wheel: &WheelName) -> Option<Incompatible> {
        match self.rank(wheel) {
            Some(_) => None,
            None => Some(explain::explain(self, wheel)),
        }
    }

    /// Every tag as `python-abi-platform`, best first.
    pub fn iter(&self) -> impl Iterator<Item = String> {
        let with_platform = self.pairs.iter().flat_map(|(python, abi)| {
            self.platforms
                .iter()
                .map(move |platform| format!("{python}-{abi}-{platform}"))
        });
        let without = self.any.iter().map(|(python, abi)| format!("{python}-{abi}-any"));
        with_platform.chain(without)
    }

    /// The target that these tags are for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The implementation that these tags are for.
    pub fn implementation(&self) -> Implementation {
        self.implementation
    }

    /// How many tags there are.
    fn len(&self) -> u32 {
        let count = self.pairs.len() * self.platforms.len() + self.any.len();
        u32::try_from(count).expect("a target has some thousands of tags")
    }

    /// The position of the best tag of the wheel in the list.
    fn rank(&self, wheel: &WheelName) -> Option<u32> {
        let platform = wheel
            .platform()
            .filter_map(|tag| self.rank.platforms.get(tag))
            .min();
        let with_platform = platform.and_then(|platform| {
            let stride = u32::try_from(self.platforms.len()).ok()?;
            Some(best_pair(&self.rank.pairs, wheel)? * stride + platform)
        });
        with_platform.or_else(|| {
            let first_any = self.len() - u32::try_from(self.any.len()).ok()?;
            let fits_any = wheel.platform().any(|tag| tag == "any");
            let pair = fits_any.then(|| best_pair(&self.rank.any, wheel)).flatten()?;
            Some(first_any + pair)
        })
    }

    fn has_platform(&self, tag: &str) -> bool {
        tag == "any" || self.rank.platforms.contains_key(tag)
    }

    /// Whether the wheel names this Python: the interpreter, pure Python, or through the stable ABI an earlier CPython.
    fn knows_python(&self, tag: &str, wheel: &WheelName) -> bool {
        let is_stable = |abi: &str| matches!(abi, "abi3" | "abi3t");
        self.rank.any.contains_key(tag)
            || self
                .pairs
                .first()
                .is_some_and(|(interpreter, _)| interpreter == tag)
            || (self.rank.pairs.contains_key(tag) && wheel.abi().any(is_stable))
    }
}

/// The position of the best (Python, ABI) pair of the wheel.
fn best_pair(ranks: &FxHashMap<String, FxHashMap<String, u32>>, wheel: &WheelName) -> Option<u32> {
    wheel
        .python()
        .filter_map(|python| ranks.get(python))
        .flat_map(|abis| wheel.abi().filter_map(|abi| abis.get(abi).copied()))
        .min()
}

fn rank_pairs(pairs: &[(String, String)]) -> FxHashMap<String, FxHashMap<String, u32>> {
    let mut ranks: FxHashMap<String, FxHashMap<String, u32>> = FxHashMap::default();
    for ((python, abi), position) in pairs.iter().zip(0..) {
        ranks
            .entry(python.clone())
            .or_default()
            .entry(abi.clone())
            .or_insert(position);
    }
    ranks
}

fn pair(python: impl Into<String>, abi: impl Into<String>) -> (String, String) {
    (python.into(), abi.into())
}

/// The pairs for wheels with a platform: the interpreter's own ABI, its stable ABI, no ABI, then the stable ABI of
/// earlier Pythons, then pure Python.
fn platform_pairs(python: PythonMinor, implementation: Implementation) -> Vec<(String, String)> {
    let PythonMinor { major, minor } = python;
    let stable = match implementation {
        Implementation::CPython => Some("abi3"),
        Implementation::CPythonFreeThreaded => Some("abi3t"),
        Implementation::PyPy(..) | Implementation::GraalPy(..) => None,
    };
    // The stable ABI came with Python 3.2.
    let stable = stable.filter(|_| (major, minor) >= (3, 2));
    let interpreter = interpreter(python, implementation);
    let mut pairs = vec![pair(&interpreter, own_abi(python, implementation))];
    if let Some(stable) = stable {
        pairs.push(pair(&interpreter, stable));
    }
    pairs.push(pair(&interpreter, "none"));
    if let Some(stable) = stable {
        pairs.extend(
            (2..minor)
                .rev()
                .map(|minor| pair(format!("cp{major}{minor}"), stable)),
        );
    }
    pairs.extend(pure_pythons(python).map(|python| pair(python, "none")));
    pairs
}

/// The pairs for wheels for any platform.
fn any_pairs(python: PythonMinor, implementation: Implementation) -> Vec<(String, String)> {
    let own = match implementation {
        Implementation::CPython | Implementation::CPythonFreeThreaded => {
            Some(interpreter(python, implementation))
        }
        Implementation::PyPy(..) => Some("pp3".to_owned()),
        Implementation::GraalPy(..) => None,
    };
    own.into_iter()
        .chain(pure_pythons(python))
        .map(|python| pair(python, "none"))
        .collect()
}

/// `py312`, `py3`, `py311`, … `py30`.
fn pure_pythons(PythonMinor { major, minor }: PythonMinor) -> impl Iterator<Item = String> {
    let earlier = (0..minor).rev().map(move |minor| format!("py{major}{minor}"));
    [format!("py{major}{minor}"), format!("py{major}")]
        .into_iter()
        .chain(earlier)
}

/// The interpreter's own Python tag, such as `cp312` or `pp310`.
fn interpreter(PythonMinor { major, minor }: PythonMinor, implementation: Implementation) -> String {
    match implementation {
        Implementation::CPython | Implementation::CPythonFreeThreaded => format!("cp{major}{minor}"),
        Implementation::PyPy(..) => format!("pp{major}{minor}"),
        Implementation::GraalPy(..) => format!("graalpy{major}{minor}"),
    }
}

/// The ABI tag of an ordinary build.
fn own_abi(PythonMinor { major, minor }: PythonMinor, implementation: Implementation) -> String {
    match implementation {
        Implementation::CPython => {
            // Before 3.8 the tag told the memory allocator, before 3.3 the width of characters too.
            let flags = match (major, minor) {
                (3, 8..) | (4.., _) => "",
                (3, 3..) => "m",
                (..=3, _) => "mu",
            };
            format!("cp{major}{minor}{flags}")
        }
        Implementation::CPythonFreeThreaded => format!("cp{major}{minor}t"),
        Implementation::PyPy(own_major, own_minor) => format!("pypy{major}{minor}_pp{own_major}{own_minor}"),
        Implementation::GraalPy(own_major, own_minor) => {
            format!("graalpy{own_major}{own_minor}_{major}{minor}_native")
        }
    }
}

#[cfg(test)]
mod tests;
