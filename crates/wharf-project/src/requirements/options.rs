//! The options of a requirements file, in the spellings that pip takes: `--name value`, `--name=value`, `-r value`,
//! `-rvalue`, with quotes as a shell reads them.

use std::ops::Range;

use crate::requirement::Problem;

/// What an option means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    Requirement,
    Constraint,
    Editable,
    IndexUrl,
    ExtraIndexUrl,
    NoIndex,
    FindLinks,
    NoBinary,
    OnlyBinary,
    PreferBinary,
    RequireHashes,
    Pre,
    TrustedHost,
    UseFeature,
    Hash,
    BuildSetting,
}

/// Name, short form, meaning, and whether a value follows.
pub(crate) const OPTIONS: &[(&str, Option<char>, Switch, Takes)] = &[
    ("--requirement", Some('r'), Switch::Requirement, Takes::Value),
    ("--constraint", Some('c'), Switch::Constraint, Takes::Value),
    ("--editable", Some('e'), Switch::Editable, Takes::Value),
    ("--index-url", Some('i'), Switch::IndexUrl, Takes::Value),
    ("--pypi-url", None, Switch::IndexUrl, Takes::Value),
    ("--extra-index-url", None, Switch::ExtraIndexUrl, Takes::Value),
    ("--no-index", None, Switch::NoIndex, Takes::Nothing),
    ("--find-links", Some('f'), Switch::FindLinks, Takes::Value),
    ("--no-binary", None, Switch::NoBinary, Takes::Value),
    ("--only-binary", None, Switch::OnlyBinary, Takes::Value),
    ("--prefer-binary", None, Switch::PreferBinary, Takes::Nothing),
    ("--require-hashes", None, Switch::RequireHashes, Takes::Nothing),
    ("--pre", None, Switch::Pre, Takes::Nothing),
    ("--trusted-host", None, Switch::TrustedHost, Takes::Value),
    ("--use-feature", None, Switch::UseFeature, Takes::Value),
    ("--hash", None, Switch::Hash, Takes::Value),
    ("--config-settings", Some('C'), Switch::BuildSetting, Takes::Value),
    ("--config-setting", None, Switch::BuildSetting, Takes::Value),
    ("--global-option", None, Switch::BuildSetting, Takes::Value),
    ("--install-option", None, Switch::BuildSetting, Takes::Value),
];

/// Whether a value follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Value,
    Nothing,
}

/// An option with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opt {
    pub(crate) switch: Switch,
    /// As it was written.
    pub(crate) name: String,
    /// Empty where it takes none.
    pub(crate) value: String,
    /// The bytes of the value, or of the option where it takes none.
    pub(crate) span: Range<usize>,
}

/// Splits a line at the first word that begins with `-`: the requirement, and the place of its options.
pub(crate) fn split_requirement(line: &str) -> (&str, Range<usize>) {
    let bytes = line.as_bytes();
    let option = (1..bytes.len()).find(|&at| bytes[at] == b'-' && bytes[at - 1].is_ascii_whitespace());
    let end = option.unwrap_or(line.len());
    (line[..end].trim_end(), end..line.len())
}

/// Reads the options in a part of a line.
pub(crate) fn split_options(line: &str, part: Range<usize>) -> Result<Vec<Opt>, Problem> {
    let mut words = words(line, part)?.into_iter();
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        let (name, attached) = split_word(&word);
        let known = OPTIONS.iter().find(|(long, short, ..)| {
            name == *long
                || short.is_some_and(|letter| name.strip_prefix('-') == Some(letter.encode_utf8(&mut [0; 4])))
        });
        let name_span = word.span.start..(word.span.start + name.len()).min(word.span.end);
        let Some((_, _, switch, takes)) = known else {
            return Err(if name.starts_with('-') {
                Problem::new(
                    format!("there is no option `{name}` in requirements files"),
                    name_span,
                )
            } else {
                Problem::new(format!("`{name}` cannot follow an option"), word.span.clone())
            });
        };
        let (value, span) = match (takes, attached) {
            (Takes::Nothing, None) => (String::new(), word.span.clone()),
            (Takes::Nothing, Some(_)) => {
                return Err(Problem::new(format!("`{name}` takes no value"), word.span));
            }
            (Takes::Value, Some(value)) => {
                let start = (word.span.end - value.len().min(word.span.len())).max(word.span.start);
                (value, start..word.span.end)
            }
            (Takes::Value, None) => match words.next() {
                Some(next) => (next.text, next.span),
                None => return Err(Problem::new(format!("`{name}` needs a value"), name_span)),
            },
        };
        if *takes == Takes::Value && value.is_empty() {
            return Err(Problem::new(format!("`{name}` needs a value"), name_span));
        }
        options.push(Opt {
            switch: *switch,
            name,
            value,
            span,
        });
    }
    Ok(options)
}

/// The option's name and the value attached to it (`--name=value`, `-rvalue`).
fn split_word(word: &Word) -> (String, Option<String>) {
    let text = &word.text;
    if text.starts_with("--") {
        return match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text.clone(), None),
        };
    }
    match text.char_indices().nth(2).filter(|_| text.starts_with('-')) {
        Some((at, _)) => {
            let value = &text[at..];
            (
                text[..at].to_owned(),
                Some(value.strip_prefix('=').unwrap_or(value).to_owned()),
            )
        }
        None => (text.clone(), None),
    }
}

struct Word {
    text: String,
    span: Range<usize>,
}

/// Words as a shell splits them: quotes group, and a backslash before a quote, a blank or itself is taken off.
fn words(line: &str, part: Range<usize>) -> Result<Vec<Word>, Problem> {
    let mut words: Vec<Word> = Vec::new();
    let mut current: Option<Word> = None;
    let mut quote: Option<(char, usize)> = None;
    let mut characters = line[part.clone()]
        .char_indices()
        .map(|(at, c)| (at + part.start, c))
        .peekable();
    while let Some((at, c)) = characters.next() {
        let end = at + c.len_utf8();
        match quote {
            None if c.is_whitespace() => words.extend(current.take()),
            _ => {
                let word = current.get_or_insert_with(|| Word {
                    text: String::new(),
                    span: at..end,
                });
                word.span.end = end;
                match (quote, c) {
                    (Some((open, _)), _) if open == c => quote = None,
                    (None, '"' | '\'') => quote = Some((c, at)),
                    (None | Some(('"', _)), '\\') => {
                        match characters.next_if(|(_, next)| "\\\"' \t".contains(*next)) {
                            Some((next_at, next)) => {
                                word.text.push(next);
                                word.span.end = next_at + next.len_utf8();
                            }
                            None => word.text.push(c),
                        }
                    }
                    _ => word.text.push(c),
                }
            }
        }
    }
    words.extend(current);
    match quote {
        Some((_, at)) => Err(Problem::new("this quote is not closed", at..at + 1)),
        None => Ok(words),
    }
}
