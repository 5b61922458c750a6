//! Words in long descriptions, which large archives keep apart from their packages.

use wharf_testkit::{DebPackage, DebSuite};

use super::Case;

#[test]
fn words_of_long_descriptions_are_found_where_they_lie_apart() {
    let case = Case::new(&["plain"]);
    case.repository.change("stable", DebSuite::translations);
    DebPackage::new("plain", "1")
        .description("a summary\n with a most peculiar word")
        .publish(&case.repository);
    DebPackage::new("other", "1")
        .description("a summary\n with nothing")
        .publish(&case.repository);
    let locked = case.run(&["lock"]);
    assert!(locked.status.success(), "{}", locked.stderr);
    let asked = || case.repository.hits_below("/debian/dists/stable/main/i18n/");
    assert_eq!(asked(), 0, "nobody searched");
    let found = |word: &str| {
        let said = case.json(&["search", word]);
        let packages = said["result"]["packages"].as_array().cloned().unwrap_or_default();
        let names = packages
            .iter()
            .map(|package| package["package"].as_str().unwrap_or_default().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(found("peculiar"), ["deb:plain"]);
    let once = asked();
    assert!(once > 0, "the list of descriptions was fetched");
    assert_eq!(found("nothing"), ["deb:other"]);
    assert_eq!(asked(), once, "and its index kept");
    assert_eq!(found("unheard").len(), 0);
}
