//! A map whose values are computed once, however many tasks ask at the same time.
//!
//! Invariant: of all tasks that ask for one key, one computes and the others wait for it. Where that one is dropped,
//! the next takes over.

use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use tokio::sync::OnceCell;

type Cell<V> = Arc<OnceCell<V>>;

/// The map. Values are cloned out, so they should be cheap to clone.
pub(crate) struct OnceMap<K, V> {
    cells: Mutex<FxHashMap<K, Cell<V>>>,
}

impl<K, V> Default for OnceMap<K, V> {
    fn default() -> Self {
        Self {
            cells: Mutex::default(),
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> OnceMap<K, V> {
    /// The value of `key`, computed by `compute` where nobody did so before.
    pub(crate) async fn get_or<F, Fut>(&self, key: &K, compute: F) -> V
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = V>,
    {
        let cell = self.cell(key);
        cell.get_or_init(compute).await.clone()
    }

    /// The value of `key` where it is there already.
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.get(key)?.get().cloned()
    }

    /// Puts a value where none is; the value that stays is returned.
    pub(crate) fn put(&self, key: &K, value: V) -> V {
        let cell = self.cell(key);
        // An error means that another task was first, or is computing: both have an equally good value.
        match cell.set(value.clone()) {
            Ok(()) => value,
            Err(_) => cell.get().cloned().unwrap_or(value),
        }
    }

    fn cell(&self, key: &K) -> Cell<V> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        match cells.get(key) {
            Some(cell) => Arc::clone(cell),
            None => Arc::clone(cells.entry(key.clone()).or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn many_ask_and_one_computes() {
        let map = OnceMap::<&str, usize>::default();
        let runs = AtomicUsize::new(0);
        let ask = || {
            map.get_or(&"key", || async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                runs.fetch_add(1, Ordering::SeqCst)
            })
        };
        assert_eq!(tokio::join!(ask(), ask(), ask()), (0, 0, 0));
        assert_eq!(map.get(&"key"), Some(0));
        assert_eq!(map.put(&"key", 9), 0);
        assert_eq!(map.put(&"other", 9), 9);
    }
}
