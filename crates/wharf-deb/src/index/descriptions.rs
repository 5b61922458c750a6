//! Lists of long descriptions (`Translation-en`) as an index of names with texts. Source: the repository format of the Debian wiki.
//!
//! A stanza there has a package's name, the digest of its description in English, and the description in some language. Written as `Packages`
//! has it, it is a package whose version is that digest, and its index is searched as any other.

use memchr::memchr;

use super::Builder;

/// What a stanza names, and what the same is in `Packages`.
const FIELDS: [(&[u8], &[u8]); 2] = [
    (b"Description-md5:", b"Architecture: all\nVersion: 0+"),
    (b"Description-en:", b"Description: "),
];

/// Makes an index of such a list, a piece at a time. Invariant: the same pieces, cut anywhere, give the same index.
#[derive(Default)]
pub struct Descriptions {
    builder: Builder,
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
}

impl Descriptions {
    /// Takes the next bytes of the list.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut text = Vec::with_capacity(bytes.len() + bytes.len() / 8);
        let mut bytes = bytes;
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end + 1);
            if self.rest.is_empty() {
                put(&mut text, line);
            } else {
                self.rest.extend_from_slice(line);
                put(&mut text, &self.rest);
                self.rest.clear();
            }
            bytes = rest;
        }
        self.rest.extend_from_slice(bytes);
        self.builder.push(&text);
    }

    /// What was taken, to be finished as any index.
    pub fn into_builder(mut self) -> Builder {
        let mut text = Vec::new();
        put(&mut text, &self.rest);
        self.builder.push(&text);
        self.builder
    }
}

fn put(text: &mut Vec<u8>, line: &[u8]) {
    let known = FIELDS
        .iter()
        .find_map(|(field, other)| Some((*other, line.strip_prefix(*field)?)));
    match known {
        Some((other, rest)) => {
            text.extend_from_slice(other);
            text.extend_from_slice(rest.trim_ascii_start());
        }
        None => text.extend_from_slice(line),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Index, Place};
    use super::*;

    const LIST: &str = "Package: aa\nDescription-md5: 00\nDescription-en: short\n at length\n .\n and more\n\n\
        Package: bb\nDescription-md5: 01\nDescription-en: other\n at last\n\nDescription-md5: 02\n\n\
        Package: aa\nDescription-md5: 03\nDescription-en: short\n another version";

    fn made(pieces: &[&str]) -> Index {
        let mut descriptions = Descriptions::default();
        pieces
            .iter()
            .for_each(|piece| descriptions.push(piece.as_bytes()));
        let built = descriptions
            .into_builder()
            .finish([0; 32])
            .expect("a small list fits");
        assert_eq!(built.skipped_count, 1);
        Index::open(built.bytes).expect("what was just built is whole")
    }

    #[test]
    fn words_are_found_in_long_descriptions() {
        let index = made(&[LIST]);
        let found = |words: &[&str]| -> Vec<_> {
            let hits = index.search(words).into_iter();
            hits.map(|hit| (index.record(hit.record).name(), hit.place))
                .collect()
        };
        assert_eq!(found(&["length"]), [("aa", Place::Description)]);
        assert_eq!(found(&["last"]), [("bb", Place::Description)]);
        assert_eq!(found(&["another"]), [("aa", Place::Description)]);
        assert_eq!(found(&["short"]), [("aa", Place::Summary)]);
        assert_eq!(found(&["aa"]), [("aa", Place::Exact)]);
    }

    #[test]
    fn pieces_may_be_cut_anywhere() {
        let whole = format!("{:?}", made(&[LIST]));
        for at in (0..LIST.len()).step_by(7) {
            let (one, two) = LIST.split_at(at);
            assert_eq!(format!("{:?}", made(&[one, two])), whole, "{at}");
        }
    }
}
