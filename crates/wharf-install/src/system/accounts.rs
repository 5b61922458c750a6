//! Users and groups: those of base-passwd, those that packages declare, and those that their scripts make.
//!
//! Invariant: numbers do not depend on the order of packages, and seldom on which others there are: a system account's number comes
//! from its name, and only a clash moves it. Sources: passwd(5), group(5), adduser(8), sysusers.d(5).

use std::collections::{BTreeMap, BTreeSet};

use wharf_store::{Store, StoreError};

use super::files::{Files, Node, NodeKind};

/// Numbers of system accounts that Debian leaves to packages.
const FIRST: u32 = 100;
const COUNT: u32 = 800;

/// All accounts.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    users: BTreeMap<String, User>,
    groups: BTreeMap<String, Group>,
    /// Names that were there from the start.
    base: BTreeSet<String>,
}

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    /// The group that it belongs to, by name; that of its own name where neither is said.
    pub(crate) group: Option<String>,
    pub(crate) comment: String,
    pub(crate) home: String,
    pub(crate) shell: String,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) gid: Option<u32>,
    pub(crate) members: BTreeSet<String>,
}

/// What every Debian system has, for roots without base-passwd.
const PASSWD: &str =
    "root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "root:*:0:\nnogroup:*:65534:\n";

/// Takes in the accounts of base-passwd.
pub(crate) fn base(store: &Store, files: &Files, accounts: &mut Accounts) -> Result<(), StoreError> {
    let master = |name: &str| files.read_text(store, &format!("usr/share/base-passwd/{name}.master"));
    let passwd = master("passwd")?.unwrap_or_else(|| PASSWD.to_owned());
    let group = master("group")?.unwrap_or_else(|| GROUP.to_owned());
    for line in passwd.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [name, _, uid, gid, comment, home, shell] = fields[..] {
            let user = User {
                uid: uid.parse().ok(),
                gid: gid.parse().ok(),
                group: None,
                comment: comment.to_owned(),
                home: home.to_owned(),
                shell: shell.to_owned(),
            };
            accounts.users.insert(name.to_owned(), user);
            accounts.base.insert(name.to_owned());
        }
    }
    for line in group.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [name, _, gid, members] = fields[..] {
            let members = members.split(',').filter(|name| !name.is_empty());
            let group = Group {
                gid: gid.parse().ok(),
                members: members.map(str::to_owned).collect(),
            };
            accounts.groups.insert(name.to_owned(), group);
            accounts.base.insert(name.to_owned());
        }
    }
    Ok(())
}

impl Accounts {
    pub(crate) fn has_user(&self, name: &str) -> bool {
        self.users.contains_key(name)
    }

    pub(crate) fn has_group(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }

    /// Makes a user, unless there is one of that name.
    pub(crate) fn add_user(&mut self, name: &str, user: User) {
        if let Some(group) = &user.group {
            self.add_group(group, None);
        }
        self.users.entry(name.to_owned()).or_insert(user);
    }

    pub(crate) fn add_group(&mut self, name: &str, gid: Option<u32>) {
        self.groups.entry(name.to_owned()).or_insert(Group {
            gid,
            members: BTreeSet::new(),
        });
    }

    pub(crate) fn add_member(&mut self, user: &str, group: &str) {
        self.add_group(group, None);
        if let Some(group) = self.groups.get_mut(group) {
            group.members.insert(user.to_owned());
        }
    }

    pub(crate) fn uid(&self, name: &str) -> Option<u32> {
        self.users.get(name)?.uid
    }

    pub(crate) fn gid(&self, name: &str) -> Option<u32> {
        self.groups.get(name)?.gid
    }

    /// Gives everyone a number and writes the files; the names that were not there from the start.
    pub(crate) fn settle(&mut self, files: &mut Files) -> Vec<String> {
        let mut taken: BTreeSet<u32> = self.users.values().filter_map(|user| user.uid).collect();
        taken.extend(self.groups.values().filter_map(|group| group.gid));
        // A user and the group of its name have one number.
        let open: BTreeSet<String> = self
            .groups
            .iter()
            .filter(|(_, group)| group.gid.is_none())
            .map(|(name, _)| name.clone())
            .chain(
                self.users
                    .iter()
                    .filter(|(_, user)| user.uid.is_none())
                    .map(|(name, _)| name.clone()),
            )
            .collect();
        for name in open {
            let number = number_of(&name, &taken);
            taken.insert(number);
            if let Some(group) = self.groups.get_mut(&name)
                && group.gid.is_none()
            {
                group.gid = Some(number);
            }
            if let Some(user) = self.users.get_mut(&name)
                && user.uid.is_none()
            {
                user.uid = Some(number);
            }
        }
        self.write(files);
        let all: BTreeSet<&String> = self.users.keys().chain(self.groups.keys()).collect();
        all.into_iter()
            .filter(|name| !self.base.contains(*name))
            .cloned()
            .collect()
    }

    fn write(&self, files: &mut Files) {
        let mut users: Vec<(&String, &User)> = self.users.iter().collect();
        users.sort_by_key(|(name, user)| (user.uid, *name));
        let (mut passwd, mut shadow) = (String::new(), String::new());
        for (name, user) in users {
            let of_group = user.group.as_ref().and_then(|group| self.gid(group));
            let gid = user.gid.or(of_group).unwrap_or(65534);
            passwd += &format!(
                "{name}:x:{}:{gid}:{}:{}:{}\n",
                user.uid.unwrap_or(65534),
                user.comment,
                user.home,
                user.shell
            );
            let locked = if self.base.contains(name) { "*" } else { "!" };
            shadow += &format!("{name}:{locked}:19000:0:99999:7:::\n");
        }
        let mut groups: Vec<(&String, &Group)> = self.groups.iter().collect();
        groups.sort_by_key(|(name, group)| (group.gid, *name));
        let (mut group_text, mut gshadow) = (String::new(), String::new());
        for (name, group) in groups {
            let members: Vec<&str> = group.members.iter().map(String::as_str).collect();
            let members = members.join(",");
            group_text += &format!("{name}:x:{}:{members}\n", group.gid.unwrap_or(65534));
            gshadow += &format!("{name}:*::{members}\n");
        }
        for (path, text, mode) in [
            ("etc/passwd", passwd, 0o644),
            ("etc/group", group_text, 0o644),
            ("etc/shadow", shadow, 0o640),
            ("etc/gshadow", gshadow, 0o640),
        ] {
            let bytes = text.into_bytes();
            files.put(path.as_bytes(), Node::made(NodeKind::Bytes { bytes, mode }));
        }
    }
}

/// A free number, from the name.
fn number_of(name: &str, taken: &BTreeSet<u32>) -> u32 {
    let hash = blake3::hash(name.as_bytes());
    let (first, _) = hash
        .as_bytes()
        .split_first_chunk()
        .expect("BLAKE3 gives 32 bytes");
    let start = u32::from_le_bytes(*first) % COUNT;
    (0..COUNT)
        .map(|step| FIRST + (start + step) % COUNT)
        .find(|number| !taken.contains(number))
        .unwrap_or(65534)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_do_not_depend_on_the_order() {
        let made = |names: &[&str]| {
            let mut accounts = Accounts::default();
            for name in names {
                accounts.add_user(
                    name,
                    User {
                        group: Some((*name).to_owned()),
                        ..User::default()
                    },
                );
            }
            let mut files = Files::default();
            accounts.settle(&mut files);
            (accounts.uid("postgres"), accounts.gid("postgres"))
        };
        let (uid, gid) = made(&["postgres"]);
        assert_eq!(uid, gid);
        assert_eq!(made(&["redis", "postgres"]), made(&["postgres", "redis"]));
        assert!(uid.is_some_and(|uid| (FIRST..FIRST + COUNT).contains(&uid)));
    }
}
