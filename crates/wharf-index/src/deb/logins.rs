//! Logins as apt keeps them. Invariant: a login for which no scheme is written goes over an encrypted connection alone.
//! Source: apt_auth.conf(5).

use wharf_core::WebUrl;
use wharf_net::{Client, Login};

/// What stands where errors say that a login came from.
const PLACE: &str = "apt's auth.conf";

/// Uses the logins of a file such as `/etc/apt/auth.conf`; what cannot be understood is passed over.
pub fn add_logins(client: &Client, text: &str) {
    for (below, login) in parse(text) {
        client.add_login(&below, login, PLACE);
    }
}

fn parse(text: &str) -> Vec<(WebUrl, Login)> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut words = lines.flat_map(str::split_ascii_whitespace);
    let mut logins = Vec::new();
    let mut current = Entry::default();
    while let Some(word) = words.next() {
        match word {
            "machine" => {
                logins.extend(std::mem::take(&mut current).finish());
                current.machine = words.next();
            }
            "login" => current.login = words.next(),
            "password" => current.password = words.next(),
            _ => {}
        }
    }
    logins.extend(current.finish());
    logins
}

#[derive(Default)]
struct Entry<'t> {
    machine: Option<&'t str>,
    login: Option<&'t str>,
    password: Option<&'t str>,
}

impl Entry<'_> {
    fn finish(self) -> Option<(WebUrl, Login)> {
        let (machine, login) = (self.machine?, self.login?);
        let url = match machine.contains("://") {
            true => WebUrl::parse(machine),
            false => WebUrl::parse(&format!("https://{machine}")),
        };
        let password = self.password.map(str::to_owned);
        Some((url.ok()?, Login::new(login.to_owned(), password)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_of_aptss_file() {
        let text = "# machine no.example.org login a password b\n\
            machine deb.example.org/private login joe password s3cret\n\
            machine http://plain.example.org:8080\n login jim\n\tpassword x\n\
            machine incomplete.example.org password y\n\
            machine https://last.example.org/ login only";
        let found: Vec<(String, String, Option<String>)> = parse(text)
            .into_iter()
            .map(|(url, login)| {
                let password = login.expose_password().map(str::to_owned);
                (url.to_string(), login.username().to_owned(), password)
            })
            .collect();
        let entry = |url: &str, name: &str, password: Option<&str>| {
            (url.to_owned(), name.to_owned(), password.map(str::to_owned))
        };
        assert_eq!(
            found,
            [
                entry("https://deb.example.org/private", "joe", Some("s3cret")),
                entry("http://plain.example.org:8080/", "jim", Some("x")),
                entry("https://last.example.org/", "only", None),
            ]
        );
    }
}
