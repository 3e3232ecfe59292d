//! Names, ARNs and the remote things that podrole deals with. Pure data: no I/O and no rules beyond "is this legal".

mod arn;
mod names;
mod objects;

pub use arn::{Arn, PARTITIONS};
pub use names::{
    AccountId, Audience, ClusterName, IamPath, Issuer, NameError, Namespace, PolicyName, Region, RoleName,
    ServiceAccountName, WorkloadName,
};
pub use objects::{
    Cluster, Container, FieldOwner, ManagedPolicy, NewPolicy, NewRole, OidcProvider, Pod, PodIdentityAssociation,
    PolicyVersion, Quotas, Role, Rollout, SelectorExpression, ServiceAccount, Workload, WorkloadKind, WorkloadRef,
};
