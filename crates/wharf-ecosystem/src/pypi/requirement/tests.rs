//! Tables for requirements and markers.

use super::*;

#[test]
fn requirements_parse_and_print() {
    for (text, printed) in [
        ("requests", "requests"),
        (
            "Requests [security,TESTS] >= 2.8.1, == 2.8.*",
            "requests[security,tests]==2.8.*,>=2.8.1",
        ),
        (
            "name @ https://example.org/a.whl",
            "name @ https://example.org/a.whl",
        ),
    ] {
        assert_eq!(parse_requirement(text).unwrap().to_string(), printed, "{text}");
    }
}
