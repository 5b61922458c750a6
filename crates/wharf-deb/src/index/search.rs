//! Words in names and descriptions.
//!
//! The texts of all records lie next to each other, so that a search is one pass over some megabytes and no loop over
//! packages. Invariant: letters of ASCII match in either case; a match never reaches from one text into the next; hits
//! come best first, and of one name only its highest version is told.

use memchr::memmem;

use super::layout::{NAME, Section, record as at};
use super::{Index, NameId, RecordId};

/// Where a word was found, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Place {
    /// It is the name.
    Exact = 0,
    /// The name begins with it.
    Prefix = 1,
    /// The name has it.
    Name = 2,
    /// The summary has it.
    Summary = 3,
    /// The long description has it.
    Description = 4,
}

/// A package that has all words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its highest version.
    pub record: RecordId,
    /// Where the word is that was found in the least good place.
    pub place: Place,
}

/// Stands for a word that was not found.
const NOWHERE: u8 = u8::MAX;

impl Index {
    /// The packages that have all of these words in their names, summaries or descriptions; best first, and by name among
    /// equals. No words find everything.
    pub fn search(&self, words: &[&str]) -> Vec<Hit> {
        let words: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
        let mut places = vec![0; self.len()];
        let texts = Lowered::of(self);
        for word in words.iter().filter(|word| !word.is_empty()) {
            for (place, found) in places.iter_mut().zip(self.find_word(word, &texts)) {
                *place = found.max(*place);
            }
        }
        let mut hits: Vec<Hit> = self
            .names()
            .filter_map(|name| {
                // What any version says counts, and the highest is told.
                let known = self.versions(name);
                let best = known
                    .clone()
                    .filter_map(|record| places.get(record.0 as usize))
                    .min()?;
                let (record, place) = (known.clone().next()?, place_of(*best)?);
                Some(Hit { record, place })
            })
            .collect();
        hits.sort_by_cached_key(|hit| (hit.place, self.record(hit.record).name()));
        hits
    }

    /// The best place of a word in each record.
    fn find_word(&self, word: &str, texts: &Lowered) -> Vec<u8> {
        let mut places = vec![NOWHERE; self.len()];
        let finder = memmem::Finder::new(word);
        let mut found = |record: u32, place: Place| {
            if let Some(known) = places.get_mut(record as usize) {
                *known = (*known).min(place as u8);
            }
        };
        let names = |number: u32| self.starts(Section::Names, NAME, 0, number).start;
        each_match(
            &texts.names,
            &finder,
            self.names,
            names,
            |number, start, length| {
                let place = match (start, length == word.len()) {
                    (0, true) => Place::Exact,
                    (0, false) => Place::Prefix,
                    _ => Place::Name,
                };
                for record in self.versions(NameId(number)) {
                    found(record.0, place);
                }
            },
        );
        for (text, field, place) in [
            (&texts.summaries, at::SUMMARY, Place::Summary),
            (&texts.descriptions, at::DESCRIPTION, Place::Description),
        ] {
            let starts = |number: u32| self.start_of(field, number);
            each_match(text, &finder, self.records, starts, |number, _, _| {
                found(number, place);
            });
        }
        places
    }

    fn start_of(&self, field: usize, record: u32) -> usize {
        let row = (record as usize).saturating_mul(at::ROW).saturating_add(field);
        super::u32_at(self.section(Section::Records), row) as usize
    }
}

/// Texts in lower case.
struct Lowered {
    names: Vec<u8>,
    summaries: Vec<u8>,
    descriptions: Vec<u8>,
}

impl Lowered {
    fn of(index: &Index) -> Self {
        Self {
            names: index.section(Section::NameText).to_ascii_lowercase(),
            summaries: index.section(Section::Summaries).to_ascii_lowercase(),
            descriptions: index.section(Section::Descriptions).to_ascii_lowercase(),
        }
    }
}

fn place_of(number: u8) -> Option<Place> {
    [
        Place::Exact,
        Place::Prefix,
        Place::Name,
        Place::Summary,
        Place::Description,
    ]
    .get(usize::from(number))
    .copied()
}

/// Calls with the number of each of `count` texts that has the word, where in it the word is first, and its length.
fn each_match(
    texts: &[u8],
    finder: &memmem::Finder<'_>,
    count: u32,
    start_of: impl Fn(u32) -> usize,
    mut each: impl FnMut(u32, usize, usize),
) {
    let mut from = 0;
    let mut number = 0;
    while let Some(at) = texts.get(from..).and_then(|rest| finder.find(rest)) {
        let at = from + at;
        // The last text that begins at or before the match.
        number = last_at_or_before(number, count, at, &start_of);
        let (start, next) = (start_of(number), start_of(number + 1));
        if at >= start && at + finder.needle().len() <= next {
            each(number, at - start, next - start);
            from = next;
        } else {
            from = at + 1;
        }
    }
}

fn last_at_or_before(from: u32, count: u32, at: usize, start_of: &impl Fn(u32) -> usize) -> u32 {
    let (mut low, mut high) = (from, count);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        match start_of(middle) <= at {
            true => low = middle,
            false => high = middle,
        }
    }
    low
}
