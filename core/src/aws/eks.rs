//! EKS: clusters and Pod Identity associations.

use async_trait::async_trait;
use aws_sdk_eks::Client;
use aws_sdk_eks::types::{Cluster as SdkCluster, PodIdentityAssociationSummary};

use super::convert::{NextPage, arn, legal};
use super::errors::{found, map, unexpected};
use crate::error::Result;
use crate::model::{Cluster, ClusterName, Issuer, Namespace, PodIdentityAssociation, ServiceAccountName};
use crate::ports::{EksRead, traced};

const DESCRIBE: &str = "eks:DescribeCluster";
const LIST_ASSOCIATIONS: &str = "eks:ListPodIdentityAssociations";

pub(super) struct Eks(Client);

impl Eks {
    pub(super) fn new(client: Client) -> Self {
        Self(client)
    }
}

#[async_trait]
impl EksRead for Eks {
    async fn cluster(&self, name: &ClusterName) -> Result<Option<Cluster>> {
        let answer = traced(DESCRIBE, self.0.describe_cluster().name(name.as_str()).send()).await;
        let Some(output) = found(DESCRIBE, &format!("cluster {name}"), answer)? else { return Ok(None) };
        let Some(described) = output.cluster() else {
            return Err(unexpected(DESCRIBE, "the answer holds no cluster"));
        };
        cluster(name, described).map(Some)
    }

    async fn pod_identity_associations(
        &self,
        cluster: &ClusterName,
        namespace: &Namespace,
        service_account: &ServiceAccountName,
    ) -> Result<Vec<PodIdentityAssociation>> {
        let mut associations = Vec::new();
        let mut next = NextPage::default();
        loop {
            let request = self
                .0
                .list_pod_identity_associations()
                .cluster_name(cluster.as_str())
                .namespace(namespace.as_str())
                .service_account(service_account.as_str())
                .max_results(100)
                .set_next_token(next.token());
            let page = traced(LIST_ASSOCIATIONS, request.send()).await.map_err(|error| {
                map(LIST_ASSOCIATIONS, format!("service account {namespace}/{service_account}"), &error)
            })?;
            for summary in page.associations() {
                associations.push(association(summary)?);
            }
            if !next.advance(LIST_ASSOCIATIONS, page.next_token())? {
                return Ok(associations);
            }
        }
    }
}

fn cluster(name: &ClusterName, described: &SdkCluster) -> Result<Cluster> {
    let issuer = described.identity().and_then(|identity| identity.oidc()).and_then(|oidc| oidc.issuer());
    let issuer = issuer.filter(|issuer| !issuer.is_empty()).map(|issuer| legal(DESCRIBE, Issuer::new(issuer)));
    let authority = described.certificate_authority().and_then(|authority| authority.data());
    let text = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
    Ok(Cluster {
        name: name.clone(),
        arn: arn(DESCRIBE, described.arn().unwrap_or_default())?,
        status: described.status().map_or("", |status| status.as_str()).to_owned(),
        issuer: issuer.transpose()?,
        endpoint: text(described.endpoint()),
        certificate_authority: text(authority),
    })
}

fn association(summary: &PodIdentityAssociationSummary) -> Result<PodIdentityAssociation> {
    Ok(PodIdentityAssociation {
        id: summary.association_id().unwrap_or_default().to_owned(),
        namespace: legal(LIST_ASSOCIATIONS, Namespace::new(summary.namespace().unwrap_or_default()))?,
        service_account: legal(
            LIST_ASSOCIATIONS,
            ServiceAccountName::new(summary.service_account().unwrap_or_default()),
        )?,
        owner_arn: summary.owner_arn().map(str::to_owned),
    })
}
