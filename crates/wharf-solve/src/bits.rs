//! Sets of candidates of one node, as words of bits. Invariant: bits past `len` are zero, so that words compare directly.

/// A set of candidate positions below a fixed length.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bits {
    words: Box<[u64]>,
    len: u32,
}

impl Bits {
    /// The empty set over `len` candidates.
    #[must_use]
    pub fn empty(len: u32) -> Self {
        Self {
            words: vec![0; len.div_ceil(64) as usize].into_boxed_slice(),
            len,
        }
    }

    /// All of `len` candidates.
    #[must_use]
    pub fn full(len: u32) -> Self {
        let mut bits = Self {
            words: vec![u64::MAX; len.div_ceil(64) as usize].into_boxed_slice(),
            len,
        };
        bits.clear_tail();
        bits
    }

    /// The candidates for which `keep` says yes.
    pub fn from_fn(len: u32, mut keep: impl FnMut(u32) -> bool) -> Self {
        let mut bits = Self::empty(len);
        for index in 0..len {
            if keep(index) {
                bits.insert(index);
            }
        }
        bits
    }

    /// How many candidates the set is over (not how many are in it).
    #[must_use]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether no candidate is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// How many candidates are in the set.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// Adds one candidate.
    ///
    /// # Panics
    /// If `index` is not below [`Bits::len`].
    pub fn insert(&mut self, index: u32) {
        assert!(
            index < self.len,
            "a candidate position is below the length of its set"
        );
        self.words[(index / 64) as usize] |= 1 << (index % 64);
    }

    /// Takes one candidate out.
    pub fn remove(&mut self, index: u32) {
        if let Some(word) = self.words.get_mut((index / 64) as usize) {
            *word &= !(1 << (index % 64));
        }
    }

    /// Whether a candidate is in the set.
    #[must_use]
    pub fn contains(&self, index: u32) -> bool {
        self.words
            .get((index / 64) as usize)
            .is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    /// The first (best) candidate in the set.
    #[must_use]
    pub fn first(&self) -> Option<u32> {
        self.words
            .iter()
            .position(|&word| word != 0)
            .map(|at| at as u32 * 64 + self.words[at].trailing_zeros())
    }

    /// The candidates in the set, best first.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    at as u32 * 64 + bit
                })
            })
        })
    }

    /// Everything that is not in the set.
    #[must_use]
    pub fn inverted(&self) -> Self {
        let mut result = Self {
            words: self.words.iter().map(|word| !word).collect(),
            len: self.len,
        };
        result.clear_tail();
        result
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    /// What is in either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    /// Whether every candidate of this set is in the other.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).all(|(a, b)| a & !b == 0)
    }

    /// Whether the sets share no candidate.
    #[must_use]
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).all(|(a, b)| a & b == 0)
    }

    fn zip(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        debug_assert_eq!(self.len, other.len, "sets of one node have one length");
        Self {
            words: self
                .words
                .iter()
                .zip(&other.words)
                .map(|(&a, &b)| combine(a, b))
                .collect(),
            len: self.len,
        }
    }

    fn clear_tail(&mut self) {
        let used = self.len % 64;
        if used != 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << used) - 1;
        }
    }
}
