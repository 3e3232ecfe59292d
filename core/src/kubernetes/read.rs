//! The reading half.

use async_trait::async_trait;
use serde_json::Value;

use super::connection::{Connection, Place};
use super::errors::garbled;
use super::objects;
use crate::error::{Error, Result};
use crate::model::{Namespace, Pod, ServiceAccount, ServiceAccountName, Workload, WorkloadKind, WorkloadRef};
use crate::ports::KubernetesRead;

const CORE: &str = "/api/v1";
const APPS: &str = "/apis/apps/v1";

/// How many pods a page holds.
const PAGE: &str = "500";

pub(super) fn service_account_place<'a>(namespace: &'a Namespace, name: &'a ServiceAccountName) -> Place<'a> {
    Place {
        api: CORE,
        plural: "serviceaccounts",
        noun: "service account",
        namespace: Some(namespace.as_str()),
        name: Some(name.as_str()),
    }
}

pub(super) fn workload_place(workload: &WorkloadRef) -> Place<'_> {
    let (plural, noun) = match workload.kind {
        WorkloadKind::Deployment => ("deployments", "deployment"),
        WorkloadKind::StatefulSet => ("statefulsets", "stateful set"),
        WorkloadKind::DaemonSet => ("daemonsets", "daemon set"),
    };
    Place { api: APPS, plural, noun, namespace: Some(workload.namespace.as_str()), name: Some(workload.name.as_str()) }
}

/// JSON of another shape than the kind's.
fn misshapen(place: &Place<'_>) -> Error {
    garbled(200).resource(place.resource())
}

#[async_trait]
impl KubernetesRead for Connection {
    async fn namespace_exists(&self, namespace: &Namespace) -> Result<bool> {
        let place = Place {
            api: CORE,
            plural: "namespaces",
            noun: "namespace",
            namespace: None,
            name: Some(namespace.as_str()),
        };
        Ok(self.get(place, Vec::new()).await?.is_some())
    }

    async fn service_account(
        &self,
        namespace: &Namespace,
        name: &ServiceAccountName,
    ) -> Result<Option<ServiceAccount>> {
        let place = service_account_place(namespace, name);
        let Some(object) = self.get(place, Vec::new()).await? else { return Ok(None) };
        objects::service_account(&object).map(Some).ok_or_else(|| misshapen(&place))
    }

    async fn workload(&self, workload: &WorkloadRef) -> Result<Option<Workload>> {
        let place = workload_place(workload);
        let Some(object) = self.get(place, Vec::new()).await? else { return Ok(None) };
        objects::workload(workload.kind, &object).map(Some).ok_or_else(|| misshapen(&place))
    }

    async fn pods(&self, namespace: &Namespace, service_account: &ServiceAccountName) -> Result<Vec<Pod>> {
        let place = Place { api: CORE, plural: "pods", noun: "pod", namespace: Some(namespace.as_str()), name: None };
        let mut pods = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut query = vec![
                ("fieldSelector", format!("spec.serviceAccountName={service_account}")),
                ("limit", PAGE.to_owned()),
            ];
            query.extend(next.take().map(|token| ("continue", token)));
            let page = self.get(place, query).await?.unwrap_or(Value::Null);
            let Some(items) = page["items"].as_array() else { return Err(misshapen(&place)) };
            for item in items {
                pods.push(objects::pod(item).ok_or_else(|| misshapen(&place))?);
            }
            next = objects::text(&page["metadata"]["continue"]);
            if next.is_none() {
                return Ok(pods);
            }
        }
    }
}
