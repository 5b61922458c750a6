//! node's semantics as tables.
use super::*;

#[test]
fn the_usual_ranges() {
    for (text, normal) in [
        ("^1.2.3", ">=1.2.3 <2.0.0-0"),
        ("~1.2", ">=1.2.0 <1.3.0-0"),
        ("1.x || 3", ">=1.0.0 <2.0.0-0||>=3.0.0 <4.0.0-0"),
        ("", "*"),
        ("1.2 - 2", ">=1.2.0 <3.0.0-0"),
        (">= 1.2.3 < 2", ">=1.2.3 <2.0.0-0"),
    ] {
        assert_eq!(Range::parse(text).unwrap().to_string(), normal, "{text}");
    }
}
