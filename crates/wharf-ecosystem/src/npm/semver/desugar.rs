//! From the text of a range to comparators: hyphens, carets, tildes and x-ranges become lower and upper bounds.
//!
//! node rewrites the text step by step with regular expressions and so gives odd texts a meaning of their own
//! (`>1.2.3 nonsense` is `>1.2.3`; `1.2.3*` is `1.2.3`). The steps here are the same, each on text only where the form of the text
//! asks for it, so that the usual `^1.2.3` is read in one pass.

use std::borrow::Cow;

use super::Strictness;
use super::grammar;
use super::range::{Comparator, Operator};
use super::version::Version;

/// Whether lower bounds without a prerelease begin at the first prerelease.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Prereleases {
    /// No: prereleases are apart, and come in only where they are named.
    Apart,
    /// Yes: `1.x` is `>=1.0.0-0 <2.0.0-0`.
    Included,
}

/// The alternatives of a range; `None` where it is none.
pub(super) fn parse(text: &str, strictness: Strictness, prereleases: Prereleases) -> Option<Vec<Box<[Comparator]>>> {
    let text = collapse_space(text);
    let reader = Reader {
        strictness,
        prereleases,
    };
    let mut alternatives = Vec::new();
    for part in text.split("||") {
        let comparators = reader.alternative(grammar::trim(part)).ok()?;
        if !comparators.is_empty() {
            alternatives.push(comparators.into_boxed_slice());
        }
    }
    if alternatives.is_empty() {
        return None;
    }
    Some(simplify(alternatives))
}

/// Alternatives that nothing satisfies go, as long as another remains; one that everything satisfies stands for all.
fn simplify(mut alternatives: Vec<Box<[Comparator]>>) -> Vec<Box<[Comparator]>> {
    if alternatives.len() < 2 {
        return alternatives;
    }
    if alternatives.iter().all(|alternative| alternative[0].is_nothing()) {
        alternatives.truncate(1);
        return alternatives;
    }
    alternatives.retain(|alternative| !alternative[0].is_nothing());
    let any = |alternative: &Box<[Comparator]>| matches!(**alternative, [Comparator::Any]);
    match alternatives.iter().position(any) {
        Some(position) => vec![alternatives.swap_remove(position)],
        None => alternatives,
    }
}

/// Every run of white space as one space, none at the ends.
fn collapse_space(text: &str) -> Cow<'_, str> {
    let text = grammar::trim(text);
    let clean = text.is_ascii()
        && !text.contains("  ")
        && !text.bytes().any(|byte| byte != b' ' && byte.is_ascii_whitespace() || byte == 0x0b);
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

struct Reader {
    strictness: Strictness,
    prereleases: Prereleases,
}

/// One to three numbers, of which any may be `x`, and a prerelease.
struct Partial<'t> {
    prefix: &'t str,
    /// The texts, empty where missing.
    numbers: [&'t str; 3],
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

    fn number(&self, position: usize) -> Result<u64, Refused> {
        if self.is_x(position) {
            return Ok(0);
        }
        grammar::value(self.numbers[position]).ok_or(Refused)
    }

    fn release(&self) -> Result<[u64; 3], Refused> {
        Ok([self.number(0)?, self.number(1)?, self.number(2)?])
    }
}

impl Reader {
    fn alternative(&self, text: &str) -> Result<Vec<Comparator>, Refused> {
        let mut text = match text.contains('+') {
            true => Cow::Owned(grammar::strip_builds(text)),
            false => Cow::Borrowed(text),
        };
        if text.contains(' ') {
            if let Some(bounds) = self.hyphen(&text) {
                text = Cow::Owned(bounds);
            }
            text = Cow::Owned(join_signs(&self.join_operators(&text)));
        }
        let mut comparators = Vec::with_capacity(2);
        for word in text.split(' ') {
            self.word(word, &mut comparators)?;
        }
        Ok(self.tidy(comparators))
    }

    /// `1.2 - 3.4.5` as `>=1.2.0 <=3.4.5`.
    fn hyphen(&self, text: &str) -> Option<String> {
        let text = grammar::trim(text);
        let from = self.partial(text, 0)?;
        let rest = text[from.end..].trim_start_matches(grammar::is_space);
        let after_space = rest.len() < text.len() - from.end;
        let to_text = rest.strip_prefix('-').filter(|_| after_space)?;
        let start = to_text.trim_start_matches(grammar::is_space);
        if start.len() == to_text.len() {
            return None;
        }
        let to = self.partial(start, 0).filter(|to| to.end == start.len())?;
        let lower = self.hyphen_lower(&text[..from.end], &from);
        let upper = self.hyphen_upper(start, &to)?;
        Some(grammar::trim(&format!("{lower} {upper}")).to_owned())
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

    fn hyphen_upper(&self, text: &str, to: &Partial<'_>) -> Option<String> {
        let next = |position: usize| grammar::value(to.numbers[position]).map(|value| value + 1);
        let [major, minor, patch] = to.numbers;
        Some(match to {
            _ if to.is_x(0) => String::new(),
            _ if to.is_x(1) => format!("<{}.0.0-0", next(0)?),
            _ if to.is_x(2) => format!("<{major}.{}.0-0", next(1)?),
            _ if !to.prerelease.is_empty() => format!("<={major}.{minor}.{patch}-{}", to.prerelease),
            _ if self.prereleases == Prereleases::Included => format!("<{major}.{minor}.{}-0", next(2)?),
            _ => format!("<={text}"),
        })
    }

    fn zero(&self) -> &'static str {
        match self.prereleases {
            Prereleases::Apart => "",
            Prereleases::Included => "-0",
        }
    }

    /// Without the white space between an operator and its version.
    fn join_operators(&self, text: &str) -> String {
        let mut joined = String::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            let space = text[at..].trim_start_matches(grammar::is_space);
            let operator_end = text.len() - split_operator(space).1.len();
            let rest = text[operator_end..].trim_start_matches(grammar::is_space);
            let version = text.len() - rest.len();
            match self.version_end(text, version) {
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
    fn version_end(&self, text: &str, from: usize) -> Option<usize> {
        let loose = Reader {
            strictness: Strictness::Loose,
            prereleases: self.prereleases,
        };
        let whole = |found: &Partial<'_>| found.numbers.iter().all(|text| text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty());
        loose
            .partial(text, from)
            .filter(whole)
            .or_else(|| Reader { strictness: Strictness::Strict, ..loose }.partial(text, from))
            .map(|found| found.end)
    }

    /// The longest partial version at a position.
    fn partial<'t>(&self, text: &'t str, from: usize) -> Option<Partial<'t>> {
        let bytes = text.as_bytes();
        let start = grammar::skip_prefix(text, from);
        let mut end = grammar::number_or_x(bytes, start, self.strictness)?;
        let mut numbers = [&text[start..end], "", ""];
        let mut prerelease = "";
        for number in numbers.iter_mut().skip(1) {
            let next = match bytes.get(end) {
                Some(b'.') => grammar::number_or_x(bytes, end + 1, self.strictness),
                _ => None,
            };
            let Some(next) = next else { break };
            *number = &text[end + 1..next];
            end = next;
        }
        if !numbers[2].is_empty()
            && let Some((from, to)) = grammar::prerelease(bytes, end, self.strictness)
        {
            prerelease = &text[from..to];
            end = to;
        }
        Some(Partial {
            prefix: &text[from..start],
            numbers,
            prerelease,
            end,
        })
    }

    /// The partial version that is the whole of `text`.
    fn whole<'t>(&self, text: &'t str) -> Option<Partial<'t>> {
        self.partial(text, 0).filter(|partial| partial.end == text.len())
    }

    /// One word of an alternative as comparators.
    fn word(&self, word: &str, comparators: &mut Vec<Comparator>) -> Result<(), Refused> {
        if word.is_empty() {
            comparators.push(Comparator::Any);
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
    fn after_star(&self, word: &str, comparators: &mut Vec<Comparator>) -> Result<(), Refused> {
        let word = without_star(word);
        if word.is_empty() {
            comparators.push(Comparator::Any);
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
    fn caret(&self, partial: &Partial<'_>, comparators: &mut Vec<Comparator>) -> Result<(), Refused> {
        if partial.is_x(0) {
            comparators.push(Comparator::Any);
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
    fn tilde(&self, partial: &Partial<'_>, comparators: &mut Vec<Comparator>) -> Result<(), Refused> {
        if partial.is_x(0) {
            comparators.push(Comparator::Any);
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
    fn between(&self, partial: &Partial<'_>, upper: [u64; 3], comparators: &mut Vec<Comparator>) -> Result<(), Refused> {
        let [major, minor, patch] = partial.release()?;
        let lower = match partial {
            _ if partial.is_x(1) => self.at_least([major, 0, 0]),
            _ if partial.is_x(2) => self.at_least([major, minor, 0]),
            _ => bound(Operator::GreaterOrEqual, [major, minor, patch], partial.prerelease),
        };
        comparators.push(lower?);
        comparators.push(below(upper)?);
        Ok(())
    }

    /// The lower bound of numbers that were filled up with zeros.
    fn at_least(&self, release: [u64; 3]) -> Result<Comparator, Refused> {
        bound(Operator::GreaterOrEqual, release, self.zero().trim_start_matches('-'))
    }

    /// An operator, or none, before a partial version.
    fn bound(&self, operator: &str, partial: &Partial<'_>, comparators: &mut Vec<Comparator>) -> Result<(), Refused> {
        if (0..3).all(|position| !partial.is_x(position)) {
            return self.full(operator, partial, comparators);
        }
        if partial.is_x(0) {
            comparators.push(match operator {
                "<" | ">" => below([0, 0, 0])?,
                _ => Comparator::Any,
            });
            return Ok(());
        }
        let [major, minor, _] = partial.release()?;
        let next = match partial.is_x(1) {
            true => [major + 1, 0, 0],
            false => [major, minor + 1, 0],
        };
        match operator {
            ">" => comparators.push(self.at_least(next)?),
            ">=" => comparators.push(self.at_least([major, minor, 0])?),
            "<" => comparators.push(below([major, minor, 0])?),
            "<=" => comparators.push(below(next)?),
            _ => {
                comparators.push(self.at_least([major, minor, 0])?);
                comparators.push(below(next)?);
            }
        }
        Ok(())
    }

    /// An operator, or none, before a whole version.
    fn full(&self, operator: &str, partial: &Partial<'_>, comparators: &mut Vec<Comparator>) -> Result<(), Refused> {
        if self.strictness == Strictness::Strict && !matches!(partial.prefix, "" | "v") {
            return Err(Refused);
        }
        let operator = match operator {
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            _ => Operator::Equal,
        };
        comparators.push(bound(operator, partial.release()?, partial.prerelease)?);
        Ok(())
    }

    /// Without what says nothing: `*` and `>=0.0.0` beside other comparators, and comparators that stand twice.
    fn tidy(&self, comparators: Vec<Comparator>) -> Vec<Comparator> {
        let mut kept: Vec<Comparator> = Vec::with_capacity(comparators.len());
        for comparator in comparators {
            let comparator = match self.is_everything(&comparator) {
                true => Comparator::Any,
                false => comparator,
            };
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

    fn is_everything(&self, comparator: &Comparator) -> bool {
        let lowest = match self.prereleases {
            Prereleases::Apart => "0.0.0",
            Prereleases::Included => "0.0.0-0",
        };
        match comparator {
            Comparator::Bound(Operator::GreaterOrEqual, version) => version.as_str() == lowest,
            Comparator::Bound(..) | Comparator::Any => false,
        }
    }
}

/// No number after an `x`.
fn in_order(partial: &Partial<'_>) -> bool {
    !(partial.is_x(0) && !partial.is_x(1) || partial.is_x(1) && !partial.is_x(2))
}

fn below(release: [u64; 3]) -> Result<Comparator, Refused> {
    bound(Operator::Less, release, "0")
}

fn bound(operator: Operator, release: [u64; 3], prerelease: &str) -> Result<Comparator, Refused> {
    if release.iter().any(|number| *number > grammar::MAX_NUMBER) {
        return Err(Refused);
    }
    Ok(Comparator::Bound(operator, Version::from_parts(release, prerelease)))
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
        rest = if trimmed.len() < candidate.len() { trimmed } else { after };
    }
    joined.push_str(rest);
    joined
}
