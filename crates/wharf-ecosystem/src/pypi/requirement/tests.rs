//! Tables for requirements and markers.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::pypi::environment::{Implementation, marker_environment};

fn reason(text: &str) -> String {
    parse_requirement(text).unwrap_err().reason
}

/// The marker's value on Linux under CPython 3.12.1 with no extra.
fn holds(marker: &str) -> bool {
    let target = "linux-x86_64-py3.12".parse().unwrap();
    let environment = marker_environment(&target, "3.12.1", Implementation::CPython);
    parse_marker(marker).unwrap().evaluate(&environment, &[])
}

#[test]
fn requirements_parse_and_print() {
    for (text, printed) in [
        ("requests", "requests"),
        (" A ", "a"),
        ("Zope.Interface>=1", "zope-interface>=1"),
        (
            "Requests [security,TESTS] >= 2.8.1, == 2.8.*",
            "requests[security,tests]==2.8.*,>=2.8.1",
        ),
        ("a[]", "a"),
        ("a (>=1,<2)", "a>=1,<2"),
        ("a(==1.0)", "a==1.0"),
        ("a~=1.0;python_version<'3'", "a~=1.0 ; python_full_version < '3'"),
        ("a===1.0", "a===1.0"),
        ("a @ https://example.org/a.whl", "a @ https://example.org/a.whl"),
        (
            "a[x]@https://example.org/a.zip ; os_name=='nt'",
            "a[x] @ https://example.org/a.zip ; os_name == 'nt'",
        ),
        (
            "a @ git+https://example.org/a.git@v1#subdirectory=b",
            "a @ git+https://example.org/a.git@v1#subdirectory=b",
        ),
        ("a @ file:///srv/a.whl", "a @ file:///srv/a.whl"),
    ] {
        let requirement = parse_requirement(text).unwrap();
        assert_eq!(requirement.to_string(), printed, "{text}");
        assert_eq!(parse_requirement(printed).unwrap(), requirement, "{text}");
    }
}

#[test]
fn what_is_no_requirement() {
    for text in [
        "",
        " ",
        "-a",
        "a-",
        "a.",
        "_a",
        "a b",
        "a>=",
        "a>=x",
        "a=1",
        "a[",
        "a[b",
        "a[b-]",
        "a[b,]x",
        "a[b-",
        "a,b",
        "a;",
        "a;x",
        "a @",
        "a @ ./relative",
        "./relative",
        "a>=1;python_version",
        "a (>=1",
        "é",
        "a[é]",
        "a;os_name=='é'",
        "a;os_name=='x' é",
        "a.>=1",
        "requests-2.26.0.tar.gz",
    ] {
        assert!(parse_requirement(text).is_err(), "{text}");
    }
    assert_eq!(reason("a[b-]"), "a name ends with a letter or a digit");
    assert_eq!(reason("a ; os_name == 'ü'"), "markers are written in ASCII");
}

#[test]
fn markers() {
    for marker in [
        "python_version >= '3.8'",
        "'3.8' <= python_version",
        "python_version == '3.12' and python_full_version > '3.12.0'",
        "python_version == '3.*'",
        "python_version ~= '3.8'",
        "python_version in '3.11 3.12'",
        "python_version in '3.11, 3.12'",
        "python_version not in '2.7, 3.4'",
        "sys_platform == 'linux' and os_name == 'posix'",
        "sys_platform != 'win32' or (os_name == 'nt' and extra == 'x')",
        "'linux' in sys_platform",
        "platform_machine in 'x86_64 AMD64'",
        "os.name == 'posix'",
        "platform_python_implementation == \"CPython\"",
        "extra != 'x'",
    ] {
        assert!(holds(marker), "{marker}");
    }
    for marker in [
        "python_version < '3.8'",
        "python_version == '3.1'",
        "python_version in '3.8, 3.9'",
        "sys_platform == 'win32'",
        "extra == 'x'",
        "extra == 'x' or sys_platform == 'darwin'",
        "(python_version >= '3.8' and os_name == 'nt')",
    ] {
        assert!(!holds(marker), "{marker}");
    }
}

#[test]
fn extras_are_compared_in_normal_form() {
    let target = "linux-x86_64-py3.12".parse().unwrap();
    let environment = marker_environment(&target, "3.12.1", Implementation::CPython);
    let extra = "Dev_Tools".parse().unwrap();
    let requirement = parse_requirement("a ; extra == 'dev.tools'").unwrap();
    assert!(requirement.evaluate_markers(&environment, &[extra]));
}

#[test]
fn published_urls_keep_their_variables() {
    let home = std::env::var("PATH").unwrap();
    let requirement = parse_requirement("a @ https://example.org/${PATH}/a.whl")
        .unwrap()
        .to_string();
    assert!(!requirement.contains(&home), "{requirement}");
    assert!(requirement.contains("PATH"), "{requirement}");
}

#[test]
fn slips_are_mended() {
    for (text, meaning) in [
        (
            "elasticsearch-dsl (>=7.2.0<8.0.0)",
            "elasticsearch-dsl>=7.2.0,<8.0.0",
        ),
        ("jupyter-core (!=~5.0,>=4.12)", "jupyter-core!=5.0,>=4.12"),
        ("a>=1.9.*", "a>=1.9"),
        ("a (>=1.0,)", "a>=1.0"),
        ("a>=1.0,", "a>=1.0"),
        ("a (>dev)", "a>0.dev0"),
        (
            "a[b] (>=1.0 <2) ; python_version<'3'",
            "a[b]>=1.0,<2 ; python_version<'3'",
        ),
        ("a>='1.0'", "a>=1.0"),
        ("a;", "a"),
        ("a (*)", "a"),
        ("a ; extra == \u{201c}x\u{201d}", "a ; extra == 'x'"),
        ("a>=1,<2", "a>=1,<2"),
    ] {
        let requirement = parse_requirement_lenient(text).unwrap();
        assert_eq!(requirement, parse_requirement(meaning).unwrap(), "{text}");
    }
    for text in ["a (>=2011k)", "a 1.0", "a<0.0.45b-store>=0.5", "", "a ; b == c"] {
        assert!(parse_requirement_lenient(text).is_err(), "{text}");
    }
}

#[test]
fn hostile_markers_are_refused_quickly() {
    let pairs = |count: usize| {
        let clause = |at: usize| format!("(extra == 'a{at}' and extra == 'b{at}')");
        (0..count).map(clause).collect::<Vec<_>>().join(" or ")
    };
    let start = Instant::now();
    assert!(parse_marker(&pairs(8)).is_ok());
    assert!(parse_marker(&pairs(200)).is_err());
    assert!(parse_marker(&format!("{}os_name == 'x'{}", "(".repeat(5000), ")".repeat(5000))).is_err());
    assert!(parse_requirement(&format!("a ; os_name == '{}'", "x".repeat(100_000))).is_err());
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "took {:?}",
        start.elapsed()
    );
    for marker in [
        "'x' ~= os_name",
        "python_version < '1.0+x'",
        "os_name == \"it's\"",
    ] {
        assert!(parse_marker(marker).is_err(), "{marker}");
    }
}

/// An `extra` for each of many extras is common in published metadata, and harmless.
#[test]
fn long_but_simple_markers_are_fine() {
    let clauses: Vec<String> = (0..100).map(|at| format!("extra == 'a{at}'")).collect();
    assert!(parse_marker(&clauses.join(" or ")).is_ok());
}

#[test]
fn names_become_package_names() {
    let requirement = parse_requirement("Zope.Interface").unwrap();
    assert_eq!(package_name(&requirement).as_str(), "zope-interface");
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,60}") {
        let _ = parse_requirement_lenient(&text);
        let _ = parse_marker(&text);
    }

    #[test]
    fn near_requirements_are_answered(
        text in "(a|b-|\\[|\\]|,|;| |\\(|\\)|@|https://x/|==|>=|~=|1\\.0|\\*|python_version|extra|os_name|'|\"| in | not in | and | or |é|-|\\.|3\\.8|\\$\\{HOME\\}|#){0,16}",
    ) {
        let _ = parse_marker(&text);
        if let Ok(requirement) = parse_requirement_lenient(&text) {
            prop_assert_eq!(parse_requirement(&requirement.to_string()), Ok(requirement));
        }
    }

    #[test]
    fn printed_markers_mean_the_same(
        text in "(python_version (<|>=|==|!=) '3\\.(8|12|13)'|sys_platform (==|!=) '(linux|win32)'|extra == '[ab]'|'nu' in sys_platform)( (and|or) (os_name == '(nt|posix)'|python_full_version < '3\\.12\\.[12]')){0,3}",
    ) {
        let printed = parse_marker(&text).unwrap().try_to_string();
        if let Some(printed) = printed {
            prop_assert_eq!(holds(&text), holds(&printed), "{}", printed);
        }
    }
}
