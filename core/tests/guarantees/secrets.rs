//! Guarantee 7: secrets stay secret. What workloads and pods have in their environment is read, and is nobody's business.
//!
//! Tokens and credentials exist only in the adapters, whose own tests look at their `Debug` (`kubernetes/token.rs`, `aws/tests`).

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use podrole::memory::{Fault, FaultEffect, Memory, World};
use podrole::model::Container;
use podrole::observe::{Hints, Purpose, observe};
use podrole::plan::Plan;
use podrole::{Client, ClientOptions, Error, Event, Receipt};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};

use crate::support::{crowded, namespace_mut, scenarios, seed_grant};

const SECRETS: [&str; 3] = ["AKIASECRETSECRETSECR", "hunter2-hunter2", "eyJhbGciOiJub25lIn0.secret"];

/// The seed's world, whose deployment and pods carry secrets in their environment.
fn with_secrets(mut world: World) -> World {
    let give = |containers: &mut Vec<Container>| {
        for container in containers {
            let env = &mut container.env;
            env.insert("AWS_ACCESS_KEY_ID".to_owned(), Some(SECRETS[0].to_owned()));
            env.insert("DATABASE_PASSWORD".to_owned(), Some(SECRETS[1].to_owned()));
            env.insert("TOKEN".to_owned(), Some(SECRETS[2].to_owned()));
        }
    };
    let namespace = namespace_mut(&mut world);
    namespace.deployments.values_mut().for_each(|workload| give(&mut workload.containers));
    namespace.pods.values_mut().for_each(|pod| give(&mut pod.containers));
    world.filled()
}

/// Everything that was said, in every form.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<String>>);

impl Said {
    fn debug(&self, what: impl Debug) {
        writeln!(self.0.lock().unwrap(), "{what:?}\n{what:#?}").unwrap();
    }

    fn text(&self, what: impl std::fmt::Display) {
        writeln!(self.0.lock().unwrap(), "{what}\n{what:#}").unwrap();
    }

    fn plan(&self, plan: &Plan) {
        self.debug(plan);
        self.text(plan);
        self.text(plan.to_json());
    }

    fn receipt(&self, receipt: &Receipt) {
        self.debug(receipt);
        self.text(receipt);
        self.text(serde_json::to_string(receipt).unwrap());
    }

    fn error(&self, error: &Error) {
        self.debug(error);
        self.text(error);
        self.text(serde_json::to_string(&error.payload()).unwrap());
        if let Some(receipt) = error.get_receipt() {
            self.receipt(receipt);
        }
    }

    fn require_silence(&self) {
        let said = self.0.lock().unwrap();
        assert!(said.len() > 10_000, "only {} characters were said", said.len());
        for secret in SECRETS {
            let Some(at) = said.find(secret) else { continue };
            let from = said[..at].char_indices().rev().nth(200).map_or(0, |(at, _)| at);
            panic!("a secret was said: …{}", &said[from..at + secret.len()]);
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

/// Keeps the fields of every span and event.
impl tracing::Subscriber for Said {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn what_pods_carry_is_in_no_plan_receipt_report_error_event_log_or_debug() {
    let said = Said::default();
    let _guard = tracing::subscriber::set_default(said.clone());
    for scenario in scenarios().into_iter().filter(|scenario| !scenario.grant.workloads.is_empty()) {
        let memory = Memory::new(with_secrets(scenario.prepare().await.world()));
        let sink = {
            let said = said.clone();
            Arc::new(move |event: &Event| {
                said.debug(event);
                said.text(serde_json::to_string(event).unwrap());
            })
        };
        let options = ClientOptions { sink: Some(sink), ..ClientOptions::default() };
        let client = Client::with_options(memory.backend(), options).unwrap();
        said.debug(&client);
        let grants = [scenario.grant.check().unwrap()];
        said.debug(&grants);
        let reads = memory.backend().reads;
        said.debug(observe(reads.as_ref(), &grants, &Hints::default(), Purpose::default()).await.unwrap());
        said.plan(&client.plan(&scenario.grant).await.unwrap());
        said.receipt(&client.apply(&scenario.grant).await.unwrap());
        let report = client.verify(&scenario.grant).await.unwrap();
        said.debug(&report);
        said.text(&report);
        said.text(serde_json::to_string(&report).unwrap());
        said.plan(&client.plan_revoke(&scenario.grant).await.unwrap());
        said.receipt(&client.revoke(&scenario.grant).await.unwrap());
        said.debug(memory.calls());
    }
    for effect in [FaultEffect::Denied, FaultEffect::Garbled, FaultEffect::LostAnswer, FaultEffect::ServerError] {
        let memory = Memory::new(with_secrets(crowded()));
        memory.script(Fault::new("kubernetes:*", effect));
        said.error(&Client::in_memory(&memory).apply(&seed_grant()).await.unwrap_err());
    }
    said.require_silence();
}
