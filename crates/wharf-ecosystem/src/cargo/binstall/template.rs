//! Templates of URLs and paths: `{ repo }/releases/{ name }-{ target }{ archive-suffix }`.
//!
//! Source: the documentation of the `leon` crate, which `cargo binstall` reads them with: braces around a key, blanks around it
//! do not count, `\{`, `\}` and `\\` stand for themselves. Invariant: what is rendered has no key left.

use std::borrow::Cow;

/// A template that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Key(String),
}

/// A text that is no template, or one that asks for what there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// A brace has no partner.
    #[error("`{0}` has a brace without its partner")]
    Brace(String),
    /// A backslash before something else than a brace or a backslash.
    #[error("`{0}` has a backslash that escapes nothing")]
    Escape(String),
    /// A key that has no value here.
    #[error("`{{ {0} }}` means nothing here")]
    Key(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Where braces do not pair, or a backslash escapes nothing.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text.chars();
        while let Some(letter) = rest.next() {
            match letter {
                '\\' => match rest.next() {
                    Some(escaped @ ('\\' | '{' | '}')) => plain.push(escaped),
                    _ => return Err(InvalidTemplate::Escape(text.to_owned())),
                },
                '{' => {
                    let (key, after) = rest
                        .as_str()
                        .split_once('}')
                        .filter(|(key, _)| !key.contains(['{', '\\']))
                        .ok_or_else(|| InvalidTemplate::Brace(text.to_owned()))?;
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Key(key.trim().to_owned()));
                    rest = after.chars();
                }
                '}' => return Err(InvalidTemplate::Brace(text.to_owned())),
                other => plain.push(other),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// Whether it asks for one of these.
    #[must_use]
    pub fn has_any(&self, keys: &[&str]) -> bool {
        self.0
            .iter()
            .any(|part| matches!(part, Part::Key(key) if keys.contains(&key.as_str())))
    }

    /// The text with every key's value in its place.
    ///
    /// # Errors
    /// Where a key has none.
    pub fn render<'v>(
        &self,
        value: impl Fn(&str) -> Option<Cow<'v, str>>,
    ) -> Result<String, InvalidTemplate> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Key(key) => {
                    text.push_str(&value(key).ok_or_else(|| InvalidTemplate::Key(key.clone()))?);
                }
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> Result<String, String> {
        let value = |key: &str| match key {
            "name" => Some(Cow::Borrowed("gadget")),
            "empty" => Some(Cow::Borrowed("")),
            "braces" => Some(Cow::Borrowed("{ name }")),
            _ => None,
        };
        let template = Template::parse(text).map_err(|error| error.to_string())?;
        template.render(value).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_and_what_is_read() {
        for (text, expected) in [
            ("", Ok("")),
            ("plain/text-1.0", Ok("plain/text-1.0")),
            ("{name}", Ok("gadget")),
            ("{ name }-{name }", Ok("gadget-gadget")),
            ("a{ empty }b", Ok("ab")),
            ("{ braces }", Ok("{ name }")),
            (r"\{ name \} \\{name}", Ok(r"{ name } \gadget")),
            ("ä{name}ö", Ok("ägadgetö")),
            ("{ other }", Err("`{ other }` means nothing here")),
            ("{}", Err("`{  }` means nothing here")),
            ("{name", Err("`{name` has a brace without its partner")),
            ("name}", Err("`name}` has a brace without its partner")),
            ("{a{name}}", Err("`{a{name}}` has a brace without its partner")),
            (r"a\b", Err(r"`a\b` has a backslash that escapes nothing")),
            (r"a\", Err(r"`a\` has a backslash that escapes nothing")),
        ] {
            assert_eq!(
                rendered(text),
                expected.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
    }

    #[test]
    fn keys_are_found() {
        let template = Template::parse("{ name }.{ archive-format }").expect("it is one");
        assert!(template.has_any(&["format", "archive-format"]) && !template.has_any(&["format"]));
    }
}
