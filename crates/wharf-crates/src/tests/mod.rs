//! Tests by tables: a world and a project in a few lines, and what comes of it.

mod laws;
mod locks;
mod naive;
mod notation;
mod refusals;
mod rules;
