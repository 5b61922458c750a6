//! npm's resolution as a pure function: a tree of dependencies with as few versions as possible, then peers to a fixed point.
