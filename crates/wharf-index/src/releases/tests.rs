//! Tests of the releases blob and of choosing files.

use proptest::prelude::*;
use wharf_core::WebUrl;
use wharf_ecosystem::pypi::simple::{self, MetadataFile};
use wharf_ecosystem::pypi::{Implementation, Tags};

use super::*;

const PAGE: &str = r##"<html><body>
<a href="https://files.example.org/packages/45/cd/a-1.0-py3-none-any.whl#sha256=AAAA" data-requires-python="&gt;=3.8" data-upload-time="2024-01-02T03:04:05.678901Z">a-1.0-py3-none-any.whl</a>
<a href="../../files/a-1.0.tar.gz" data-core-metadata="true">a-1.0.tar.gz</a>
<a href="../../files/a-1.0.zip">a-1.0.zip</a>
<a href="../../files/a-2.0-cp311-cp311-win_amd64.whl" data-yanked="bad &amp; worse">a-2.0-cp311-cp311-win_amd64.whl</a>
<a href="../../files/a-2.0-py3-none-any.whl" data-core-metadata="sha256=BBBB">a-2.0-py3-none-any.whl</a>
<a href="../../files/a-2.0-1-py3-none-any.whl">a-2.0-1-py3-none-any.whl</a>
<a href="../../files/a-3.0-py3-none-any.whl" data-requires-python="&gt;=3.99">a-3.0-py3-none-any.whl</a>
<a href="../../files/a-4.0-cp39-cp39-win_amd64.whl">a-4.0-cp39-cp39-win_amd64.whl</a>
<a href="../../files/nonsense.txt">nonsense.txt</a>
</body></html>"##;

fn page() -> Page {
    let text = PAGE
        .replace("AAAA", &"ab".repeat(32))
        .replace("BBBB", &"cd".repeat(32));
    let base = WebUrl::parse("https://index.example.org/simple/a/").unwrap();
    simple::parse_html(text.as_bytes(), &base, &PackageName::pypi("a").unwrap()).unwrap()
}

fn index() -> WebUrl {
    WebUrl::parse("https://index.example.org/simple/").unwrap()
}

#[test]
fn everything_on_a_page_comes_back() {
    let page = page();
    let releases = Releases::from_page(page.clone(), &index());
    let mut found: Vec<File> = releases
        .iter()
        .flat_map(|release| release.files().collect::<Vec<_>>())
        .map(|file| file.to_file().unwrap())
        .collect();
    let mut expected = page.files;
    let by_name = |file: &File| file.filename.clone();
    found.sort_by_key(by_name);
    expected.sort_by_key(by_name);
    assert_eq!(found, expected);
    assert_eq!(releases.skipped(), page.skipped);
    let versions: Vec<_> = releases
        .iter()
        .map(|release| release.version_text().to_owned())
        .collect();
    assert_eq!(versions, ["4.0", "3.0", "2.0", "1.0"]);
    assert_eq!(
        found
            .iter()
            .filter(|file| file.metadata != MetadataFile::Unknown)
            .count(),
        2
    );
}

#[test]
fn releases_are_found_by_version() {
    let releases = Releases::from_page(page(), &index());
    for (text, position) in [
        ("4", Some(0)),
        ("2.0.0", Some(2)),
        ("1.0", Some(3)),
        ("5", None),
        ("1.5", None),
        ("0", None),
    ] {
        let version = pypi::parse_version(text).unwrap();
        assert_eq!(
            releases.find(&version).map(ReleaseRef::position),
            position,
            "{text}"
        );
    }
    // The preferred format of several source archives.
    assert_eq!(
        releases.get(3).unwrap().sdist().unwrap().filename(),
        "a-1.0.tar.gz"
    );
}

#[test]
fn the_best_file_for_a_target() {
    let releases = Releases::from_page(page(), &index());
    let target = "linux-x86_64-py3.11".parse().unwrap();
    let tags = Tags::for_target(&target, Implementation::CPython);
    let fit = releases.fit(&tags, &pypi::parse_version("3.11.7").unwrap());
    let best =
        |position: usize| match fit.best(releases.get(position).unwrap(), |file| file.yanked().is_none()) {
            Pick::Wheel(file) => file.filename().to_owned(),
            Pick::Sdist(file) => format!("source {}", file.filename()),
            Pick::Nothing(unfit) => format!("{unfit:?}"),
        };
    assert_eq!(best(0), "Tags(\"cp39-cp39-win_amd64\")");
    assert!(best(1).starts_with("Python("), "{}", best(1));
    assert_eq!(best(2), "a-2.0-1-py3-none-any.whl");
    assert_eq!(best(3), "a-1.0-py3-none-any.whl");
    let only_source = fit.best(releases.get(3).unwrap(), |file| !file.is_wheel());
    assert!(matches!(only_source, Pick::Sdist(file) if file.filename() == "a-1.0.tar.gz"));
    let refused = fit.best(releases.get(3).unwrap(), |_| false);
    assert!(matches!(refused, Pick::Nothing(Unfit::Refused)));
}

#[test]
fn credentials_are_not_written() {
    let base = WebUrl::parse("https://me:s3cret@index.example.org/simple/a/").unwrap();
    let html = "<a href=\"a-1.0.tar.gz\">a-1.0.tar.gz</a>";
    let page = simple::parse_html(html.as_bytes(), &base, &PackageName::pypi("a").unwrap()).unwrap();
    let files: Vec<_> = page.files.into_iter().map(|file| (file, 0)).collect();
    let bytes = encode(&files, &[], None, Stamp::default());
    assert!(!String::from_utf8_lossy(&bytes).contains("s3cret"));
}

#[test]
fn a_stamp_can_be_renewed_in_place() {
    let files: Vec<_> = page().files.into_iter().map(|file| (file, 0)).collect();
    let mut bytes = encode(
        &files,
        &[],
        None,
        Stamp {
            fetched: 1,
            fresh_until: 2,
            page: [7; 32],
        },
    );
    let stamp = Stamp {
        fetched: 10,
        fresh_until: 20,
        page: [7; 32],
    };
    let at = Blob::STAMP_AT as usize;
    bytes[at..at + 16].copy_from_slice(&Blob::stamp_bytes(stamp));
    assert_eq!(Blob::open(bytes).unwrap().stamp(), stamp);
}

proptest! {
    #[test]
    fn damaged_blobs_are_refused(at in 24usize..9000, bit in 0u8..8) {
        let files: Vec<_> = page().files.into_iter().map(|file| (file, 0)).collect();
        let mut bytes = encode(&files, &[], None, Stamp::default());
        let at = 24 + at % (bytes.len() - 24);
        bytes[at] ^= 1 << bit;
        prop_assert!(Blob::open(bytes).is_none());
    }

    #[test]
    fn any_bytes_with_a_right_checksum_are_survived(tail in prop::collection::vec(any::<u8>(), 0..400), counts in prop::array::uniform9(0u32..6)) {
        let mut bytes = b"WHARFr\x01\n".to_vec();
        bytes.extend_from_slice(&[0; 24]);
        bytes.extend_from_slice(&[0; 32]);
        for count in &counts[..8] {
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        let fixed = counts[0] * 16 + counts[1] * 64 + (counts[2] + counts[3] + counts[4] + counts[5] + counts[7]) * 8 + counts[6] * 16;
        let heap = (tail.len() as u32).saturating_sub(fixed);
        bytes.extend_from_slice(&heap.to_le_bytes());
        bytes.extend_from_slice(&tail);
        let sum = crate::codec::checksum(&bytes[32..]);
        bytes[24..32].copy_from_slice(&sum.to_le_bytes());
        if let Some(blob) = Blob::open(bytes) {
            let releases = Releases::from_blob(PackageName::pypi("a").unwrap(), vec![Place::Index(index())], blob);
            for release in releases.iter() {
                let _ = release.version();
                for file in release.files() {
                    let _ = (file.to_file(), file.yanked(), file.requires_python(), file.tag_set().map(|set| releases.tag_text(set)));
                }
            }
            let _ = (releases.skipped(), releases.status());
        }
    }
}
