//! Tests of the metadata blob.

use proptest::prelude::*;

use super::*;

const SAMPLE: &str = "Metadata-Version: 2.1\nName: Sample\nVersion: 1.0\nSummary: One line\n\
    Requires-Python: >=3.8\nProvides-Extra: fast\nProvides-Extra: all\n\
    Requires-Dist: b>=1\nRequires-Dist: c; python_version < \"3.9\"\n\
    Requires-Dist: d[x]~=2.0; extra == \"fast\"\n\
    Requires-Dist: e; (sys_platform == \"linux\" and extra == \"fast\") or extra == \"all\"\n\
    Requires-Dist: f; extra != \"fast\"\n\nA long description\n";

fn sample() -> Requirements {
    Requirements::parse(SAMPLE.as_bytes()).unwrap()
}

fn names(requirements: &[Requirement]) -> Vec<String> {
    requirements
        .iter()
        .map(|requirement| requirement.name.to_string())
        .collect()
}

#[test]
fn requirements_are_kept_by_extra() {
    let sample = Requirements::open(sample().bytes()).unwrap();
    let extra = |name: &str| names(&sample.for_extra(&name.parse().unwrap()));
    assert_eq!(sample.name().as_str(), "sample");
    assert_eq!(sample.requires_python().unwrap().to_string(), ">=3.8");
    assert_eq!(names(sample.base()), ["b", "c"]);
    assert_eq!(extra("fast"), ["d", "e", "f"]);
    assert_eq!(extra("all"), ["e", "f"]);
    assert_eq!(extra("none"), ["f"]);
    assert_eq!(sample.problem(), None);
}

#[test]
fn the_whole_metadata_comes_back() {
    let core = sample().core().unwrap();
    assert_eq!(core, CoreMetadata::parse(SAMPLE.as_bytes()).unwrap());
    let again = CoreMetadata::parse(to_headers(&core).as_bytes()).unwrap();
    assert_eq!(again.requires_dist, core.requires_dist);
    assert_eq!(again.provides_extra, core.provides_extra);
    assert_eq!(again.summary, core.summary);
}

#[test]
fn what_cannot_be_read_is_a_problem_of_this_version() {
    let text = "Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Dist: b (>= what)\n";
    let problem = Requirements::parse(text.as_bytes()).unwrap();
    assert!(
        problem.problem().unwrap().contains("Requires-Dist"),
        "{problem:?}"
    );
    assert!(Requirements::parse(b"<html>").is_err());
}

proptest! {
    #[test]
    fn damaged_blobs_are_refused(at in 0usize..4000, bit in 0u8..8) {
        let mut bytes = sample().bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(Requirements::open(bytes).is_none());
    }

    #[test]
    fn cut_blobs_are_refused(length in 0usize..4000) {
        let bytes = sample().bytes().to_vec();
        let length = length % bytes.len();
        prop_assert!(Requirements::open(&bytes[..length]).is_none());
    }
}
