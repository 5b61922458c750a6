//! Books, and how they are written down.

use serde::{Deserialize, Serialize};

/// A book on the shelf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Its title.
    pub title: String,
    /// How long it is.
    pub pages: u32,
}

/// All books.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// In the order in which they stand.
    pub books: Vec<Book>,
}

impl Shelf {
    /// How many pages there are to read.
    #[must_use]
    pub fn pages(&self) -> u32 {
        self.books.iter().map(|book| book.pages).sum()
    }

    /// The shelf that JSON describes.
    ///
    /// # Errors
    /// It describes none.
    #[cfg(feature = "json")]
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}
