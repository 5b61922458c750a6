//! From the text of a range to comparators: hyphens, carets, tildes and x-ranges become lower and upper bounds.
//!
//! node rewrites the text step by step with regular expressions and so gives odd texts a meaning of their own
//! (`>1.2.3 nonsense` is `>1.2.3`; `1.2.3*` is `1.2.3`). The steps here are the same, each on text only where the form of the text
//! asks for it, so that the usual `^1.2.3` is read in one pass.

use std::borrow::Cow;
use std::cell::Cell;

use super::Strictness;
use super::grammar;
use super::range::{Comparator, Operator};
use super::version::Version;

/// Whether lower bounds without a prerelease begin at the first prerelease.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prereleases {
    /// No: prereleases are apart, and come in only where they are named.
    Apart,
    /// Yes: `1.x` is `>=1.0.0-0 <2.0.0-0`.
    Included,
}

type Alternatives = Vec<Box<[Comparator]>>;

/// The alternatives of a range, and those with prereleases included where they differ; `None` where it is no range.
pub(super) fn parse(text: &str, strictness: Strictness) -> Option<(Alternatives, Option<Alternatives>)> {
    let text = collapse_space(text);
    let mut reader = Reader {
        strictness,
        prereleases: Prereleases::Apart,
        included_differ: Cell::new(false),
    };
    let apart = reader.range(&text)?;
    if !reader.included_differ.get() {
        return Some((apart, None));
    }
    reader.prereleases = Prereleases::Included;
    // An upper bound may be one number too high with prereleases only.
    let included = reader.range(&text).filter(|included| *included != apart);
    Some((apart, included))
}

/// Alternatives that nothing satisfies go, as long as another remains; one that everything satisfies stands for all.
fn simplify(mut alternatives: Alternatives) -> Alternatives {
    if alternatives.len() < 2 {
        return alternatives;
    }
    if alternatives.iter().all(|alternative| alternative[0].is_nothing()) {
        alternatives.truncate(1);
        return alternatives;
    }
    alternatives.retain(|alternative| !alternative[0].is_nothing());
    let any = |alternative: &[Comparator]| matches!(alternative, [Comparator::Any]);
    match alternatives.iter().position(|alternative| any(alternative)) {
        Some(position) => vec![alternatives.swap_remove(position)],
        None => alternatives,
    }
}

/// Every run of white space as one space, none at the ends.
fn collapse_space(text: &str) -> Cow<'_, str> {
    let text = grammar::trim(text);
    let clean = text.is_ascii()
        && !text.contains("  ")
        && !text
            .bytes()
            .any(|byte| byte != b' ' && byte.is_ascii_whitespace() || byte == 0x0b);
    if clean {
        return Cow::Borrowed(text);
    }
    let mut collapsed = String::with_capacity(text.len());
    for word in text.split(grammar::is_space).filter(|word| !word.is_empty()) {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    Cow::Owned(collapsed)
}

/// A number in a range was too great, or, strictly, something was no comparator.
struct Refused;

/// The comparators of an alternative.
struct Comparators {
    kept: Vec<Comparator>,
    /// Whether the word that is read is the first or the last.
    at_edge: bool,
}

impl Comparators {
    fn push(&mut self, comparator: Comparator) {
        self.kept.push(comparator);
    }

    /// A word that allows everything. Between others it is no more than white space: if they are all nonsense, so is the whole.
    fn push_star(&mut self) {
        if self.at_edge {
            self.kept.push(Comparator::Any);
        }
    }
}

struct Reader {
    strictness: Strictness,
    prereleases: Prereleases,
    /// Whether something was read whose meaning depends on `prereleases`.
    included_differ: Cell<bool>,
}

/// One to three numbers, of which any may be `x`, and a prerelease.
struct Partial<'t> {
    prefix: &'t str,
    /// The texts, empty where missing.
    numbers: [&'t str; 3],
    /// Where the third number starts, if there are three.
    third_start: usize,
    prerelease: &'t str,
    end: usize,
}

impl Partial<'_> {
    fn is_x(&self, position: usize) -> bool {
        matches!(self.numbers[position], "" | "x" | "X" | "*")
    }

    fn is_zero(&self, position: usize) -> bool {
        self.numbers[position] == "0"
    }

    /// The numbers, zero from the first `x` on.
    fn release(&self) -> Result<[u64; 3], Refused> {
        let mut release = [0; 3];
        let stated = (0..3).take_while(|position| !self.is_x(*position));
        for position in stated {
            release[position] = grammar::value(self.numbers[position]).ok_or(Refused)?;
        }
        Ok(release)
    }

    /// Whether all its numbers are written `0`, up to the first `x`.
    fn is_all_zero(&self) -> bool {
        (0..3)
            .take_while(|position| !self.is_x(*position))
            .all(|position| self.is_zero(position))
    }
}

impl Reader {
    fn range(&self, text: &str) -> Option<Alternatives> {
        let mut alternatives = Vec::new();
        for part in text.split("||") {
            let comparators = self.alternative(grammar::trim(part)).ok()?;
            if !comparators.is_empty() {
                alternatives.push(comparators.into_boxed_slice());
            }
        }
        (!alternatives.is_empty()).then(|| simplify(alternatives))
    }

    fn alternative(&self, text: &str) -> Result<Vec<Comparator>, Refused> {
        let mut text = match text.contains('+') {
            true => Cow::Owned(grammar::strip_builds(text)),
            false => Cow::Borrowed(text),
        };
        if text.contains(' ') {
            if let Some(bounds) = self.hyphen(&text)? {
                text = Cow::Owned(bounds);
            }
            text = Cow::Owned(join_signs(&join_operators(&text)));
        }
        let mut read = Comparators {
            kept: Vec::with_capacity(2),
            at_edge: true,
        };
        let mut words = text.split(' ').peekable();
        while let Some(word) = words.next() {
            read.at_edge |= words.peek().is_none();
            self.word(word, &mut read)?;
            read.at_edge = false;
        }
        Ok(tidy(read.kept))
    }

    /// `1.2 - 3.4.5` as `>=1.2.0 <=3.4.5`.
    fn hyphen(&self, text: &str) -> Result<Option<String>, Refused> {
        let text = grammar::trim(text);
        let Some(hyphen) = text.find(" - ") else {
            return Ok(None);
        };
        let from_text = text[..hyphen].trim_end_matches(grammar::is_space);
        let to_text = text[hyphen + 2..].trim_start_matches(grammar::is_space);
        let (Some(from), Some(to)) = (self.whole(from_text), self.whole(to_text)) else {
            return Ok(None);
        };
        let lower = self.hyphen_lower(from_text, &from);
        let upper = self.hyphen_upper(to_text, &to)?;
        Ok(Some(grammar::trim(&format!("{lower} {upper}")).to_owned()))
    }

    fn hyphen_lower(&self, text: &str, from: &Partial<'_>) -> String {
        let zero = self.zero();
        let [major, minor, _] = from.numbers;
        match from {
            _ if from.is_x(0) => String::new(),
            _ if from.is_x(1) => format!(">={major}.0.0{zero}"),
            _ if from.is_x(2) => format!(">={major}.{minor}.0{zero}"),
            _ if !from.prerelease.is_empty() => format!(">={text}"),
            _ => format!(">={text}{zero}"),
        }
    }

    fn hyphen_upper(&self, text: &str, to: &Partial<'_>) -> Result<String, Refused> {
        let next = |position: usize| match grammar::value(to.numbers[position]) {
            Some(value) => Ok(value + 1),
            None => Err(Refused),
        };
        let [major, minor, patch] = to.numbers;
        Ok(match to {
            _ if to.is_x(0) => String::new(),
            _ if to.is_x(1) => format!("<{}.0.0-0", next(0)?),
            _ if to.is_x(2) => format!("<{major}.{}.0-0", next(1)?),
            _ if !to.prerelease.is_empty() => format!("<={major}.{minor}.{patch}-{}", to.prerelease),
            _ if self.prereleases == Prereleases::Included => format!("<{major}.{minor}.{}-0", next(2)?),
            _ => format!("<={text}"),
        })
    }

    fn zero(&self) -> &'static str {
        self.included_differ.set(true);
        match self.prereleases {
            Prereleases::Apart => "",
            Prereleases::Included => "-0",
        }
    }

    /// The partial version that is the whole of `text`.
    fn whole<'t>(&self, text: &'t str) -> Option<Partial<'t>> {
        let mut found = partial(text, 0, self.strictness)?;
        if found.end == text.len() {
            return Some(found);
        }
        if self.strictness == Strictness::Strict || found.numbers[2].is_empty() {
            return None;
        }
        let third = found.third_start..found.third_start + found.numbers[2].len();
        let (number_end, start) =
            grammar::loose_tail(text.as_bytes(), third.clone(), |end| end == text.len())?;
        found.numbers[2] = &text[third.start..number_end];
        found.prerelease = &text[start..];
        found.end = text.len();
        Some(found)
    }

    /// One word of an alternative as comparators.
    fn word(&self, word: &str, comparators: &mut Comparators) -> Result<(), Refused> {
        if word.is_empty() {
            comparators.push_star();
            return Ok(());
        }
        if let Some(partial) = word.strip_prefix('^').and_then(|rest| self.whole(rest)) {
            return self.caret(&partial, comparators);
        }
        if let Some(partial) = tilde_rest(word).and_then(|rest| self.whole(rest)) {
            return self.tilde(&partial, comparators);
        }
        let (operator, rest) = split_operator(word);
        match self.whole(rest) {
            Some(partial) if in_order(&partial) => self.bound(operator, &partial, comparators),
            _ => self.after_star(word, comparators),
        }
    }

    /// What is neither caret, tilde nor x-range: the first star in it counts for nothing.
    fn after_star(&self, word: &str, comparators: &mut Comparators) -> Result<(), Refused> {
        let word = without_star(word);
        if word.is_empty() {
            comparators.push_star();
            return Ok(());
        }
        let (operator, rest) = split_operator(&word);
        match self.whole(rest) {
            Some(partial) if (0..3).all(|position| !partial.is_x(position)) => {
                self.full(operator, &partial, comparators)
            }
            _ => self.nonsense(),
        }
    }

    /// What is no comparator is left out where the text may be loose.
    fn nonsense(&self) -> Result<(), Refused> {
        match self.strictness {
            Strictness::Strict => Err(Refused),
            Strictness::Loose => Ok(()),
        }
    }

    /// `^1.2.3`: up to where the first number that is not zero changes.
    fn caret(&self, partial: &Partial<'_>, comparators: &mut Comparators) -> Result<(), Refused> {
        if partial.is_x(0) {
            comparators.push_star();
            return Ok(());
        }
        let [major, minor, patch] = partial.release()?;
        let upper = match partial {
            _ if partial.is_x(1) || !partial.is_zero(0) => [major + 1, 0, 0],
            _ if partial.is_x(2) || !partial.is_zero(1) => [major, minor + 1, 0],
            _ => [major, minor, patch + 1],
        };
        self.between(partial, upper, comparators)
    }

    /// `~1.2.3`: up to where the second number changes, or the first where there is no second.
    fn tilde(&self, partial: &Partial<'_>, comparators: &mut Comparators) -> Result<(), Refused> {
        if partial.is_x(0) {
            comparators.push_star();
            return Ok(());
        }
        let [major, minor, _] = partial.release()?;
        let upper = match partial.is_x(1) {
            true => [major + 1, 0, 0],
            false => [major, minor + 1, 0],
        };
        self.between(partial, upper, comparators)
    }

    /// At least what the partial version says, and below `upper` with all its prereleases.
    fn between(
        &self,
        partial: &Partial<'_>,
        upper: [u64; 3],
        comparators: &mut Comparators,
    ) -> Result<(), Refused> {
        let [major, minor, patch] = partial.release()?;
        comparators.push(match partial.is_x(2) || partial.is_x(1) {
            true => self.filled_up([major, minor, patch], partial)?,
            false => self.at_least([major, minor, patch], partial.prerelease, partial)?,
        });
        comparators.push(below(upper)?);
        Ok(())
    }

    /// The lower bound of numbers that were filled up with zeros.
    fn filled_up(&self, release: [u64; 3], partial: &Partial<'_>) -> Result<Comparator, Refused> {
        self.at_least(release, self.zero().trim_start_matches('-'), partial)
    }

    /// A lower bound; every version, where it is the lowest and written as such.
    fn at_least(
        &self,
        release: [u64; 3],
        prerelease: &str,
        partial: &Partial<'_>,
    ) -> Result<Comparator, Refused> {
        if release == [0, 0, 0] && partial.is_all_zero() && matches!(prerelease, "" | "0") {
            self.included_differ.set(true);
            if (prerelease == "0") == (self.prereleases == Prereleases::Included) {
                return Ok(Comparator::Any);
            }
        }
        bound(Operator::GreaterOrEqual, release, prerelease)
    }

    /// An operator, or none, before a partial version.
    fn bound(
        &self,
        operator: &str,
        partial: &Partial<'_>,
        comparators: &mut Comparators,
    ) -> Result<(), Refused> {
        if (0..3).all(|position| !partial.is_x(position)) {
            return self.full(operator, partial, comparators);
        }
        if partial.is_x(0) {
            match operator {
                "<" | ">" => comparators.push(below([0, 0, 0])?),
                _ => comparators.push_star(),
            }
            return Ok(());
        }
        let [major, minor, _] = partial.release()?;
        let next = match partial.is_x(1) {
            true => [major + 1, 0, 0],
            false => [major, minor + 1, 0],
        };
        match operator {
            ">" => comparators.push(self.filled_up(next, partial)?),
            ">=" => comparators.push(self.filled_up([major, minor, 0], partial)?),
            "<" => comparators.push(below([major, minor, 0])?),
            "<=" => comparators.push(below(next)?),
            _ => {
                comparators.push(self.filled_up([major, minor, 0], partial)?);
                comparators.push(below(next)?);
            }
        }
        Ok(())
    }

    /// An operator, or none, before a whole version.
    fn full(
        &self,
        operator: &str,
        partial: &Partial<'_>,
        comparators: &mut Comparators,
    ) -> Result<(), Refused> {
        if self.strictness == Strictness::Strict && !matches!(partial.prefix, "" | "v") {
            return Err(Refused);
        }
        let release = partial.release()?;
        let operator = match operator {
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" if partial.prefix.is_empty() => {
                comparators.push(self.at_least(release, partial.prerelease, partial)?);
                return Ok(());
            }
            ">=" => Operator::GreaterOrEqual,
            _ => Operator::Equal,
        };
        comparators.push(bound(operator, release, partial.prerelease)?);
        Ok(())
    }
}

/// Without what says nothing: `*` beside other comparators, and comparators that stand twice.
fn tidy(comparators: Vec<Comparator>) -> Vec<Comparator> {
    let mut kept: Vec<Comparator> = Vec::with_capacity(comparators.len());
    for comparator in comparators {
        if comparator.is_nothing() {
            return vec![comparator];
        }
        if !kept.contains(&comparator) {
            kept.push(comparator);
        }
    }
    if kept.len() > 1 {
        kept.retain(|comparator| *comparator != Comparator::Any);
    }
    kept
}

/// The longest partial version at a position.
fn partial(text: &str, from: usize, strictness: Strictness) -> Option<Partial<'_>> {
    let bytes = text.as_bytes();
    let start = grammar::skip_prefix(text, from);
    let mut end = grammar::number_or_x(bytes, start, strictness)?;
    let mut numbers = [&text[start..end], "", ""];
    let mut third_start = end;
    for number in numbers.iter_mut().skip(1) {
        let next = match bytes.get(end) {
            Some(b'.') => grammar::number_or_x(bytes, end + 1, strictness),
            _ => None,
        };
        let Some(next) = next else { break };
        *number = &text[end + 1..next];
        third_start = end + 1;
        end = next;
    }
    let mut prerelease = "";
    if !numbers[2].is_empty()
        && let Some((from, to)) = grammar::prerelease(bytes, end, strictness)
    {
        prerelease = &text[from..to];
        end = to;
    }
    Some(Partial {
        prefix: &text[from..start],
        numbers,
        third_start,
        prerelease,
        end,
    })
}

/// No number after an `x`.
fn in_order(partial: &Partial<'_>) -> bool {
    let follows = |earlier, later| !partial.is_x(earlier) || partial.is_x(later);
    follows(0, 1) && follows(1, 2)
}

fn below(release: [u64; 3]) -> Result<Comparator, Refused> {
    bound(Operator::Less, release, "0")
}

fn bound(operator: Operator, release: [u64; 3], prerelease: &str) -> Result<Comparator, Refused> {
    if release.iter().any(|number| *number > grammar::MAX_NUMBER) {
        return Err(Refused);
    }
    Ok(Comparator::Bound(
        operator,
        Version::from_parts(release, prerelease),
    ))
}

/// The operator that a text starts with, and the rest.
fn split_operator(text: &str) -> (&str, &str) {
    let sign = usize::from(text.starts_with(['<', '>']));
    let length = sign + usize::from(text[sign..].starts_with('='));
    text.split_at(length)
}

/// What follows `~` or `~>`.
fn tilde_rest(word: &str) -> Option<&str> {
    let rest = word.strip_prefix('~')?;
    Some(rest.strip_prefix('>').unwrap_or(rest))
}

/// Without the first star and the operator before it.
fn without_star(word: &str) -> Cow<'_, str> {
    let Some(star) = word.find('*') else {
        return Cow::Borrowed(word);
    };
    let mut before = &word[..star];
    before = before.strip_suffix('=').unwrap_or(before);
    before = before.strip_suffix(['<', '>']).unwrap_or(before);
    Cow::Owned(format!("{before}{}", &word[star + 1..]))
}

/// Without the white space between an operator and its version.
fn join_operators(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let space = text[at..].trim_start_matches(grammar::is_space);
        let operator_end = text.len() - split_operator(space).1.len();
        let rest = text[operator_end..].trim_start_matches(grammar::is_space);
        let version = text.len() - rest.len();
        match version_end(text, version) {
            Some(end) => {
                joined.push_str(&text[at..operator_end]);
                joined.push_str(&text[version..end]);
                at = end;
            }
            None => {
                let next = text[at..].chars().next().map_or(1, char::len_utf8);
                joined.push_str(&text[at..at + next]);
                at += next;
            }
        }
    }
    joined
}

/// The end of the version, whole or partial, at a position: of the loose form if there are three numbers.
fn version_end(text: &str, from: usize) -> Option<usize> {
    let whole = |found: &Partial<'_>| {
        found
            .numbers
            .iter()
            .all(|own| own.starts_with(|c: char| c.is_ascii_digit()))
    };
    let loose = partial(text, from, Strictness::Loose)?;
    if whole(&loose) {
        return Some(loose.end);
    }
    match partial(text, from, Strictness::Strict) {
        Some(strict) => Some(strict.end),
        // Of `01` node takes the zero here.
        None => Some(grammar::skip_prefix(text, from) + 1),
    }
}

/// Without the white space after `~`, `~>` and `^`.
fn join_signs(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(sign) = rest.find(['~', '^']) {
        joined.push_str(&rest[..=sign]);
        let is_tilde = rest.as_bytes()[sign] == b'~';
        let after = &rest[sign + 1..];
        let arrow = after.strip_prefix('>').filter(|_| is_tilde);
        let candidate = arrow.unwrap_or(after);
        let trimmed = candidate.trim_start_matches(grammar::is_space);
        rest = if trimmed.len() < candidate.len() {
            trimmed
        } else {
            after
        };
    }
    joined.push_str(rest);
    joined
}
