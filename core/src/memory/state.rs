//! The state behind a [`Memory`](super::Memory) and the way every call takes through it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::Memory;
use super::clock::{MemoryClock, START};
use super::faults::{FaultEffect, Interruption, Script};
use super::principals::principals;
use super::rollout::KINDS;
use super::world::{Account, World, WorldCluster};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{AccountId, Arn, ClusterName, RoleName};
use crate::policy::{Document, is_unique_id};
use crate::ports::traced;

/// A call that the simulation received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallRecord {
    /// `iam:CreateRole`, `kubernetes:patch serviceaccounts`, `files:write`.
    pub operation: String,
    /// What it was about (`role connections-role-test`).
    pub resource: String,
    /// Whether it changes something.
    pub write: bool,
}

impl CallRecord {
    pub(super) fn read(operation: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { operation: operation.into(), resource: resource.into(), write: false }
    }

    pub(super) fn write(operation: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { operation: operation.into(), resource: resource.into(), write: true }
    }
}

/// Everything that changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) world: World,
    pub(super) clock: MemoryClock,
    pub(super) ids: Ids,
    pub(super) calls: Vec<CallRecord>,
    pub(super) script: Script,
    pub(super) latency: Duration,
    pub(super) lag: Duration,
    /// From when on IAM shows a role that was created here.
    pub(super) visible_from: BTreeMap<(AccountId, String), Duration>,
    /// Trust policies that IAM still shows as they were, and until when.
    former_trusts: BTreeMap<(AccountId, String), (Document, Duration)>,
    /// Which cluster's API server a name leads to, where it is not that of the cluster with this name.
    pub(super) api_servers: BTreeMap<ClusterName, Arn>,
    /// Whether the caller is dead: nothing is answered.
    frozen: bool,
    /// How often the caller died. What began in an earlier life has no effect any more.
    life: u64,
}

/// What a call does, decided when it begins.
struct Ticket {
    latency: Duration,
    life: u64,
    interruption: Interruption,
    caller: String,
}

/// How a role is found, whatever the case of its name.
fn lower(account: &AccountId, role: &RoleName) -> (AccountId, String) {
    (account.clone(), role.as_str().to_lowercase())
}

impl State {
    pub(super) fn new(mut world: World, clock: MemoryClock) -> Self {
        let mut ids = Ids::of(&world);
        super::fill::fill(&mut world, &mut ids, START - 3600);
        Self {
            world,
            clock,
            ids,
            calls: Vec::new(),
            script: Script::default(),
            latency: Duration::ZERO,
            lag: Duration::ZERO,
            visible_from: BTreeMap::new(),
            former_trusts: BTreeMap::new(),
            api_servers: BTreeMap::new(),
            frozen: false,
            life: 0,
        }
    }

    pub(super) fn account(&mut self, id: &AccountId) -> Result<&mut Account> {
        self.world.accounts.get_mut(id).ok_or_else(|| no_credentials(id))
    }

    pub(super) fn cluster(&mut self, arn: &Arn) -> Result<&mut WorldCluster> {
        self.world.clusters.get_mut(arn).ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, format!("no API server answers for {arn}: the cluster is gone"))
        })
    }

    /// Whether IAM shows a role already.
    pub(super) fn is_visible(&self, account: &AccountId, role: &RoleName) -> bool {
        self.visible_from.get(&lower(account, role)).is_none_or(|from| self.clock.since_start() >= *from)
    }

    /// A role's trust policy as IAM shows it.
    pub(super) fn shown_trust(&self, account: &AccountId, role: &RoleName, now: &Document) -> Document {
        let former = self.former_trusts.get(&lower(account, role));
        former.filter(|(_, until)| self.clock.since_start() < *until).map_or(now, |(former, _)| former).clone()
    }

    /// Goes on showing the trust policy of a role as it is shown now, for as long as IAM lags.
    pub(super) fn keep_showing(&mut self, account: &AccountId, role: &RoleName, now: &Document) {
        if !self.lag.is_zero() {
            let shown = (self.shown_trust(account, role, now), self.clock.since_start() + self.lag);
            self.former_trusts.insert(lower(account, role), shown);
        }
    }

    /// Forgets how long a role is not shown as it is.
    pub(super) fn show_at_once(&mut self, account: &AccountId, role: &RoleName) {
        self.visible_from.remove(&lower(account, role));
        self.former_trusts.remove(&lower(account, role));
    }

    pub(super) fn restart(&mut self) {
        self.frozen = false;
    }

    fn die(&mut self, point: &Interruption) {
        self.frozen = true;
        self.life += 1;
        point.reach();
    }

    fn begin(&mut self, call: &CallRecord, caller: &str, remote: bool) -> Option<Ticket> {
        if self.frozen {
            return None;
        }
        self.calls.push(call.clone());
        let interruption = self.script.next(call);
        let latency = if remote { self.latency } else { Duration::ZERO };
        Some(Ticket { latency, life: self.life, interruption, caller: caller.to_owned() })
    }
}

pub(super) fn no_credentials(id: &AccountId) -> Error {
    Error::new(ErrorKind::Credentials, format!("there are no credentials for account {id}"))
        .remedy("add the account to the world")
}

impl Memory {
    /// A remote call: traced, counted, slow, and broken as the script says; `effect` is what the service does.
    pub(super) async fn call<T: Send>(
        &self,
        caller: &str,
        call: CallRecord,
        effect: impl FnOnce(&mut State) -> Result<T> + Send,
    ) -> Result<T> {
        let operation = call.operation.clone();
        traced(&operation, self.perform(caller, call, true, effect)).await
    }

    /// The same for what is on this machine: neither traced nor slow.
    pub(super) async fn local<T: Send>(
        &self,
        call: CallRecord,
        effect: impl FnOnce(&mut State) -> Result<T> + Send,
    ) -> Result<T> {
        self.perform("", call, false, effect).await
    }

    async fn perform<T: Send>(
        &self,
        caller: &str,
        call: CallRecord,
        remote: bool,
        effect: impl FnOnce(&mut State) -> Result<T> + Send,
    ) -> Result<T> {
        let Some(ticket) = self.lock().begin(&call, caller, remote) else { return pending().await };
        let begun = Instant::now();
        pause(begun, ticket.latency / 2).await;
        let answer = {
            let mut state = self.lock();
            if state.life == ticket.life { answer(&mut state, &call, &ticket, effect) } else { None }
        };
        let Some(answer) = answer else { return pending().await };
        pause(begun, ticket.latency).await;
        if self.lock().life != ticket.life {
            return pending().await;
        }
        answer.map_err(|error| error.operation(call.operation).resource(call.resource))
    }
}

/// Waits until some time after the beginning; at least once for other work, so that calls made together begin together.
async fn pause(begun: Instant, after: Duration) {
    if after.is_zero() {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep_until(begun + after).await;
    }
}

/// What the service answers; `None` for never.
fn answer<T>(
    state: &mut State,
    call: &CallRecord,
    ticket: &Ticket,
    effect: impl FnOnce(&mut State) -> Result<T>,
) -> Option<Result<T>> {
    match &ticket.interruption {
        Interruption::None => Some(effect(state)),
        Interruption::StopBefore(_) => {
            state.die(&ticket.interruption);
            None
        }
        Interruption::StopAfter(_) => {
            drop(effect(state));
            state.die(&ticket.interruption);
            None
        }
        Interruption::Fault(FaultEffect::HangBefore) => None,
        Interruption::Fault(fault) => {
            if let Some(refusal) = fault.refusal(call, &ticket.caller) {
                return Some(Err(refusal));
            }
            let result = effect(state);
            fault.lost().map(|lost| result.and(Err(lost)))
        }
    }
}

/// Makes up ids: the same ones for the same things, and others for a thing that is made again.
#[derive(Debug, Default)]
pub(super) struct Ids {
    made: BTreeMap<String, u32>,
    used: BTreeSet<String>,
}

impl Ids {
    /// Remembers the ids of a world, so that none of them is given twice.
    pub(super) fn of(world: &World) -> Self {
        let mut ids = Self::default();
        for role in world.accounts.values().flat_map(|account| account.roles.values()) {
            ids.used.insert(role.unique_id.clone());
            ids.used.extend(principals(&role.trust).into_iter().filter(|name| is_unique_id(name)));
        }
        for namespace in world.clusters.values().flat_map(|cluster| cluster.namespaces.values()) {
            ids.used.extend(namespace.service_accounts.values().map(|account| account.uid.clone()));
            for kind in KINDS {
                ids.used.extend(namespace.workloads(kind).values().map(|workload| workload.uid.clone()));
            }
        }
        ids
    }

    /// An id from a digest of what is named and how often it was made.
    fn unused(&mut self, thing: &str, shape: impl Fn(&str) -> String) -> String {
        loop {
            let times = self.made.entry(thing.to_owned()).or_default();
            *times += 1;
            let id = shape(&hex(&format!("{thing}#{times}")));
            if self.used.insert(id.clone()) {
                return id;
            }
        }
    }

    /// A Kubernetes uid.
    pub(super) fn uid(&mut self, thing: &str) -> String {
        self.unused(thing, |hex| {
            format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
        })
    }

    /// The unique id of a role.
    pub(super) fn role(&mut self, thing: &str) -> String {
        self.unused(thing, |hex| format!("AROA{}", hex[..17].to_uppercase()))
    }
}

/// SHA-256 of a text as lower-case hex.
pub(super) fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
