//! Pages of both formats, whole and broken.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use wharf_core::Algorithm;

use super::*;

const SHA: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn name() -> PackageName {
    PackageName::pypi("foo").unwrap()
}

fn base() -> WebUrl {
    WebUrl::parse("https://index.example.org/simple/foo/").unwrap()
}

fn html(document: &str) -> Page {
    parse_html(document.as_bytes(), &base(), &name()).unwrap()
}

fn json(document: &str) -> Page {
    parse_json(document.as_bytes(), &base(), &name()).unwrap()
}

/// The page with this one file.
fn one_json(fields: &str) -> Page {
    json(&format!(
        r#"{{"meta":{{"api-version":"1.1"}},"files":[{{"filename":"foo-1.0.tar.gz","url":"foo-1.0.tar.gz"{fields}}}]}}"#
    ))
}

/// The page with this one link.
fn one_html(attributes: &str) -> Page {
    html(&format!(
        "<!DOCTYPE html><html><body><a href=\"foo-1.0.tar.gz\" {attributes}>foo-1.0.tar.gz</a></body></html>"
    ))
}

fn sha() -> Digest {
    Digest::from_hex(Algorithm::Sha256, SHA).unwrap()
}

#[test]
fn a_link_with_everything() {
    let page = html(&format!(
        "<!DOCTYPE html><html><head><meta name=\"pypi:repository-version\" content=\"1.3\"></head><body>\
         <a href=\"../../files/foo-1.0-py3-none-any.whl#sha256={SHA}\" data-requires-python=\"&gt;=3.8, &lt;4\" \
         data-yanked=\"broken &amp; bad\" data-upload-time=\"2024-01-02T03:04:05.678Z\" data-core-metadata=\"sha256={SHA}\" \
         data-gpg-sig=\"true\">foo-1.0-py3-none-any.whl</a><br/></body></html>"
    ));
    let expected = File {
        filename: "foo-1.0-py3-none-any.whl".to_owned(),
        url: WebUrl::parse("https://index.example.org/files/foo-1.0-py3-none-any.whl").unwrap(),
        digests: vec![sha()],
        size: None,
        requires_python: Some(">=3.8,<4".parse().unwrap()),
        yanked: Some("broken & bad".to_owned()),
        upload_time: Some("2024-01-02T03:04:05.678Z".parse().unwrap()),
        metadata: MetadataFile::Present(Some(sha())),
        dist: DistName::parse("foo-1.0-py3-none-any.whl", &name()).unwrap(),
    };
    assert_eq!((page.files, page.skipped), (vec![expected], vec![]));
}

#[test]
fn a_json_file_with_everything() {
    let page = json(&format!(
        r#"{{"name":"foo","meta":{{"api-version":"1.4","_last-serial":5,"tracks":[]}},"versions":["1.0"],
        "alternate-locations":[],"project-status":{{"status":"archived","reason":"moved"}},"files":[{{
        "filename":"foo-1.0-py3-none-any.whl","url":"../../files/foo-1.0-py3-none-any.whl",
        "hashes":{{"md5":"d41d8cd98f00b204e9800998ecf8427e","sha256":"{SHA}","future":"00"}},"size":12,
        "requires-python":">=3.8,<4","yanked":"broken","upload-time":"2024-01-02T03:04:05.678901Z",
        "core-metadata":{{"sha256":"{SHA}"}},"provenance":null,"gpg-sig":false}}]}}"#
    ));
    let file = &page.files[0];
    assert_eq!(
        file.url.expose(),
        "https://index.example.org/files/foo-1.0-py3-none-any.whl"
    );
    let algorithms: Vec<_> = file.digests.iter().map(Digest::algorithm).collect();
    assert_eq!(algorithms, [Algorithm::Sha256, Algorithm::Md5]);
    assert_eq!((file.size, file.yanked.as_deref()), (Some(12), Some("broken")));
    assert_eq!(file.requires_python, Some(">=3.8,<4".parse().unwrap()));
    assert_eq!(
        file.upload_time.unwrap().to_string(),
        "2024-01-02T03:04:05.678901Z"
    );
    assert_eq!(file.metadata, MetadataFile::Present(Some(sha())));
    let status = page.status.unwrap();
    assert_eq!(
        (status.status.as_str(), status.reason.as_deref()),
        ("archived", Some("moved"))
    );
}

#[test]
fn both_formats_say_the_same_of_yanked_files() {
    for (attribute, field, expected) in [
        ("", r#","yanked":false"#, None),
        ("", "", None),
        ("data-yanked", r#","yanked":true"#, Some("")),
        ("data-yanked=\"\"", r#","yanked":"""#, Some("")),
        ("data-yanked='a \"b\"'", r#","yanked":"a \"b\"""#, Some("a \"b\"")),
    ] {
        assert_eq!(
            one_html(attribute).files[0].yanked.as_deref(),
            expected,
            "{attribute}"
        );
        assert_eq!(one_json(field).files[0].yanked.as_deref(), expected, "{field}");
    }
}

#[test]
fn both_formats_say_the_same_of_metadata() {
    let present = MetadataFile::Present(Some(sha()));
    for (attribute, field, expected) in [
        (String::new(), String::new(), MetadataFile::Unknown),
        (
            "data-core-metadata=true".to_owned(),
            r#","core-metadata":true"#.to_owned(),
            MetadataFile::Present(None),
        ),
        (
            "data-core-metadata=false".to_owned(),
            r#","core-metadata":false"#.to_owned(),
            MetadataFile::Absent,
        ),
        (
            format!("data-dist-info-metadata=\"sha256={SHA}\""),
            format!(r#","dist-info-metadata":{{"sha256":"{SHA}"}}"#),
            present,
        ),
        (
            format!("data-dist-info-metadata=true data-core-metadata=\"sha256={SHA}\""),
            format!(r#","dist-info-metadata":true,"core-metadata":{{"sha256":"{SHA}"}}"#),
            present,
        ),
        (
            "data-core-metadata=\"sha256=junk\"".to_owned(),
            r#","core-metadata":{"sha256":"junk"}"#.to_owned(),
            MetadataFile::Present(None),
        ),
    ] {
        assert_eq!(one_html(&attribute).files[0].metadata, expected, "{attribute}");
        assert_eq!(one_json(&field).files[0].metadata, expected, "{field}");
    }
}

#[test]
fn links_of_every_kind() {
    let index = "https://index.example.org/simple/foo";
    for (document, url) in [
        ("<a href='foo-1.0.tar.gz'>", format!("{index}/foo-1.0.tar.gz")),
        ("<a href=foo-1.0.tar.gz>", format!("{index}/foo-1.0.tar.gz")),
        (
            "<A HREF = ' foo-1.0.tar.gz\n'>",
            format!("{index}/foo-1.0.tar.gz"),
        ),
        (
            "<a href='/f/foo-1.0.tar.gz'>",
            "https://index.example.org/f/foo-1.0.tar.gz".to_owned(),
        ),
        (
            "<a href='//f.example.org/foo-1.0.tar.gz'>",
            "https://f.example.org/foo-1.0.tar.gz".to_owned(),
        ),
        (
            "<a href='http://f.example.org/foo-1.0.tar.gz'>",
            "http://f.example.org/foo-1.0.tar.gz".to_owned(),
        ),
        (
            "<a href='foo-1.0.tar.gz?a=1&amp;b=2#egg=foo'>",
            format!("{index}/foo-1.0.tar.gz?a=1&b=2"),
        ),
        (
            "<base href='https://b.example.org/x/'><a href='foo-1.0.tar.gz'>",
            "https://b.example.org/x/foo-1.0.tar.gz".to_owned(),
        ),
        (
            "<base href='../y/'><base href='/z/'><a href='foo-1.0.tar.gz'>",
            "https://index.example.org/simple/y/foo-1.0.tar.gz".to_owned(),
        ),
        (
            "<base target=_top><a href='foo-1.0.tar.gz'>",
            format!("{index}/foo-1.0.tar.gz"),
        ),
        (
            "<a href='download?id=5'>foo-1.0.tar.gz</a>",
            format!("{index}/download?id=5"),
        ),
        ("<a href='x.php'>\n foo-1.0.tar.gz </a>", format!("{index}/x.php")),
    ] {
        let page = html(document);
        assert_eq!(page.files.len(), 1, "{document}: {:?}", page.skipped);
        assert_eq!(page.files[0].filename, "foo-1.0.tar.gz", "{document}");
        assert_eq!(page.files[0].url.expose(), url, "{document}");
    }
    let page = html("<a href='foo-1.0%2Bcpu-py3-none-any.whl'>");
    assert_eq!(page.files[0].filename, "foo-1.0+cpu-py3-none-any.whl");
}

#[test]
fn digests_in_fragments() {
    for (fragment, expected) in [
        (format!("sha256={SHA}"), vec![sha()]),
        (format!("egg=foo&sha256={SHA}&subdirectory=x"), vec![sha()]),
        ("egg=foo".to_owned(), vec![]),
        ("sha256=beef".to_owned(), vec![]),
        (String::new(), vec![]),
    ] {
        let page = html(&format!("<a href='foo-1.0.tar.gz#{fragment}'>"));
        assert_eq!(page.files[0].digests, expected, "{fragment}");
    }
}

#[test]
fn navigation_is_no_file() {
    let page = html(
        "<a href='../'>up</a><a>x</a><a name='x'></a><a href=''></a><a href='..'></a><a href='/'>home</a>",
    );
    assert_eq!((page.files, page.skipped), (vec![], vec![]));
}

/// What is wrong with one file costs that file only.
#[test]
fn bad_files_are_skipped_with_their_reason() {
    for (link, field, reason) in [
        ("href=foo-1.0.exe", "", "no wheel and no source archive (`.exe`)"),
        ("href=foo-x.tar.gz", "", "`x` is not a version"),
        ("href=bar-1.0.tar.gz", "", "belongs to another project than `foo`"),
        (
            "href=foo-1.0.tar.gz data-requires-python='>=x'",
            r#","requires-python":">=x""#,
            "its Requires-Python `>=x`",
        ),
        (
            "href=foo-1.0.tar.gz data-upload-time=soon",
            r#","upload-time":"soon""#,
            "its upload time `soon` is no time",
        ),
        (
            "href=ftp://f.example.org/foo-1.0.tar.gz",
            "",
            "its link has the scheme `ftp`",
        ),
        (
            "href=file:///etc/foo-1.0.tar.gz",
            "",
            "its link has the scheme `file`",
        ),
        (
            "href=http://[/foo-1.0.tar.gz",
            "",
            "its link `http://[/foo-1.0.tar.gz` is not a URL",
        ),
    ] {
        let page = html(&format!("<a {link}></a><a href=foo-2.0.tar.gz></a>"));
        assert_eq!(page.files.len(), 1, "{link}");
        assert!(
            page.skipped[0].reason.contains(reason),
            "{link}: {:?}",
            page.skipped
        );
        if !field.is_empty() {
            let page = one_json(field);
            assert!(
                page.skipped[0].reason.contains(reason),
                "{field}: {:?}",
                page.skipped
            );
        }
    }
    let page = json(
        r#"{"files":[5,null,[1],"x",{},{"filename":"foo-1.0.tar.gz"},{"url":"x"},{"filename":5,"url":{}},
        {"filename":"foo-2.0.tar.gz","url":"foo-2.0.tar.gz","size":-1,"hashes":[],"yanked":7,"requires-python":null,
         "upload-time":{},"core-metadata":"x","hashes":{"sha256":5}}]}"#,
    );
    assert_eq!(
        (page.files.len(), page.skipped.len()),
        (1, 8),
        "{:?}",
        page.skipped
    );
    assert_eq!(page.files[0].size, None);
}

#[test]
fn lenient_specifiers_and_times() {
    for (text, expected) in [
        (">=3.6,", Some(">=3.6")),
        (">=2.7,!=3.0*", Some(">=2.7,!=3.0.*")),
        ("", None),
        (" ", None),
    ] {
        let page = one_html(&format!("data-requires-python='{text}'"));
        assert_eq!(
            page.files[0].requires_python,
            expected.map(|text| text.parse().unwrap()),
            "{text}"
        );
    }
    for (text, expected) in [
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        ("2024-01-02T03:04:05.5+02:00", "2024-01-02T01:04:05.5Z"),
        ("2024-01-02T03:04:05", "2024-01-02T03:04:05Z"),
        ("2024-01-02 03:04:05", "2024-01-02T03:04:05Z"),
    ] {
        let page = one_html(&format!("data-upload-time='{text}'"));
        assert_eq!(
            page.files[0].upload_time.map(|time| time.to_string()).as_deref(),
            Some(expected),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_page() {
    let parse =
        |content_type: &str, document: &str| parse(Some(content_type), document.as_bytes(), &base(), &name());
    for (content_type, document, expected) in [
        ("text/html", "Service unavailable", "it has no tag at all"),
        (
            "text/html",
            "<html><a href=\"foo-1.0.tar.gz",
            "it ends within a tag",
        ),
        (
            "text/html",
            "<meta name='pypi:repository-version' content='2.0'><a href=x>",
            "version 2.0",
        ),
        (
            "text/html",
            "<base href='http://['><a href=x>",
            "unusable base URL",
        ),
        ("application/json", "", "no JSON project page"),
        ("application/json", "<html>", "no JSON project page"),
        ("application/json", "[]", "no JSON project page"),
        ("application/json", "{}", "no list `files`"),
        ("application/json", r#"{"files":{}}"#, "no JSON project page"),
        ("application/json", r#"{"files":[]"#, "no JSON project page"),
        ("application/json", r#"{"files":[]}x"#, "no JSON project page"),
        (
            "application/vnd.pypi.simple.v1+json; charset=utf-8",
            r#"{"meta":{"api-version":"2.0"},"files":7}"#,
            "version 2.0",
        ),
    ] {
        let error = parse(content_type, document).unwrap_err();
        assert!(error.to_string().contains(expected), "{document}: {error}");
        assert!(!error.hints().is_empty(), "{document}");
    }
}

#[test]
fn the_content_decides_where_the_type_does_not() {
    let parse = |content_type: Option<&str>, document: &str| {
        parse(content_type, document.as_bytes(), &base(), &name()).map(|page| page.files.len())
    };
    let (as_json, as_html) = (r#" {"files":[]}"#, "<a href=foo-1.0.tar.gz>");
    for content_type in [
        None,
        Some(""),
        Some("application/octet-stream"),
        Some("text/plain; charset=utf-8"),
    ] {
        assert_eq!(
            (parse(content_type, as_json), parse(content_type, as_html)),
            (Ok(0), Ok(1))
        );
    }
    assert_eq!(parse(Some("TEXT/HTML; charset=utf-8"), as_html), Ok(1));
    assert_eq!(parse(Some("application/vnd.pypi.simple.v1+json"), as_json), Ok(0));
    assert_eq!(parse(None, ""), Ok(0));
}

#[test]
fn html_may_state_the_status_too() {
    let page = html(
        "<meta name='pypi:project-status' content='deprecated'><meta name='pypi:project-status-reason' content='use &quot;bar&quot;'>",
    );
    assert_eq!(
        page.status.map(|status| (status.status, status.reason)),
        Some(("deprecated".into(), Some("use \"bar\"".into())))
    );
}

/// Bytes that are no UTF-8 cost nothing but themselves.
#[test]
fn other_encodings_are_survived() {
    let page = parse_html(
        b"<title>\xe9</title><a href=foo-1.0.tar.gz data-yanked='\xff'>x</a>",
        &base(),
        &name(),
    )
    .unwrap();
    assert_eq!(page.files[0].yanked.as_deref(), Some("\u{fffd}"));
}

/// A page of ten thousand files is read in far less than a second, even without optimisation.
#[test]
fn large_pages_are_linear() {
    let link = |at: usize| {
        format!(
            "<a href=\"https://f.example.org/{at}/foo-1.{at}-py3-none-any.whl#sha256={SHA}\" data-requires-python=\"&gt;=3.8\">x</a><br/>\n"
        )
    };
    let document: String = (0..10_000).map(link).collect();
    let start = Instant::now();
    let page = html(&document);
    assert_eq!(page.files.len(), 10_000);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "took {:?}",
        start.elapsed()
    );
    let open = "<a ".repeat(50_000);
    let _ = parse_html(open.as_bytes(), &base(), &name());
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "took {:?}",
        start.elapsed()
    );
}

proptest! {
    #[test]
    fn any_html_is_answered(document in "(<|>|a|/| |href=|\"|'|base|meta|foo-1\\.0\\.tar\\.gz|#sha256=|&amp;|&#|%|data-yanked|\\PC){0,40}") {
        let _ = parse_html(document.as_bytes(), &base(), &name());
    }

    #[test]
    fn any_json_is_answered(document in "(\\{|\\}|\\[|\\]|:|,|\"files\"|\"filename\"|\"url\"|\"foo-1\\.0\\.tar\\.gz\"|1|true|null|\"meta\"|\\PC){0,30}") {
        let _ = parse_json(document.as_bytes(), &base(), &name());
    }

    /// The two formats carry the same facts.
    #[test]
    fn html_and_json_agree(
        version in "[0-9]{1,2}(\\.[0-9]{1,2}){0,2}(rc1)?",
        wheel in any::<bool>(),
        python in prop::option::of("(>=3\\.[0-9]|<4|!=3\\.1\\.\\*)"),
        yanked in prop::option::of("[a-z <>&\"]{0,8}"),
        seconds in prop::option::of(0i64..2_000_000_000),
    ) {
        let filename = if wheel { format!("foo-{version}-py3-none-any.whl") } else { format!("foo-{version}.tar.gz") };
        let time = seconds.map(|seconds| Timestamp::from_second(seconds).unwrap().to_string());
        let escape = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
        let mut link = format!("<a href=\"{filename}#sha256={SHA}\"");
        for (attribute, value) in [("requires-python", &python), ("yanked", &yanked), ("upload-time", &time)] {
            if let Some(value) = value {
                link.push_str(&format!(" data-{attribute}=\"{}\"", escape(value)));
            }
        }
        let document = serde_json::json!({"files": [{
            "filename": filename, "url": filename, "hashes": {"sha256": SHA}, "requires-python": python,
            "yanked": yanked.clone().map_or(serde_json::Value::Bool(false), serde_json::Value::String), "upload-time": time,
        }]});
        prop_assert_eq!(html(&format!("{link}>{filename}</a>")), json(&document.to_string()));
    }
}
