//! The forms in which a shelf is written down. Invariant: all of them say the same.

use shelf::Shelf;

#[test]
fn json_and_toml_say_the_same() {
    let json = r#"{"books": [{"title": "Oblomov", "pages": 576}]}"#;
    let toml = "[[books]]\ntitle = \"Oblomov\"\npages = 576\n";
    let shelf = Shelf::from_json(json).unwrap();
    assert_eq!(shelf, toml::from_str(toml).unwrap());
    assert_eq!(shelf.pages(), 576);
}
