//! Names as numbers: aliases and package names share one table. Invariant: equal texts have equal numbers.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use wharf_core::{Ecosystem, InvalidName, PackageName};

/// A name's number.
pub(crate) type NameId = usize;

/// The table.
#[derive(Clone, Default)]
pub(crate) struct Names {
    texts: Vec<Rc<str>>,
    ids: FxHashMap<Rc<str>, NameId>,
    packages: Vec<Option<Result<PackageName, InvalidName>>>,
}

impl Names {
    /// The number of a name.
    pub(crate) fn id(&mut self, text: &str) -> NameId {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let shared: Rc<str> = text.into();
        self.texts.push(Rc::clone(&shared));
        self.packages.push(None);
        self.ids.insert(shared, self.texts.len() - 1);
        self.texts.len() - 1
    }

    /// The name of a number.
    pub(crate) fn text(&self, id: NameId) -> &Rc<str> {
        &self.texts[id]
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The name as npm's name of a package.
    pub(crate) fn package(&mut self, id: NameId) -> Result<PackageName, InvalidName> {
        let text = &self.texts[id];
        self.packages[id]
            .get_or_insert_with(|| PackageName::new(Ecosystem::Npm, text))
            .clone()
    }
}
