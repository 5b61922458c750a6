//! What commands that make users and groups are told: `adduser`, `useradd`, `groupadd` and their like.
//!
//! Sources: adduser(8), useradd(8), groupadd(8), usermod(8).

/// What a command that makes accounts is told.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) names: Vec<String>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) primary: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) home: Option<String>,
    pub(super) shell: Option<String>,
    pub(super) comment: String,
    pub(super) is_group: bool,
    pub(super) is_system: bool,
    pub(super) makes_home: bool,
}

impl Wanted {
    /// Reads the words behind a command's name; `false` where one of them is not known.
    pub(super) fn read(&mut self, name: &str, words: &[String]) -> bool {
        self.makes_home = name == "adduser";
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let (option, inline) = match word.split_once('=') {
                Some((option, value)) if option.starts_with("--") => (option, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            let mut value = || inline.clone().or_else(|| words.next().cloned());
            let short = !name.starts_with("add");
            match option {
                "--system"
                | "--quiet"
                | "--disabled-login"
                | "--disabled-password"
                | "--force-badname"
                | "--allow-badname"
                | "--no-log-init"
                | "--force"
                | "-q" => self.is_system |= option == "--system",
                "-r" if short => self.is_system = true,
                "-f" if name == "groupadd" => {}
                "--group" if name.starts_with("add") => self.is_group = true,
                "--ingroup" => self.primary = value(),
                "--gid" | "-g" => match value() {
                    Some(text) => match text.parse() {
                        Ok(number) => self.gid = Some(number),
                        Err(_) => self.primary = Some(text),
                    },
                    None => return false,
                },
                "--uid" | "-u" => self.uid = value().and_then(|text| text.parse().ok()),
                "--home" | "--home-dir" | "-d" => self.home = value(),
                "--shell" | "-s" => self.shell = value(),
                "--gecos" | "--comment" | "-c" => self.comment = value().unwrap_or_default(),
                "--no-create-home" | "-M" => self.makes_home = false,
                "--create-home" | "-m" => self.makes_home = true,
                "-a" | "--append" | "-U" | "--user-group" | "-N" | "--no-user-group" => {}
                "-G" | "--groups" | "-aG" => {
                    let list = value().unwrap_or_default();
                    self.groups.extend(list.split(',').map(str::to_owned));
                }
                option if option.starts_with('-') => return false,
                name => self.names.push(name.to_owned()),
            }
        }
        !self.names.is_empty()
    }
}
