//! One entry of a table of crates: a version, or a table with more. What is there and is not spoken of stays.

use toml_edit::{Array, InlineTable, Item, TableLike, Value};

use super::CrateOrigin;

/// What is to be said of an entry.
pub(super) struct Entry<'a> {
    pub(super) req: Option<&'a str>,
    pub(super) source: &'a CrateOrigin,
    pub(super) package: Option<&'a str>,
    /// Lists that grow.
    pub(super) lists: Vec<(&'static str, &'a [String])>,
    /// Flags that change, each with the value that need not be said.
    pub(super) flags: Vec<(&'static str, Option<bool>, bool)>,
}

/// Every key that says where a crate comes from.
const PLACES: [&str; 8] = [
    "path",
    "git",
    "branch",
    "tag",
    "rev",
    "workspace",
    "registry",
    "registry-index",
];

impl Entry<'_> {
    /// Puts the entry into a table; one that is there already is changed in its place.
    pub(super) fn put(&self, table: &mut dyn TableLike, key: &str) {
        let old = table.get(key).cloned();
        let is_sorted = table.iter().map(|(key, _)| key).is_sorted();
        match old {
            None => {
                table.insert(key, Item::Value(self.value(InlineTable::new(), None)));
                // A sorted table stays sorted; any other order is its author's choice.
                if is_sorted {
                    table.sort_values();
                }
            }
            Some(old) => {
                if let Some(item) = table.get_mut(key) {
                    self.change(item, &old);
                }
            }
        }
    }

    fn change(&self, item: &mut Item, old: &Item) {
        match item {
            Item::Table(table) if !table.is_dotted() => return self.fill(table, None),
            _ => {}
        }
        let (start, text) = match old {
            Item::Value(Value::InlineTable(table)) => (table.clone(), None),
            Item::Table(table) => (table.clone().into_inline_table(), None),
            other => (InlineTable::new(), other.as_str()),
        };
        let mut start = start;
        start.set_dotted(false);
        let mut value = self.value(start, text);
        if let Some(old) = old.as_value() {
            *value.decor_mut() = old.decor().clone();
        }
        *item = Item::Value(value);
    }

    /// The entry as a value, based on what was there.
    fn value(&self, mut table: InlineTable, version: Option<&str>) -> Value {
        self.fill(&mut table, version);
        let only_version = table.len() == 1 && table.contains_key("version");
        match table.get("version").and_then(Value::as_str) {
            Some(version) if only_version => Value::from(version),
            _ => {
                table.fmt();
                // `name.workspace = true`, as Cargo writes it.
                table.set_dotted(table.len() == 1 && table.contains_key("workspace"));
                Value::InlineTable(table)
            }
        }
    }

    fn fill(&self, table: &mut dyn TableLike, version: Option<&str>) {
        self.place(table, version);
        if let Some(package) = self.package {
            set(table, "package", package.into());
        }
        for (key, flag, usual) in &self.flags {
            match flag {
                Some(flag) if flag == usual => _ = table.remove(key),
                Some(flag) => set(table, key, (*flag).into()),
                None => {}
            }
        }
        for (key, words) in &self.lists {
            grow(table, key, words);
        }
    }

    /// Where it comes from and in which versions.
    fn place(&self, table: &mut dyn TableLike, version: Option<&str>) {
        let old = version.map(str::to_owned);
        let stated = table.get("version").and_then(Item::as_str).map(str::to_owned);
        let version = self.req.map(str::to_owned).or(old).or(stated);
        let has_place =
            table.contains_key("path") || table.contains_key("git") || table.contains_key("workspace");
        match self.source {
            CrateOrigin::Usual => {
                // Whoever asks for a version no longer asks the workspace.
                if self.req.is_some() {
                    table.remove("workspace");
                }
            }
            CrateOrigin::Workspace => {
                table.remove("version");
                table.remove("package");
            }
            CrateOrigin::Registry(_) | CrateOrigin::Path(_) | CrateOrigin::Git { .. } => {}
        }
        if *self.source != CrateOrigin::Usual {
            for key in PLACES {
                table.remove(key);
            }
        }
        let needs_none = match self.source {
            CrateOrigin::Usual => has_place,
            CrateOrigin::Registry(_) => false,
            CrateOrigin::Workspace | CrateOrigin::Path(_) | CrateOrigin::Git { .. } => true,
        };
        match version {
            Some(version) if *self.source != CrateOrigin::Workspace => set(table, "version", version.into()),
            None if !needs_none => set(table, "version", "*".into()),
            Some(_) | None => {}
        }
        match self.source {
            CrateOrigin::Usual => {}
            CrateOrigin::Registry(name) => set(table, "registry", name.into()),
            CrateOrigin::Workspace => set(table, "workspace", true.into()),
            CrateOrigin::Path(path) => set(table, "path", path.into()),
            CrateOrigin::Git { url, reference } => {
                set(table, "git", url.into());
                if let Some((key, value)) = reference.stated() {
                    set(table, key, value.into());
                }
            }
        }
    }
}

/// Sets a key; the comment beside a value that was there stays.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    match table.get_mut(key) {
        Some(item) => {
            if let Some(old) = item.as_value() {
                *value.decor_mut() = old.decor().clone();
            }
            *item = Item::Value(value);
        }
        None => _ = table.insert(key, Item::Value(value)),
    }
}

/// Adds words to a list that lacks them.
fn grow(table: &mut dyn TableLike, key: &str, words: &[String]) {
    if words.is_empty() {
        return;
    }
    if table.get(key).and_then(Item::as_array).is_none() {
        set(table, key, Value::Array(Array::new()));
    }
    if let Some(array) = table.get_mut(key).and_then(Item::as_array_mut) {
        for word in words {
            if !array.iter().any(|known| known.as_str() == Some(word)) {
                array.push(word.as_str());
            }
        }
    }
}
