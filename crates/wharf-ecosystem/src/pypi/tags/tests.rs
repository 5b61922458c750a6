//! Tables for the tags of targets. The lists were compared with those of the `packaging` library for some 650 targets, and with
//! what the interpreters 3.9 to 3.13 say of themselves.

use proptest::prelude::*;

use super::*;

fn tags(target: &str) -> Tags {
    Tags::for_target(&target.parse().unwrap(), Implementation::CPython)
}

fn free_threaded(target: &str) -> Tags {
    Tags::for_target(&target.parse().unwrap(), Implementation::CPythonFreeThreaded)
}

fn wheel(tag: &str) -> WheelName {
    WheelName::parse(&format!("a-1-{tag}.whl")).unwrap()
}

/// Checks that the wheels fit, each less than the one before it.
fn check_order(tags: &Tags, wheels: &[&str]) {
    let priorities: Vec<_> = wheels
        .iter()
        .map(|tag| (*tag, tags.priority(&wheel(tag))))
        .collect();
    for pair in priorities.windows(2) {
        assert!(pair[0].1 > pair[1].1, "{pair:?}");
    }
    assert!(
        priorities.iter().all(|(_, priority)| priority.is_some()),
        "{priorities:?}"
    );
}

/// Checks that the wheel does not fit, and why.
fn check_reason(tags: &Tags, tag: &str, reason: &str) {
    let found = tags
        .explain(&wheel(tag))
        .map(|incompatible| incompatible.to_string());
    assert_eq!(found.as_deref(), Some(reason), "{tag}");
    assert_eq!(tags.priority(&wheel(tag)), None, "{tag}");
}

#[test]
fn the_whole_list_of_a_small_target() {
    let tags: Vec<String> = tags("windows-x86_64-py3.3").iter().collect();
    assert_eq!(
        tags,
        [
            "cp33-cp33m-win_amd64",
            "cp33-abi3-win_amd64",
            "cp33-none-win_amd64",
            "cp32-abi3-win_amd64",
            "py33-none-win_amd64",
            "py3-none-win_amd64",
            "py32-none-win_amd64",
            "py31-none-win_amd64",
            "py30-none-win_amd64",
            "cp33-none-any",
            "py33-none-any",
            "py3-none-any",
            "py32-none-any",
            "py31-none-any",
            "py30-none-any",
        ]
    );
}

#[test]
fn platforms_of_linux() {
    for (target, count, expected) in [
        (
            "linux-x86_64-glibc2.18",
            18,
            "linux_x86_64 manylinux_2_18_x86_64 manylinux_2_17_x86_64 manylinux2014_x86_64 manylinux_2_16_x86_64",
        ),
        (
            "linux-x86_64-glibc2.5",
            3,
            "linux_x86_64 manylinux_2_5_x86_64 manylinux1_x86_64",
        ),
        ("linux-x86_64-glibc2.4", 1, "linux_x86_64"),
        (
            "linux-aarch64-glibc2.17",
            3,
            "linux_aarch64 manylinux_2_17_aarch64 manylinux2014_aarch64",
        ),
        ("linux-aarch64-glibc2.16", 1, "linux_aarch64"),
        (
            "linux-armv7l-glibc2.18",
            4,
            "linux_armv7l manylinux_2_18_armv7l manylinux_2_17_armv7l manylinux2014_armv7l",
        ),
        (
            "linux-i686-glibc2.12",
            11,
            "linux_i686 manylinux_2_12_i686 manylinux2010_i686 manylinux_2_11_i686",
        ),
        (
            "linux-x86_64-musl1.2",
            4,
            "linux_x86_64 musllinux_1_2_x86_64 musllinux_1_1_x86_64 musllinux_1_0_x86_64",
        ),
    ] {
        let found = platform::platforms(&target.parse().unwrap());
        assert_eq!(found.len(), count, "{target}: {found:?}");
        assert!(found.join(" ").starts_with(expected), "{target}: {found:?}");
    }
    let future = platform::platforms(&"linux-x86_64-glibc3.1".parse().unwrap());
    assert_eq!(
        future[1..4],
        [
            "manylinux_3_1_x86_64",
            "manylinux_3_0_x86_64",
            "manylinux_2_50_x86_64"
        ]
    );
}

#[test]
fn platforms_of_macos() {
    for (target, expected) in [
        (
            "macos-arm64-12.3",
            "macosx_12_0_arm64 macosx_12_0_universal2 macosx_11_0_arm64 macosx_11_0_universal2 macosx_10_16_universal2",
        ),
        (
            "macos-x86_64-11.0",
            "macosx_11_0_x86_64 macosx_11_0_intel macosx_11_0_fat64 macosx_11_0_fat3 macosx_11_0_universal2 macosx_11_0_universal macosx_10_16_x86_64",
        ),
        (
            "macos-x86_64-10.4",
            "macosx_10_4_x86_64 macosx_10_4_intel macosx_10_4_fat64 macosx_10_4_fat3 macosx_10_4_universal2 macosx_10_4_universal",
        ),
        (
            "macos-arm64-26.1",
            "macosx_26_0_arm64 macosx_26_0_universal2 macosx_25_0_arm64",
        ),
        (
            "macos-i686-10.5",
            "macosx_10_5_i386 macosx_10_5_intel macosx_10_5_fat3 macosx_10_5_fat macosx_10_5_universal",
        ),
    ] {
        let found = platform::platforms(&target.parse().unwrap()).join(" ");
        assert!(found.starts_with(expected), "{target}: {found}");
    }
    assert_eq!(
        platform::platforms(&"macos-x86_64-10.3".parse().unwrap()),
        [] as [&str; 0]
    );
}

#[test]
fn platforms_of_windows() {
    for (target, expected) in [
        ("windows-x86_64", "win_amd64"),
        ("windows-arm64", "win_arm64"),
        ("windows-i686", "win32"),
    ] {
        assert_eq!(platform::platforms(&target.parse().unwrap()), [expected]);
    }
}

#[test]
fn closer_wheels_are_preferred() {
    check_order(
        &tags("linux-x86_64-glibc2.36-py3.12"),
        &[
            "cp312-cp312-manylinux_2_34_x86_64",
            "cp312-cp312-manylinux_2_17_x86_64",
            "cp312-cp312-manylinux2014_x86_64",
            "cp312-abi3-manylinux_2_17_x86_64",
            "cp312-none-manylinux_2_17_x86_64",
            "cp311-abi3-manylinux_2_34_x86_64",
            "cp38-abi3-manylinux_2_34_x86_64",
            "py312-none-manylinux_2_17_x86_64",
            "py3-none-manylinux_2_17_x86_64",
            "cp312-none-any",
            "py312-none-any",
            "py3-none-any",
            "py30-none-any",
        ],
    );
}

#[test]
fn the_best_of_a_compressed_set_counts() {
    let tags = tags("linux-x86_64-glibc2.36-py3.12");
    let priority = |tag| tags.priority(&wheel(tag));
    assert_eq!(
        priority("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"),
        priority("cp312-cp312-manylinux_2_17_x86_64")
    );
    assert_eq!(priority("py2.py3-none-any"), priority("py3-none-any"));
    assert_eq!(
        priority("cp311.cp312-none.cp312-any.linux_x86_64"),
        priority("cp312-cp312-linux_x86_64")
    );
    assert_eq!(priority("py3-none-any.win32"), priority("py3-none-any"));
    // A pair of the set alone must fit, not one tag from here and one from there.
    assert_eq!(priority("cp311.py3-cp311-linux_x86_64"), None);
    assert_eq!(priority("cp312-cp312-any"), None);
}

#[test]
fn free_threaded_builds_have_their_own_interface() {
    let tags = free_threaded("linux-x86_64-glibc2.36-py3.13");
    check_order(
        &tags,
        &[
            "cp313-cp313t-manylinux_2_17_x86_64",
            "cp313-abi3t-manylinux_2_17_x86_64",
            "cp313-none-linux_x86_64",
            "py3-none-any",
        ],
    );
    check_reason(
        &tags,
        "cp313-cp313-manylinux_2_17_x86_64",
        "needs the ABI `cp313` (the target has free-threaded CPython 3.13)",
    );
    check_reason(
        &tags,
        "cp39-abi3-manylinux_2_17_x86_64",
        "needs CPython's stable ABI (`abi3`) (the target has free-threaded CPython 3.13)",
    );
}

#[test]
fn other_implementations() {
    let target = "linux-x86_64-glibc2.36-py3.10".parse().unwrap();
    check_order(
        &Tags::for_target(&target, Implementation::PyPy(7, 3)),
        &[
            "pp310-pypy310_pp73-manylinux_2_17_x86_64",
            "pp310-none-linux_x86_64",
            "py3-none-linux_x86_64",
            "pp3-none-any",
            "py3-none-any",
        ],
    );
    check_order(
        &Tags::for_target(&target, Implementation::GraalPy(24, 2)),
        &[
            "graalpy310-graalpy242_310_native-manylinux_2_17_x86_64",
            "py3-none-any",
        ],
    );
}

#[test]
fn without_a_python_only_python_3_is_known() {
    let tags = tags("windows-x86_64");
    assert_eq!(
        tags.iter().collect::<Vec<_>>(),
        ["py3-none-win_amd64", "py3-none-any"]
    );
}

#[test]
fn reasons_name_what_would_fit() {
    let linux = tags("linux-x86_64-py3.12");
    for (tag, reason) in [
        (
            "cp39-cp39-manylinux_2_17_x86_64",
            "needs CPython 3.9 (the target has CPython 3.12)",
        ),
        (
            "cp313-abi3-manylinux_2_17_x86_64",
            "needs CPython 3.13 (the target has CPython 3.12)",
        ),
        ("py2-none-any", "needs Python 2 (the target has CPython 3.12)"),
        (
            "cp27.cp35-none-any",
            "needs CPython 2.7 or CPython 3.5 (the target has CPython 3.12)",
        ),
        (
            "pp310-pypy310_pp73-any",
            "needs PyPy 3.10 (the target has CPython 3.12)",
        ),
        (
            "rust-none-any",
            "needs the Python tag `rust` (the target has CPython 3.12)",
        ),
        (
            "cp312-cp312t-manylinux_2_17_x86_64",
            "needs the free-threaded build of CPython 3.12 (the target has CPython 3.12)",
        ),
        (
            "cp312-cp312d-linux_x86_64",
            "needs the ABI `cp312d` (the target has CPython 3.12)",
        ),
        (
            "cp312-cp312-manylinux_2_39_x86_64",
            "needs glibc 2.39 or newer (the target has glibc 2.28)",
        ),
        (
            "cp312-cp312-manylinux_2_31_x86_64.manylinux_2_39_x86_64",
            "needs glibc 2.31 or newer (the target has glibc 2.28)",
        ),
        (
            "cp312-cp312-musllinux_1_2_x86_64",
            "needs Linux with musl on x86_64 (the target has linux-x86_64)",
        ),
        (
            "cp312-cp312-manylinux2014_aarch64",
            "needs Linux with glibc on aarch64 (the target has linux-x86_64)",
        ),
        (
            "cp312-cp312-win_amd64",
            "needs Windows on x86_64 (the target has linux-x86_64)",
        ),
        (
            "py3-none-win32",
            "needs Windows on x86 (the target has linux-x86_64)",
        ),
        (
            "py3-none-macosx_11_0_arm64",
            "needs macOS on arm64 (the target has linux-x86_64)",
        ),
        (
            "py3-none-emscripten_3_1_58_wasm32",
            "needs the platform `emscripten_3_1_58_wasm32` (the target has linux-x86_64)",
        ),
    ] {
        check_reason(&linux, tag, reason);
    }
    let mac = tags("macos-arm64-13.0-py3.12");
    check_reason(
        &mac,
        "cp312-cp312-macosx_14_0_arm64",
        "needs macOS 14.0 or newer (the target has macOS 13.0)",
    );
    check_reason(
        &mac,
        "cp312-cp312-macosx_11_0_x86_64",
        "needs macOS on x86_64 (the target has macos-arm64)",
    );
    assert_eq!(mac.explain(&wheel("py3-none-any")), None);
}

proptest! {
    #[test]
    fn priority_is_the_position_in_the_list(
        python in "(cp3(9|11|12|13)|py3|py2|py311)(\\.(cp312|py3))?",
        abi in "(cp312|abi3|none|cp312t)(\\.none)?",
        platform in "(any|linux_x86_64|manylinux_2_(5|17|28|40)_x86_64|win32)(\\.(manylinux2014_x86_64|any))?",
    ) {
        let tags = tags("linux-x86_64-py3.12");
        let wheel = wheel(&format!("{python}-{abi}-{platform}"));
        let expanded: Vec<String> = wheel
            .python()
            .flat_map(|python| wheel.abi().map(move |abi| format!("{python}-{abi}")))
            .flat_map(|pair| wheel.platform().map(move |platform| format!("{pair}-{platform}")).collect::<Vec<_>>())
            .collect();
        let position = tags.iter().position(|tag| expanded.contains(&tag));
        let expected = position.map(|position| u32::try_from(tags.iter().count() - position).unwrap());
        prop_assert_eq!(tags.priority(&wheel), expected);
        prop_assert_eq!(tags.explain(&wheel).is_none(), expected.is_some());
    }
}
