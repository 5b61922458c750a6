//! From an index page to the file that would be installed, through the public interface alone.

use wharf_core::{PackageName, WebUrl};
use wharf_ecosystem::pypi::{Implementation, Tags, parse_version, satisfies, simple};

/// The page of a project with a compiled extension, as indexes serve them today.
const PAGE: &str = r#"<!DOCTYPE html>
<html><head><title>Links for fast-thing</title></head><body><h1>Links for fast-thing</h1>
<a href="/f/fast_thing-1.0-py3-none-any.whl" data-requires-python="&gt;=3.6">fast_thing-1.0-py3-none-any.whl</a><br/>
<a href="/f/fast-thing-1.0.tar.gz">fast-thing-1.0.tar.gz</a><br/>
<a href="/f/fast-thing-0.9.win32-py2.7.exe">fast-thing-0.9.win32-py2.7.exe</a><br/>
<a href="/f/fast_thing-2.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl" data-requires-python="&gt;=3.9">…</a><br/>
<a href="/f/fast_thing-2.0-cp312-cp312-manylinux_2_34_x86_64.whl" data-requires-python="&gt;=3.9">…</a><br/>
<a href="/f/fast_thing-2.0-cp312-cp312-musllinux_1_2_x86_64.whl" data-requires-python="&gt;=3.9">…</a><br/>
<a href="/f/fast_thing-2.0-cp39-abi3-manylinux_2_17_x86_64.whl" data-requires-python="&gt;=3.9">…</a><br/>
<a href="/f/fast_thing-2.0-cp39-abi3-macosx_11_0_universal2.whl" data-requires-python="&gt;=3.9">…</a><br/>
<a href="/f/fast_thing-2.0-1-cp39-abi3-win_amd64.whl" data-requires-python="&gt;=3.9">…</a><br/>
<a href="/f/fast_thing-2.0-cp39-abi3-win_amd64.whl" data-requires-python="&gt;=3.9">…</a><br/>
<a href="/f/fast_thing-2.0-cp313-cp313t-manylinux_2_28_x86_64.whl" data-requires-python="&gt;=3.9">…</a><br/>
<a href="/f/fast_thing-2.0-pp310-pypy310_pp73-manylinux_2_17_x86_64.whl" data-requires-python="&gt;=3.9">…</a><br/>
<a href="/f/fast_thing-2.0.tar.gz" data-requires-python="&gt;=3.9">…</a><br/>
<a href="/f/fast_thing-2.1-py3-none-any.whl" data-requires-python="&gt;=3.14" data-yanked="too new">…</a><br/>
</body></html>"#;

/// The newest version that runs on the Python, then the wheel that the target likes best, then the source archive.
fn choose(target: &str, python: &str, implementation: Implementation) -> String {
    let name = PackageName::pypi("Fast.Thing").expect("it is a name");
    let base = WebUrl::parse("https://index.example.org/simple/fast-thing/").expect("it is a URL");
    let page = simple::parse(Some("text/html"), PAGE.as_bytes(), &base, &name).expect("it is a page");
    assert_eq!((page.files.len(), page.skipped.len()), (13, 1));
    let python = parse_version(python).expect("it is a version");
    let tags = Tags::for_target(&target.parse().expect("it is a target"), implementation);
    let runs = |file: &&simple::File| {
        file.yanked.is_none()
            && file
                .requires_python
                .as_ref()
                .is_none_or(|range| satisfies(range, &python))
    };
    let rank = |file: &&simple::File| {
        let (fits, build) = match file.dist.as_wheel() {
            Some(wheel) => (tags.priority(wheel)?, wheel.build.clone()),
            None => (0, None),
        };
        Some((file.dist.version().clone(), fits, build))
    };
    page.files
        .iter()
        .filter(runs)
        .filter_map(|file| Some((rank(&file)?, file)))
        .max_by(|(a, _), (b, _)| a.cmp(b))
        .map_or_else(|| "nothing".to_owned(), |(_, file)| file.filename.clone())
}

#[test]
fn each_target_gets_its_file() {
    use Implementation::{CPython, CPythonFreeThreaded, PyPy};
    for (target, python, implementation, expected) in [
        (
            "linux-x86_64-glibc2.36-py3.12",
            "3.12.1",
            CPython,
            "fast_thing-2.0-cp312-cp312-manylinux_2_34_x86_64.whl",
        ),
        (
            "linux-x86_64-py3.12",
            "3.12.1",
            CPython,
            "fast_thing-2.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        ),
        (
            "linux-x86_64-musl1.2-py3.12",
            "3.12.1",
            CPython,
            "fast_thing-2.0-cp312-cp312-musllinux_1_2_x86_64.whl",
        ),
        (
            "linux-x86_64-musl1.1-py3.12",
            "3.12.1",
            CPython,
            "fast_thing-2.0.tar.gz",
        ),
        (
            "linux-x86_64-py3.13",
            "3.13.0",
            CPython,
            "fast_thing-2.0-cp39-abi3-manylinux_2_17_x86_64.whl",
        ),
        (
            "linux-x86_64-py3.13",
            "3.13.0",
            CPythonFreeThreaded,
            "fast_thing-2.0-cp313-cp313t-manylinux_2_28_x86_64.whl",
        ),
        (
            "linux-x86_64-py3.10",
            "3.10.2",
            PyPy(7, 3),
            "fast_thing-2.0-pp310-pypy310_pp73-manylinux_2_17_x86_64.whl",
        ),
        ("linux-aarch64-py3.12", "3.12.1", CPython, "fast_thing-2.0.tar.gz"),
        (
            "macos-arm64-py3.12",
            "3.12.1",
            CPython,
            "fast_thing-2.0-cp39-abi3-macosx_11_0_universal2.whl",
        ),
        (
            "windows-x86_64-py3.12",
            "3.12.1",
            CPython,
            "fast_thing-2.0-1-cp39-abi3-win_amd64.whl",
        ),
        (
            "linux-x86_64-py3.8",
            "3.8.18",
            CPython,
            "fast_thing-1.0-py3-none-any.whl",
        ),
        ("linux-x86_64-py3.5", "3.5.0", CPython, "fast-thing-1.0.tar.gz"),
    ] {
        assert_eq!(choose(target, python, implementation), expected, "{target}");
    }
}
