//! Tables for the tags of targets.

use super::*;

fn tags(target: &str) -> Tags {
    Tags::for_target(&target.parse().unwrap(), Implementation::CPython)
}

fn wheel(tag: &str) -> WheelName {
    WheelName::parse(&format!("a-1-{tag}.whl")).unwrap()
}

#[test]
fn a_mac_begins_and_ends_like_this() {
    let all: Vec<String> = tags("macos-arm64-13.0-py3.12").iter().collect();
    assert_eq!(all[0], "cp312-cp312-macosx_13_0_arm64");
    assert_eq!(all[1], "cp312-cp312-macosx_13_0_universal2");
    assert_eq!(all[2], "cp312-cp312-macosx_12_0_arm64");
    assert_eq!(all[all.len() - 1], "py30-none-any");
}
