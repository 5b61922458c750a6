//! The laws of the nouns: parse∘print is the identity, and nothing from outside panics.

use proptest::prelude::*;
use wharf_core::{
    Algorithm, Digest, Ecosystem, PackageName, PackageUrl, SafePath, ShortRequirement, Span, Target, WebUrl,
};

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,60}",
        "(pkg:)?(pypi|npm|deb|cargo)[:/][a-zA-Z0-9@/._%?&=# <>~-]{0,40}"
    ]
}

proptest! {
    #[test]
    fn package_urls_survive_printing(text in any_text()) {
        if let Ok(purl) = text.parse::<PackageUrl>() {
            let printed = purl.to_string();
            prop_assert_eq!(printed.parse::<PackageUrl>(), Ok(purl), "{}", printed);
        }
    }

    #[test]
    fn package_urls_carry_any_name_and_version(name in "[a-z0-9]([a-z0-9.-]{0,12}[a-z0-9])?", version in "[!-~]{1,20}") {
        let name = PackageName::new(Ecosystem::Pypi, &name).unwrap();
        let plain = PackageUrl::of(&name, Some(&version)).to_string();
        prop_assert_eq!(plain.parse::<PackageUrl>(), Ok(PackageUrl::of(&name, Some(&version))));
        let text = format!("{plain}?repository_url=https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc%26d%23e");
        let purl: PackageUrl = text.parse().unwrap();
        prop_assert_eq!(purl.qualifier("repository_url"), Some("https://example.org/a?b=c&d#e"));
        prop_assert_eq!(purl.to_string().parse::<PackageUrl>(), Ok(purl));
    }

    #[test]
    fn names_are_normal_after_one_step(text in any_text()) {
        for ecosystem in Ecosystem::ALL {
            if let Ok(name) = PackageName::new(ecosystem, &text) {
                prop_assert_eq!(PackageName::new(ecosystem, name.as_str()), Ok(name));
            }
        }
        let _ = ShortRequirement::parse(&text);
    }

    #[test]
    fn safe_paths_stay_below(text in any_text()) {
        if let Ok(path) = SafePath::new(&text) {
            prop_assert_eq!(SafePath::new(path.as_str()), Ok(path.clone()));
            let parts_are_names = path.as_path().components().all(|part| matches!(part, std::path::Component::Normal(_)));
            prop_assert!(parts_are_names);
        }
    }

    #[test]
    fn targets_survive_printing(text in "(linux|macos|windows)-(x86_64|arm64|aarch64|i686)(-(glibc|musl)?[0-9]{1,2}[.][0-9]{1,2})?(-py3[.][0-9]{1,2})?") {
        if let Ok(target) = text.parse::<Target>() {
            prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
            prop_assert!(target.includes(&target));
        }
    }

    #[test]
    fn spans_survive_printing(seconds in any::<u64>()) {
        let span = Span::from_seconds(seconds);
        prop_assert_eq!(span.to_string().parse::<Span>(), Ok(span));
    }

    #[test]
    fn digests_survive_printing(raw in prop::collection::vec(any::<u8>(), 32)) {
        let digest = Digest::from_bytes(Algorithm::Sha256, &raw).unwrap();
        prop_assert_eq!(Digest::parse(&digest.to_string()), Ok(digest));
    }

    #[test]
    fn outside_text_never_panics(text in any_text()) {
        let _ = Digest::parse(&text);
        let _ = text.parse::<Span>();
        let _ = text.parse::<Target>();
        if let Err(error) = WebUrl::parse(&format!("https://user:hunter2@{text}")) {
            prop_assert!(!error.to_string().contains("hunter2") || text.contains("hunter2"));
        }
    }
}
