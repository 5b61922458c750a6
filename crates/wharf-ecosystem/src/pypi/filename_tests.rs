//! Tables for the file names of wheels and source distributions.

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> PackageName {
    PackageName::pypi(text).unwrap()
}

/// A wheel's name, version, build and tags in one line.
fn wheel(filename: &str) -> Result<String, FilenameError> {
    let wheel = WheelName::parse(filename)?;
    let build = wheel.build.as_ref().map_or(String::new(), |build| {
        format!(" build {}+{}", build.number, build.suffix)
    });
    let set = |tags: &mut dyn Iterator<Item = &str>| tags.collect::<Vec<_>>().join(" ");
    Ok(format!(
        "{} {}{build} | {} | {} | {}",
        wheel.name,
        wheel.version,
        set(&mut wheel.python()),
        set(&mut wheel.abi()),
        set(&mut wheel.platform())
    ))
}

#[test]
fn wheels() {
    for (filename, expected) in [
        ("foo-1.0-py3-none-any.whl", "foo 1.0 | py3 | none | any"),
        (
            "Foo_Bar-1!2.0.post1-py2.py3-none-any.whl",
            "foo-bar 1!2.0.post1 | py2 py3 | none | any",
        ),
        (
            "some_PACKAGE-1.0-2b-py3-none-any.whl",
            "some-package 1.0 build 2+b | py3 | none | any",
        ),
        (
            "numpy-2.1.0-cp313-cp313t-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "numpy 2.1.0 | cp313 | cp313t | manylinux_2_17_x86_64 manylinux2014_x86_64",
        ),
        (
            "torch-2.0.1+cu118-cp311-cp311-win_amd64.whl",
            "torch 2.0.1+cu118 | cp311 | cp311 | win_amd64",
        ),
        (
            "zope.interface-6.0-cp310-cp310-macosx_11_0_arm64.whl",
            "zope-interface 6.0 | cp310 | cp310 | macosx_11_0_arm64",
        ),
    ] {
        assert_eq!(wheel(filename).unwrap(), expected);
    }
}

#[test]
fn no_wheels() {
    for filename in [
        "",
        ".whl",
        "foo.whl",
        "foo-1.0.whl",
        "foo-1.0-py3-none-any.wheel",
        "foo-1.0-py3-none.whl",
        "foo-1.0-1-2-py3-none-any.whl",
        "foo-1.0-x1-py3-none-any.whl",
        "foo-1.0--py3-none-any.whl",
        "foo-1.0-1/../x-py3-none-any.whl",
        "foo-1.0-99999999999999999999-py3-none-any.whl",
        "foo-bogus-py3-none-any.whl",
        "-1.0-py3-none-any.whl",
        "foo bar-1.0-py3-none-any.whl",
        "foo-1.0-py3-none-.whl",
        "foo-1.0-py2..py3-none-any.whl",
        "foo-1.0-py3-none-any.whl ",
        "foo-1.0-py3-no/ne-any.whl",
        "föö-1.0-py3-none-any.whl",
    ] {
        assert!(WheelName::parse(filename).is_err(), "{filename}");
    }
    let long = format!("foo-1.0-py3-none-{}.whl", "a.".repeat(400));
    assert_eq!(WheelName::parse(&long), Err(FilenameError::Long));
}

#[test]
fn build_tags_order_by_number_first() {
    let tag = |text| BuildTag::parse(text).unwrap();
    assert!(tag("2") < tag("10") && tag("10") < tag("10a") && tag("10a") < tag("11"));
}

#[test]
fn wheels_print_in_normal_form() {
    for (filename, normal) in [
        (
            "Zope.Interface-6.0-1-cp310-cp310-any.whl",
            "zope_interface-6.0-1-cp310-cp310-any.whl",
        ),
        ("a-1.0-1-py3-none-any.whl", "a-1.0-1-py3-none-any.whl"),
    ] {
        assert_eq!(WheelName::parse(filename).unwrap().to_string(), normal);
    }
}

#[test]
fn sdists() {
    for (filename, project, version, format) in [
        ("foo-1.0.tar.gz", "foo", "1.0", SdistFormat::TarGz),
        ("Foo.Bar-1.0.zip", "foo-bar", "1.0", SdistFormat::Zip),
        ("foo--bar-1.0.tgz", "foo-bar", "1.0", SdistFormat::TarGz),
        (
            "python-dateutil-2.8.2.tar.bz2",
            "python-dateutil",
            "2.8.2",
            SdistFormat::TarBz2,
        ),
        ("a-1-2.tar.gz", "a", "1.post2", SdistFormat::TarGz),
        ("a-1-2.tar.gz", "a-1", "2", SdistFormat::TarGz),
        (
            "a-1.0.dev0+local.1.tar.xz",
            "a",
            "1.0.dev0+local.1",
            SdistFormat::TarXz,
        ),
    ] {
        let sdist = SdistName::parse(filename, &name(project)).unwrap();
        assert_eq!(
            (sdist.version.to_string().as_str(), sdist.format),
            (version, format),
            "{filename}"
        );
    }
}

#[test]
fn no_sdists_of_the_project() {
    let error = |filename: &str| SdistName::parse(filename, &name("foo")).unwrap_err().to_string();
    for (filename, expected) in [
        ("foo-1.0.exe", "no wheel and no source archive (`.exe`)"),
        ("foo-1.0.egg", "no wheel and no source archive (`.egg`)"),
        ("foo", "no wheel and no source archive (``)"),
        ("foo.tar.gz", "belongs to another project than `foo`"),
        ("foobar-1.0.tar.gz", "belongs to another project than `foo`"),
        ("foo-bar-1.0.tar.gz", "`bar-1.0` is not a version"),
        (
            "foo-1.0.linux-x86_64.tar.gz",
            "`1.0.linux-x86_64` is not a version",
        ),
        ("foo-.tar.gz", "`` is not a version"),
        ("-1.0.tar.gz", "starts with no valid project name"),
        ("", "no wheel and no source archive (``)"),
        ("fo\u{f6}-1.0.tar.gz", "belongs to another project than `foo`"),
    ] {
        assert_eq!(error(filename), expected, "{filename}");
    }
}

#[test]
fn the_page_decides_the_project() {
    let parse = |filename: &str| DistName::parse(filename, &name("foo-bar"));
    assert_eq!(
        parse("foo_bar-1.0-py3-none-any.whl")
            .unwrap()
            .version()
            .to_string(),
        "1.0"
    );
    assert!(matches!(
        parse("foo-1.0-py3-none-any.whl"),
        Err(FilenameError::OtherProject { .. })
    ));
    assert!(matches!(parse("foo_bar-1.0.tar.gz"), Ok(DistName::Sdist(_))));
    assert!(parse("foo_bar_baz-1.0-py3-none-any.whl").is_err());
}

proptest! {
    #[test]
    fn any_text_is_answered(filename in "\\PC*") {
        let _ = WheelName::parse(&filename);
        let _ = DistName::parse(&filename, &name("foo"));
    }

    #[test]
    fn near_wheels_are_answered(filename in "[a-z0-9._é+!-]{0,40}\\.(whl|tar\\.gz|zip)") {
        let _ = WheelName::parse(&filename);
        let _ = DistName::parse(&filename, &name("a"));
    }

    #[test]
    fn printed_wheels_parse_to_themselves(
        project in "[a-z0-9]([a-z0-9_.]{0,8}[a-z0-9])?",
        version in "([0-9]!)?[0-9]{1,3}(\\.[0-9]{1,3}){0,3}(rc[0-9])?(\\.post[0-9])?(\\+[a-z]{1,3})?",
        build in proptest::option::of("[1-9][0-9]{0,3}[a-z]{0,2}"),
        tags in "(py3|cp31[0-9]\\.cp32)-(none|abi3)-(any|linux_x86_64\\.win32)",
    ) {
        let build = build.map_or(String::new(), |build| format!("{build}-"));
        let wheel = WheelName::parse(&format!("{project}-{version}-{build}{tags}.whl")).unwrap();
        prop_assert_eq!(&WheelName::parse(&wheel.to_string()).unwrap(), &wheel);
        prop_assert_eq!(&WheelName::parse_for(&wheel.to_string(), &name(&project)).unwrap(), &wheel);
    }
}
