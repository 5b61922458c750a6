//! Fetches and resolves in turn until the resolver asks for nothing more.
//!
//! The guess about what it will ask for is only about what to fetch: it runs ahead of the resolver, so that a cold solve
//! waits for the depth of the graph, not for its size.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use rustc_hash::FxHashSet;
use wharf_core::{Event, Phase};
use wharf_crates::{Needs, Outcome, Prefetch, Problem, Stop, resolve};
use wharf_ecosystem::cargo::{CrateName, CrateVersions, SourceId};
use wharf_index::IndexError;

use super::known::{Known, is_unknown};
use crate::error::OpsError;
use crate::session::Session;

type Answer = (SourceId, CrateName, Result<Arc<CrateVersions>, IndexError>);

/// Solves a problem.
///
/// # Errors
/// Nothing answers it, or what it depends on cannot be had.
pub(crate) async fn solve(
    session: &Session,
    problem: &Problem,
    known: &mut Known<'_>,
) -> Result<Outcome, OpsError> {
    session.emit(Event::PhaseStarted {
        phase: Phase::Resolve,
        total: None,
    });
    let mut fetching = Fetching::new(session, problem);
    fetching.ahead(problem, known).await?;
    loop {
        known.clear_failures();
        // On this thread: it takes milliseconds, and there is nothing else to do.
        match resolve(problem, known) {
            Ok(outcome) => {
                session.emit(Event::PhaseFinished {
                    phase: Phase::Resolve,
                    done: outcome.packages.len() as u64,
                });
                tell_skipped(session, known, &outcome);
                return Ok(outcome);
            }
            Err(Stop::Needs(needs)) => fetching.supply(problem, needs, known).await?,
            Err(Stop::Failed(error)) => {
                return Err(match known.failure() {
                    Some(cause) => OpsError::Unavailable {
                        what: error.to_string(),
                        cause,
                    },
                    None => OpsError::Crates(error),
                });
            }
        }
    }
}

/// Lines of an index that could not be used cost their versions: that is told where another version of the crate was taken.
fn tell_skipped(session: &Session, known: &Known<'_>, outcome: &Outcome) {
    for package in &outcome.packages {
        let summary = &package.summary;
        if !summary.source.is_registry() {
            continue;
        }
        if let Some(Ok(versions)) = known.index().known(&summary.source, &summary.name) {
            for skipped in versions.skipped() {
                let message = format!(
                    "the index of {} has a line that is left out: {skipped}",
                    summary.name
                );
                session.emit(Event::warning("cargo/index-line", message));
            }
        }
    }
}

/// What is under way.
struct Fetching<'a> {
    session: &'a Session,
    guess: Prefetch,
    running: FuturesUnordered<BoxFuture<'static, Answer>>,
    asked: FxHashSet<(SourceId, CrateName)>,
    done: u64,
}

impl<'a> Fetching<'a> {
    fn new(session: &'a Session, problem: &Problem) -> Self {
        Self {
            session,
            guess: Prefetch::new(problem),
            running: FuturesUnordered::new(),
            asked: FxHashSet::default(),
            done: 0,
        }
    }

    /// Follows the guess to its end.
    async fn ahead(&mut self, problem: &Problem, known: &mut Known<'_>) -> Result<(), OpsError> {
        loop {
            let needs = self.guess.advance(problem, known);
            self.start(needs, known).await?;
            if self.running.is_empty() {
                return Ok(());
            }
            self.receive().await?;
        }
    }

    /// Brings what the resolver asks for, and what the guess makes of it.
    async fn supply(
        &mut self,
        problem: &Problem,
        needs: Needs,
        known: &mut Known<'_>,
    ) -> Result<(), OpsError> {
        self.start(needs, known).await?;
        while !self.running.is_empty() {
            self.receive().await?;
        }
        self.ahead(problem, known).await
    }

    async fn start(&mut self, needs: Needs, known: &mut Known<'_>) -> Result<(), OpsError> {
        for (source, name) in needs.crates {
            self.ask(known, source, name);
        }
        if needs.sources.is_empty() {
            return Ok(());
        }
        let visited = self.session.cancel().or(known.visit(needs.sources)).await;
        visited.ok_or(OpsError::Interrupted)
    }

    fn ask(&mut self, known: &Known<'_>, source: SourceId, name: CrateName) {
        if !self.asked.insert((source.clone(), name.clone()))
            || known.index().cached(&source, &name).is_some()
        {
            return;
        }
        let index = known.index().clone();
        self.running.push(Box::pin(async move {
            let answer = index.versions(&source, &name).await;
            (source, name, answer)
        }));
    }

    /// Waits for an answer, and takes all others that are there too.
    async fn receive(&mut self) -> Result<(), OpsError> {
        let next = self.session.cancel().or(self.running.next()).await;
        let mut next = next.ok_or(OpsError::Interrupted)?;
        while let Some((_, name, answer)) = next {
            if let Err(error) = &answer
                && !is_unknown(error)
            {
                // The resolver may do without it, and tells if it cannot.
                tracing::debug!(%name, %error, "could not be had");
            }
            self.done += 1;
            self.session.emit(Event::PhaseProgress {
                phase: Phase::Resolve,
                done: self.done,
                total: None,
                detail: Some(name.to_string()),
            });
            next = self.running.next().now_or_never().flatten();
        }
        Ok(())
    }
}
