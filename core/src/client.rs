//! The front door: one client for several clusters and accounts.

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tracing::Instrument as _;

use crate::error::{Error, Result};
use crate::event::EventSink;
use crate::grant::{CheckedGrant, ClusterSelector, Grant};
use crate::memory::Memory;
use crate::model::Cluster;
use crate::observe::{Hints, Observed, Purpose, observe};
use crate::plan::{Plan, PlanOptions, Verb, plan_apply, plan_revoke};
use crate::ports::Backend;
use crate::receipt::Receipt;
use crate::run::{Run, RunOptions, Turns};
use crate::verify::{Report, verify};

/// Plans, applies, verifies and revokes grants.
///
/// Cheap to clone; clones share connections. Nothing is global. The verbs need a tokio runtime with its timers enabled.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> podrole::Result<()> {
/// use podrole::{Client, Grant, memory::{Memory, World}};
///
/// let client = Client::in_memory(&Memory::new(World::seed()));
/// let grant = Grant::new("devops_aurora", "devops-aurora-1/connections-serviceaccount-s3", "connections-role-test")
///     .policy("AmazonS3FullAccess")
///     .deployment("connections-app");
/// let plan = client.plan(&grant).await?;
/// println!("{plan}");
/// let receipt = client.apply(plan).await?;
/// client.verify(&grant).await?.into_result()?;
/// client.revoke(&grant).with_receipt(receipt).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    owner: String,
    propagation: Duration,
    sink: Option<EventSink>,
    /// What EKS said last of each cluster.
    told: Mutex<BTreeMap<ClusterSelector, Cluster>>,
    turns: Arc<Turns>,
}

/// What every kind of client can be set to.
#[derive(Clone, Default)]
pub struct ClientOptions {
    /// Who runs podrole; default `podrole`. Marks, Sids and field ownership on AWS are theirs: two owners do not touch each other's things.
    /// 1–128 letters, digits and any of `_.:/=+-@`.
    pub owner: Option<String>,
    /// How long IAM may take until every part of it knows what was just created; default 60 seconds.
    pub propagation: Option<Duration>,
    /// Receives the events of every run.
    pub sink: Option<EventSink>,
}

impl Client {
    /// A client of the in-memory world.
    pub fn in_memory(memory: &Memory) -> Self {
        Self::with_options(memory.backend(), ClientOptions::default())
            .unwrap_or_else(|error| unreachable!("the default options are legal: {error}"))
    }

    /// A client of any backend.
    pub fn with_backend(backend: Backend) -> Self {
        Self::with_options(backend, ClientOptions::default())
            .unwrap_or_else(|error| unreachable!("the default options are legal: {error}"))
    }

    /// A client of any backend, with options.
    ///
    /// # Errors
    /// `invalid_input` when the owner cannot be the value of a tag.
    pub fn with_options(backend: Backend, options: ClientOptions) -> Result<Self> {
        let owner = options.owner.unwrap_or_else(|| PlanOptions::default().owner);
        let legal = |c: char| c.is_ascii_alphanumeric() || "_.:/=+-@".contains(c);
        if owner.is_empty() || owner.len() > 128 || !owner.chars().all(legal) {
            return Err(Error::invalid(format!(
                "owner {owner:?} must be 1 to 128 letters, digits and any of _.:/=+-@"
            )));
        }
        let propagation = options.propagation.unwrap_or(Duration::from_mins(1));
        let sink = options.sink;
        let (told, turns) = Default::default();
        Ok(Self { inner: Arc::new(Inner { backend, owner, propagation, sink, told, turns }) })
    }

    /// The backend, for work that podrole does not do.
    pub fn backend(&self) -> &Backend {
        &self.inner.backend
    }

    fn options(&self, remove_provider: bool) -> PlanOptions {
        PlanOptions { owner: self.inner.owner.clone(), remove_provider }
    }

    fn run_options(&self, recheck: bool, wait: Option<Duration>) -> RunOptions {
        let told = self.inner.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        RunOptions { recheck, told, wait, propagation: self.inner.propagation, turns: Arc::clone(&self.inner.turns) }
    }

    async fn look(&self, grant: &Grant, purpose: Purpose) -> Result<(Vec<CheckedGrant>, Observed)> {
        let grants = vec![grant.check()?];
        let observed = observe(self.inner.backend.reads.as_ref(), &grants, &Hints::default(), purpose).await?;
        let mut told = self.inner.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = observed.cluster(&grant.cluster) {
            told.insert(grant.cluster.clone(), cluster.clone());
        }
        drop(told);
        Ok((grants, observed))
    }

    /// What would be done to bring a grant about. Nothing is written.
    ///
    /// # Errors
    /// `invalid_input` for a grant that breaks a rule; what [`plan_apply`](crate::plan::plan_apply) refuses; what the reads met.
    pub async fn plan(&self, grant: &Grant) -> Result<Plan> {
        let span = tracing::info_span!("plan", cluster = %grant.cluster.name, service_account = %grant.subject());
        let (grants, observed) = self.look(grant, Purpose::default()).instrument(span).await?;
        plan_apply(&grants, &observed, &self.options(false))
    }

    /// Carries out a plan, or plans and carries out a grant in one go. Lazy: nothing happens until it is awaited or [started](Apply::start).
    ///
    /// A plan that was made earlier is compared with the world first, and refused as `plan_stale` when it moved. That takes one round trip when
    /// this client made the plan; for one from elsewhere it takes two, because EKS is asked first where the API server is.
    ///
    /// # Cancellation
    /// Dropping the future finishes the steps under way and begins no other; the events go to the client's sink.
    ///
    /// # Errors
    /// What the first failed step met. The error has [leftovers](crate::Error::get_leftovers) and the [receipt](crate::Error::get_receipt).
    pub fn apply(&self, what: impl Into<PlanOrGrant>) -> Apply {
        Apply {
            client: self.clone(),
            what: what.into(),
            wait: None,
            receipt: None,
            remove_provider: false,
            verb: Verb::Apply,
        }
    }

    /// Whether a grant is in force, as far as the configuration tells. Reads only.
    ///
    /// # Errors
    /// `invalid_input`, what the reads met, and a cluster that is not usable. A failed check is *not* an error: see
    /// [`Report::into_result`].
    pub async fn verify(&self, grant: &Grant) -> Result<Report> {
        let span = tracing::info_span!("verify", cluster = %grant.cluster.name, service_account = %grant.subject());
        let (grants, observed) = self.look(grant, Purpose::default()).instrument(span).await?;
        verify(&grants, &observed, &self.inner.owner)
    }

    /// What `revoke` would do. Nothing is written. Lazy: the world is looked at when it is awaited.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> podrole::Result<()> {
    /// # use podrole::{Client, Grant, memory::{Memory, World}};
    /// # let client = Client::in_memory(&Memory::new(World::seed()));
    /// # let grant = Grant::new("devops_aurora", "devops-aurora-1/app", "app-role");
    /// let receipt = client.apply(&grant).await?;
    /// println!("{}", client.plan_revoke(&grant).with_receipt(receipt).remove_provider().await?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Client::plan`].
    pub fn plan_revoke(&self, grant: &Grant) -> PlanRevoke {
        PlanRevoke { client: self.clone(), grant: grant.clone(), receipt: None, remove_provider: false }
    }

    async fn plan_revocation(&self, grant: &Grant, receipt: Option<&Receipt>, remove_provider: bool) -> Result<Plan> {
        let (grants, observed) = self.look(grant, Purpose { remove_provider, revoke: true }).await?;
        plan_revoke(&grants, &observed, &self.options(remove_provider), receipt)
    }

    /// Takes back what podrole did for a grant: only what carries its marks. Lazy, as [`Client::apply`].
    ///
    /// # Errors
    /// As [`Client::apply`]. What is gone already is not an error.
    pub fn revoke(&self, grant: &Grant) -> Apply {
        Apply {
            client: self.clone(),
            what: PlanOrGrant::Grant(Box::new(grant.clone())),
            wait: None,
            receipt: None,
            remove_provider: false,
            verb: Verb::Revoke,
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("owner", &self.inner.owner).finish_non_exhaustive()
    }
}

/// What [`Client::apply`] takes.
#[derive(Debug, Clone)]
pub enum PlanOrGrant {
    /// A plan that was made earlier; of `revoke` too.
    Plan(Box<Plan>),
    /// A grant, to be planned and applied in one go.
    Grant(Box<Grant>),
}

impl From<Plan> for PlanOrGrant {
    fn from(plan: Plan) -> Self {
        Self::Plan(Box::new(plan))
    }
}

impl From<&Grant> for PlanOrGrant {
    fn from(grant: &Grant) -> Self {
        Self::Grant(Box::new(grant.clone()))
    }
}

/// A plan of `revoke` that is not made yet: see [`Client::plan_revoke`].
#[must_use = "nothing happens until it is awaited"]
#[derive(Debug)]
pub struct PlanRevoke {
    client: Client,
    grant: Grant,
    receipt: Option<Receipt>,
    remove_provider: bool,
}

impl PlanRevoke {
    /// As [`Apply::with_receipt`].
    pub fn with_receipt(mut self, receipt: Receipt) -> Self {
        self.receipt = Some(receipt);
        self
    }

    /// As [`Apply::remove_provider`].
    pub fn remove_provider(mut self) -> Self {
        self.remove_provider = true;
        self
    }
}

impl IntoFuture for PlanRevoke {
    type Output = Result<Plan>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move { self.client.plan_revocation(&self.grant, self.receipt.as_ref(), self.remove_provider).await }
            .boxed()
    }
}

/// A run that is not started yet.
#[must_use = "nothing happens until it is awaited or started"]
#[derive(Debug)]
pub struct Apply {
    client: Client,
    what: PlanOrGrant,
    wait: Option<Duration>,
    receipt: Option<Receipt>,
    remove_provider: bool,
    verb: Verb,
}

impl Apply {
    /// After the writes, wait at most this long until the workloads' rollouts are complete. Default: return when the writes are accepted.
    pub fn wait(mut self, limit: Duration) -> Self {
        self.wait = Some(limit);
        self
    }

    /// For `revoke`: the receipt of the apply, which tells what was put where no mark can be (attachments on a role that podrole did not
    /// create).
    pub fn with_receipt(mut self, receipt: Receipt) -> Self {
        self.receipt = Some(receipt);
        self
    }

    /// For `revoke`: also remove the cluster's OIDC provider, if podrole made it and no role's trust names it.
    pub fn remove_provider(mut self) -> Self {
        self.remove_provider = true;
        self
    }

    /// Starts it and gives the handle: events, cancel, and the receipt at the end.
    ///
    /// # Errors
    /// What planning meets, when it was given a grant; `invalid_input` for a receipt or [`remove_provider`](Apply::remove_provider) with
    /// anything but a grant to revoke. Nothing was written then.
    pub async fn start(self) -> Result<Run> {
        let plans_revoke = matches!(self.what, PlanOrGrant::Grant(_)) && self.verb == Verb::Revoke;
        if !plans_revoke && (self.receipt.is_some() || self.remove_provider) {
            return Err(Error::invalid("a receipt and the removal of the provider are for the revoke of a grant")
                .remedy("give them to `plan_revoke` or `revoke`: a plan that was made has them in it"));
        }
        let (plan, recheck) = match (self.what, self.verb) {
            (PlanOrGrant::Plan(plan), _) => (*plan, true),
            (PlanOrGrant::Grant(grant), Verb::Apply) => (self.client.plan(&grant).await?, false),
            (PlanOrGrant::Grant(grant), Verb::Revoke) => {
                (self.client.plan_revocation(&grant, self.receipt.as_ref(), self.remove_provider).await?, false)
            }
        };
        if plan.options.owner != self.client.inner.owner {
            return Err(Error::invalid(format!(
                "the plan was made by owner {}, but this client is owner {}",
                plan.options.owner, self.client.inner.owner
            ))
            .remedy("apply it with a client of the same owner"));
        }
        let inner = &self.client.inner;
        Ok(Run::start(inner.backend.clone(), plan, self.client.run_options(recheck, self.wait), inner.sink.clone()))
    }
}

impl IntoFuture for Apply {
    type Output = Result<Receipt>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        async move { self.start().await?.finish().await }.boxed()
    }
}
