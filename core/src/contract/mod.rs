//! The `# Behavior` of every port, as checks that run against any backend: memory, emulators, AWS and a real API server.
//!
//! A backend makes a context per port ([`IamContext`], [`EksContext`], [`StsContext`], [`KubernetesContext`], [`FilesContext`]), and gives it
//! to [`run`] with the port's checks. Checks run one after the other and remove what they made, whether they pass or not. Names that they
//! make up begin with the context's prefix, so that suites at the same time, and other people's things, do not meet.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use podrole::contract::{StsContext, run, sts_checks};
//! use podrole::memory::{Memory, World};
//! use podrole::model::AccountId;
//! use podrole::ports::AwsTarget;
//!
//! let backend = Memory::new(World::seed()).backend();
//! let context = StsContext {
//!     read: backend.reads.sts(&AwsTarget::default()).await.unwrap(),
//!     account: AccountId::new("204393242335").unwrap(),
//! };
//! let outcome = run(&sts_checks(), &context, &[]).await;
//! outcome.require(1, 0).unwrap();
//! # }
//! ```

mod aws;
mod expect;
mod files;
mod iam;
mod iam_policies;
mod iam_providers;
mod kubernetes;
mod workloads;

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use futures::future::BoxFuture;

pub use aws::{EksContext, StsContext, eks_checks, sts_checks};
pub use files::{FilesContext, FilesFixture, files_checks};
pub use iam::{IamContext, iam_checks};
pub use kubernetes::{ForeignEdit, KubernetesContext, KubernetesFixture, kubernetes_checks};

/// Pairs each function with its name.
macro_rules! checks {
    ($($check:ident),+ $(,)?) => {
        vec![$($crate::contract::Check::new(stringify!($check), |context| Box::pin($check(context)))),+]
    };
}
pub(crate) use checks;

/// What a check found wrong, in words.
pub type Found = Result<(), String>;

/// One behaviour.
#[derive(Debug)]
pub struct Check<C> {
    name: &'static str,
    body: for<'c> fn(&'c C) -> BoxFuture<'c, Found>,
}

impl<C> Clone for Check<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Check<C> {}

impl<C> Check<C> {
    pub(crate) fn new(name: &'static str, body: for<'c> fn(&'c C) -> BoxFuture<'c, Found>) -> Self {
        Self { name, body }
    }

    /// The behaviour, as a name in `snake_case`: `creating_a_role_twice_is_already_exists`.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// What the checks of one port work on.
#[async_trait]
pub trait Context: Send + Sync {
    /// Removes what the checks made since the last call. Returns what could not be removed, and why.
    async fn clean_up(&self) -> Vec<String>;
}

/// How a suite came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a failed check is reported here and nowhere else"]
pub struct Outcome {
    /// The checks that hold.
    pub passed: Vec<&'static str>,
    /// The checks that were left out.
    pub skipped: Vec<&'static str>,
    /// The checks that do not hold, and what was found; checks that left something behind; names to be skipped that are no checks.
    pub failed: Vec<(String, String)>,
}

impl Outcome {
    /// Fails unless every check held, and there were exactly so many of them and so many skips: a suite that shrinks is noticed.
    ///
    /// # Errors
    /// Every failure on a line of its own.
    pub fn require(&self, passed: usize, skipped: usize) -> Result<(), String> {
        let mut problems: Vec<String> = self.failed.iter().map(|(name, found)| format!("{name}: {found}")).collect();
        if (self.passed.len(), self.skipped.len()) != (passed, skipped) {
            problems.push(format!(
                "{} checks passed and {} were skipped, instead of {passed} and {skipped}",
                self.passed.len(),
                self.skipped.len()
            ));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, found) in &self.failed {
            writeln!(f, "✗ {name}: {found}")?;
        }
        for name in &self.skipped {
            writeln!(f, "· {name}")?;
        }
        write!(f, "{} passed, {} skipped, {} failed", self.passed.len(), self.skipped.len(), self.failed.len())
    }
}

/// Runs checks one after the other, without those named in `skip`.
///
/// `skip` is for the gaps of emulators. A name in it that is not a check's, or stands there twice, is a failure.
pub async fn run<C: Context>(checks: &[Check<C>], context: &C, skip: &[&str]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut seen = BTreeSet::new();
    for name in skip {
        if !checks.iter().any(|check| check.name == *name) {
            outcome.failed.push(((*name).to_owned(), "is to be skipped, but there is no such check".to_owned()));
        } else if !seen.insert(*name) {
            outcome.failed.push(((*name).to_owned(), "is to be skipped twice".to_owned()));
        }
    }
    for check in checks {
        if skip.contains(&check.name) {
            outcome.skipped.push(check.name);
            continue;
        }
        let found = (check.body)(context).await;
        let left = context.clean_up().await;
        match found {
            Ok(()) if left.is_empty() => outcome.passed.push(check.name),
            Ok(()) => {}
            Err(found) => outcome.failed.push((check.name.to_owned(), found)),
        }
        if !left.is_empty() {
            outcome.failed.push((check.name.to_owned(), format!("left behind: {}", left.join("; "))));
        }
    }
    outcome
}
