//! The layouts of `node_modules`.
