//! Commands of scripts about users and groups: `getent`, `id`, `adduser` and the like.

use super::super::account_words::Wanted;
use super::super::accounts::User;
use super::super::files::Files;
use super::super::shell::Status;
use super::{Answer, Effects, plain};

impl Effects<'_> {
    pub(super) fn getent(&self, words: &[String]) -> Answer {
        let found = match words {
            [table, name] if table == "passwd" => self.accounts.has_user(name),
            [table, name] if table == "group" => self.accounts.has_group(name),
            _ => return Answer::Says(Status::Unknown, None),
        };
        Answer::Says(Status::of(found), (!found).then(String::new))
    }

    pub(super) fn id_status(&self, words: &[String]) -> Status {
        match plain(words).next() {
            Some(name) => Status::of(self.accounts.has_user(name)),
            None => Status::Success,
        }
    }

    /// What `id -u NAME` prints, where the number is fixed already.
    pub(super) fn number(&self, words: &[String]) -> Option<String> {
        match words {
            [option, name] if option == "-u" => self.accounts.uid(name).map(|uid| format!("{uid}\n")),
            _ => None,
        }
    }

    /// The commands that make accounts.
    pub(super) fn account(&mut self, files: &mut Files, name: &str, words: &[String]) -> bool {
        let mut wanted = Wanted::default();
        if !wanted.read(name, words) {
            return false;
        }
        match (name, wanted.names.as_slice()) {
            ("adduser" | "addgroup", [user, group]) => self.accounts.add_member(user, group),
            ("addgroup" | "groupadd", [group]) => self.accounts.add_group(group, wanted.gid),
            ("adduser", [group]) if wanted.is_group && !wanted.is_system => {
                self.accounts.add_group(group, wanted.gid);
            }
            ("usermod", [user]) => {
                for group in &wanted.groups {
                    self.accounts.add_member(user, group);
                }
            }
            ("adduser" | "useradd", [user]) => {
                let own = wanted.is_group || name == "useradd";
                let fallback = if own { user.as_str() } else { "nogroup" };
                let group = wanted.primary.clone().unwrap_or_else(|| fallback.to_owned());
                let home = wanted.home.clone().unwrap_or_else(|| "/nonexistent".to_owned());
                if wanted.home.is_some() && wanted.makes_home && self.is_real(&home) {
                    files.make_folder(home.as_bytes(), 0o755);
                }
                let shell = wanted
                    .shell
                    .clone()
                    .unwrap_or_else(|| "/usr/sbin/nologin".to_owned());
                self.accounts.add_group(&group, wanted.gid);
                self.accounts.add_user(
                    user,
                    User {
                        uid: wanted.uid,
                        gid: None,
                        group: Some(group),
                        comment: wanted.comment.replace(':', " "),
                        home,
                        shell,
                    },
                );
                for group in &wanted.groups {
                    self.accounts.add_member(user, group);
                }
            }
            _ => return false,
        }
        true
    }
}
