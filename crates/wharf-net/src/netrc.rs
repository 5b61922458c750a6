//! Reads netrc files: `machine`, `default`, `login`, `password`, `account`, `macdef`, comments, quotes.
//! Invariant: never fails; what cannot be understood is skipped. Source: ftp(1), and what curl and Python accept.

use crate::auth::Login;

/// The logins of one netrc file.
#[derive(Debug, Clone, Default)]
pub struct Netrc {
    machines: Vec<(String, Login)>,
    default: Option<Login>,
}

impl Netrc {
    /// Reads the text of a netrc file.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut netrc = Self::default();
        let mut current: Option<Entry> = None;
        let mut words = Words { rest: text };
        while let Some(word) = words.next() {
            match word.as_str() {
                "machine" => {
                    netrc.add(current.take());
                    current = words.next().map(|host| Entry {
                        host: Some(host),
                        ..Entry::default()
                    });
                }
                "default" => {
                    netrc.add(current.take());
                    current = Some(Entry::default());
                }
                "login" | "user" => {
                    let login = words.next();
                    if let Some(entry) = &mut current {
                        entry.login = login;
                    }
                }
                "password" => {
                    let password = words.next();
                    if let Some(entry) = &mut current {
                        entry.password = password;
                    }
                }
                "account" => drop(words.next()),
                "macdef" => words.skip_macro(),
                // A word out of place: the next keyword puts things right.
                _ => {}
            }
        }
        netrc.add(current);
        netrc
    }

    /// The login for a host, or the default one.
    #[must_use]
    pub fn login(&self, host: &str) -> Option<&Login> {
        let machine = self
            .machines
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(host));
        machine.map(|(_, login)| login).or(self.default.as_ref())
    }

    fn add(&mut self, entry: Option<Entry>) {
        let Some(entry) = entry else { return };
        if entry.login.is_none() && entry.password.is_none() {
            return;
        }
        let login = Login::new(entry.login.unwrap_or_default(), entry.password);
        match entry.host {
            Some(host) => self.machines.push((host, login)),
            None => {
                self.default.get_or_insert(login);
            }
        }
    }
}

#[derive(Default)]
struct Entry {
    host: Option<String>,
    login: Option<String>,
    password: Option<String>,
}

/// Cuts the text into words.
struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    /// Skips the lines of a macro, up to an empty one.
    fn skip_macro(&mut self) {
        while let Some((line, rest)) = self.rest.split_once('\n') {
            self.rest = rest;
            if line.trim().is_empty() {
                return;
            }
        }
        self.rest = "";
    }

    fn quoted(&mut self) -> String {
        let mut word = String::new();
        let mut characters = self.rest[1..].char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &self.rest[1 + at + 1..];
                    return word;
                }
                '\\' => word.extend(characters.next().map(|(_, escaped)| escaped)),
                other => word.push(other),
            }
        }
        self.rest = "";
        word
    }
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                break;
            }
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
        if self.rest.is_empty() {
            return None;
        }
        if self.rest.starts_with('"') {
            return Some(self.quoted());
        }
        let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(word.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, host: &str, expected: Option<(&str, Option<&str>)>) {
        let netrc = Netrc::parse(text);
        let found = netrc
            .login(host)
            .map(|login| (login.username(), login.expose_password()));
        assert_eq!(found, expected, "{host} in {text:?}");
    }

    #[test]
    fn files_as_people_write_them() {
        let one_line = "machine index.example.org login me password s3cret";
        check(one_line, "index.example.org", Some(("me", Some("s3cret"))));
        check(one_line, "INDEX.example.org", Some(("me", Some("s3cret"))));
        check(one_line, "other.example.org", None);
        let lines = "# comment\nmachine a.example.org\n  login me\n  password \"two words\\\"\"\nmachine b.example.org login you password p#d\ndefault login anonymous password x@y\n";
        check(lines, "a.example.org", Some(("me", Some("two words\""))));
        check(lines, "b.example.org", Some(("you", Some("p#d"))));
        check(lines, "c.example.org", Some(("anonymous", Some("x@y"))));
        let with_macro = "machine a login x\nmacdef init\ncd /pub\nmachine fake login bad password bad\n\nmachine b login y password z account q";
        check(with_macro, "fake", None);
        check(with_macro, "a", Some(("x", None)));
        check(with_macro, "b", Some(("y", Some("z"))));
        check("machine a password tok", "a", Some(("", Some("tok"))));
        check("machine a", "a", None);
        check("login x password y", "a", None);
        check("machine", "a", None);
        check("", "a", None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(machine|default|login|password|macdef|\"|\\\\|#|\n| |é|a){0,40}") {
            let _ = Netrc::parse(&text).login("a");
        }
    }
}
