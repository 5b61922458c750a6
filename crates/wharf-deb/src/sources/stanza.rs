//! `.sources` files: fields, of which types, URIs, suites and components have several words.

use super::{InvalidSource, Kind, Source, Suite, check_components, check_uri, truth};
use crate::deb822::{self, Field, Stanza};

/// What fields are called in `.list` files, where they have another name there.
const OPTIONS: [(&str, &str); 5] = [
    ("Architectures", "arch"),
    ("Architectures-Add", "arch+"),
    ("Architectures-Remove", "arch-"),
    ("Languages", "lang"),
    ("Targets", "target"),
];

pub(super) fn parse(bytes: &[u8]) -> Vec<Result<Source, InvalidSource>> {
    deb822::stanzas(bytes)
        .flat_map(|stanza| match stanza {
            Err(error) => vec![Err(InvalidSource {
                line: error.line,
                reason: error.reason,
            })],
            Ok(stanza) => match read(&stanza) {
                Ok(sources) => sources.into_iter().map(Ok).collect(),
                Err((line, reason)) => vec![Err(InvalidSource { line, reason })],
            },
        })
        .collect()
}

/// A line, and what is wrong there.
type Wrong = (usize, String);

fn read(stanza: &Stanza<'_>) -> Result<Vec<Source>, Wrong> {
    let line = stanza.line();
    let required = |name: &str| {
        let field = stanza.get(name).filter(|field| field.words().next().is_some());
        field.ok_or_else(|| (line, format!("there is no field `{name}`")))
    };
    let (types, uris, suites) = (required("Types")?, required("URIs")?, required("Suites")?);
    let components: Vec<String> = stanza
        .get("Components")
        .map(|field| field.words().map(str::to_owned).collect())
        .unwrap_or_default();
    let mut sources = Vec::new();
    for kind in types.words() {
        let kind = Kind::parse(kind)
            .ok_or_else(|| (types.line, format!("`{kind}` is neither `deb` nor `deb-src`")))?;
        for uri in uris.words() {
            check_uri(uri).map_err(|reason| (uris.line, reason))?;
            for suite in suites.words() {
                let suite = Suite::parse(suite);
                check_components(&suite, &components).map_err(|reason| (suites.line, reason))?;
                let mut source = Source::new(kind, uri, suite, line);
                source.components.clone_from(&components);
                sources.push(source);
            }
        }
    }
    for field in &stanza.fields {
        for source in &mut sources {
            set(source, field).map_err(|reason| (field.line, reason))?;
        }
    }
    Ok(sources)
}

fn set(source: &mut Source, field: &Field<'_>) -> Result<(), String> {
    let known = |names: &[&str]| names.iter().any(|name| field.name.eq_ignore_ascii_case(name));
    if known(&["Types", "URIs", "Suites", "Components"]) {
        return Ok(());
    }
    if known(&["Enabled"]) {
        source.enabled = truth("Enabled", &field.text())?;
        return Ok(());
    }
    if known(&["Signed-By"]) {
        let lines: Vec<String> = field.paragraphs().map(String::from).collect();
        return source.set("signed-by", &lines.join("\n"));
    }
    let option = OPTIONS
        .iter()
        .find(|(name, _)| field.name.eq_ignore_ascii_case(name))
        .map_or(field.name, |(_, option)| option);
    source.set(option, &field.text())
}
