//! Decides what may be written in a grant file: every short form, and the canonical form that each one stands for.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::super::{
    ClusterSelector, DataSyncGrant, Grant, KustomizationGrant, Manage, Mechanism, PolicyGrant, PolicySource,
    ProviderGrant, RoleGrant, S3Grant, Scope, ServiceAccountGrant, TokenGrant, TrustGrant, WorkloadGrant,
};
use crate::model::WorkloadKind;
use crate::policy::{Document, S3Access};
use crate::schema::SchemaVersion;

/// Something that a file gives as text or as a mapping.
pub(super) trait Short: Sized {
    /// The mapping.
    type Long: for<'de> Deserialize<'de>;
    /// Both forms, in words, for errors.
    const EXPECTED: &'static str;
    /// The name of the schema.
    #[cfg(feature = "schema")]
    const NAME: &'static str;
    /// What the text is, for the schema.
    #[cfg(feature = "schema")]
    const TEXT: &'static str;

    /// From the text. An error is `what is wrong; what to do`.
    fn from_text(text: &str) -> Result<Self, String>;

    /// From the mapping. An error is `what is wrong; what to do`.
    fn from_long(long: Self::Long) -> Result<Self, String>;
}

/// A [`Short`] thing as it stands in a file.
pub(super) struct Either<T>(pub(super) T);

impl<'de, T: Short> Deserialize<'de> for Either<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EitherVisitor<T>(PhantomData<T>);

        impl<'de, T: Short> Visitor<'de> for EitherVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
                T::from_text(text).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                let long = T::Long::deserialize(MapAccessDeserializer::new(map))?;
                T::from_long(long).map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_str(EitherVisitor(PhantomData)).map(Self)
    }
}

fn unwrap_all<T>(list: Vec<Either<T>>) -> impl Iterator<Item = T> {
    list.into_iter().map(|Either(item)| item)
}

fn yes() -> bool {
    true
}

/// A podrole grant: pods that run as a Kubernetes service account on an Amazon EKS cluster act as an AWS IAM role.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Grant"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GrantFile {
    /// Version of this format.
    #[serde(default)]
    schema_version: SchemaVersion,
    /// How pods get the role's credentials.
    #[serde(default)]
    mechanism: Mechanism,
    /// Which half to work on. A half that is left out needs no credentials.
    #[serde(default)]
    scope: Scope,
    /// The EKS cluster, by name, by ARN, or as `{name, region, account}`.
    cluster: Either<ClusterSelector>,
    /// The service account, as `namespace/name` or as a mapping.
    service_account: Either<ServiceAccountGrant>,
    /// The IAM role, by name, by ARN, or as a mapping.
    role: Either<RoleGrant>,
    /// The IAM OIDC provider of the cluster.
    #[serde(default)]
    provider: ProviderFile,
    /// Who else may assume the role, and under which conditions.
    #[serde(default)]
    trust: TrustFile,
    /// The token that pods present to STS.
    #[serde(default)]
    token: TokenFile,
    /// What the role may do: AWS-managed policies by name, any policy by ARN, documents, or the S3 preset.
    #[serde(default)]
    policies: Vec<Either<PolicyGrant>>,
    /// Deployments that run as the service account, in its namespace.
    #[serde(default)]
    deployments: Vec<Either<NamedWorkload>>,
    /// `StatefulSets` that run as the service account, in its namespace.
    #[serde(default)]
    stateful_sets: Vec<Either<NamedWorkload>>,
    /// `DaemonSets` that run as the service account, in its namespace.
    #[serde(default)]
    daemon_sets: Vec<Either<NamedWorkload>>,
    /// Workloads of any kind that run as the service account, in their long form.
    #[serde(default)]
    workloads: Vec<WorkloadFile>,
    /// Workloads that are pointed at the service account by an edit of a `kustomization.yaml`.
    #[serde(default)]
    kustomizations: Vec<KustomizationFile>,
    /// Other roles, of the same account, that let the role assume them ("Authorize for Data Syncs").
    #[serde(default)]
    data_syncs: Vec<Either<DataSyncGrant>>,
}

impl GrantFile {
    /// Lists of a file that become `workloads`, in the order of the canonical form.
    pub(super) const WORKLOAD_LISTS: [&'static str; 4] = ["workloads", "deployments", "statefulSets", "daemonSets"];

    pub(super) fn into_grant(self) -> Grant {
        let mut workloads: Vec<WorkloadGrant> = self.workloads.into_iter().map(WorkloadFile::into_grant).collect();
        for (kind, list) in [
            (WorkloadKind::Deployment, self.deployments),
            (WorkloadKind::StatefulSet, self.stateful_sets),
            (WorkloadKind::DaemonSet, self.daemon_sets),
        ] {
            workloads.extend(unwrap_all(list).map(|workload| workload.into_grant(kind)));
        }
        Grant {
            schema_version: self.schema_version,
            mechanism: self.mechanism,
            scope: self.scope,
            cluster: self.cluster.0,
            service_account: self.service_account.0,
            role: self.role.0,
            provider: ProviderGrant { manage: self.provider.manage },
            trust: self.trust.into_grant(),
            token: TokenGrant { expiration: self.token.expiration, regional_endpoints: self.token.regional_endpoints },
            policies: unwrap_all(self.policies).collect(),
            workloads,
            kustomizations: self.kustomizations.into_iter().map(|KustomizationFile(grant)| grant).collect(),
            data_syncs: unwrap_all(self.data_syncs).collect(),
        }
    }
}

/// The EKS cluster.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ClusterFile {
    /// Its name.
    name: String,
    /// Its region; default: the client's.
    region: Option<String>,
    /// Its account, 12 digits in quotes; default: the credentials'.
    account: Option<String>,
}

impl Short for ClusterSelector {
    type Long = ClusterFile;
    const EXPECTED: &'static str = "a cluster: its name, its ARN, or a mapping with the key `name`";
    #[cfg(feature = "schema")]
    const NAME: &'static str = "Cluster";
    #[cfg(feature = "schema")]
    const TEXT: &'static str = "Name or ARN of the cluster.";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::parse(text))
    }

    fn from_long(long: ClusterFile) -> Result<Self, String> {
        Ok(Self { name: long.name, region: long.region, account: long.account })
    }
}

/// The service account.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ServiceAccountFile {
    /// Its namespace, which must exist.
    namespace: String,
    /// Its name.
    name: String,
    /// How far podrole may go. With `own`, fields are taken from other field managers.
    #[serde(default)]
    manage: Manage,
    /// Labels to set.
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

impl Short for ServiceAccountGrant {
    type Long = ServiceAccountFile;
    const EXPECTED: &'static str =
        "a service account: `namespace/name`, or a mapping with the keys `namespace` and `name`";
    #[cfg(feature = "schema")]
    const NAME: &'static str = "ServiceAccount";
    #[cfg(feature = "schema")]
    const TEXT: &'static str = "The service account, as `namespace/name`.";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::parse(text))
    }

    fn from_long(long: ServiceAccountFile) -> Result<Self, String> {
        Ok(Self { namespace: long.namespace, name: long.name, manage: long.manage, labels: long.labels })
    }
}

/// The IAM role. On a role that podrole did not create, path, description, session duration, boundary and tags are only set with `manage: own`.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RoleFile {
    /// Its name, 1–64 characters; or give `arn`.
    name: Option<String>,
    /// Its ARN; its account may differ from the cluster's.
    arn: Option<String>,
    /// How far podrole may go.
    #[serde(default)]
    manage: Manage,
    /// Its path; default `/`, or what the ARN says.
    path: Option<String>,
    /// Its description, at most 1000 characters.
    description: Option<String>,
    /// Session length in seconds, 3600–43200; default 3600.
    #[cfg_attr(feature = "schema", schemars(range(min = 3600, max = 43200)))]
    max_session_duration: Option<u32>,
    /// ARN of the managed policy that bounds it.
    permissions_boundary: Option<String>,
    /// Tags, at most 50 with podrole's own.
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

impl Short for RoleGrant {
    type Long = RoleFile;
    const EXPECTED: &'static str = "a role: its name, its ARN, or a mapping with the key `name` or `arn`";
    #[cfg(feature = "schema")]
    const NAME: &'static str = "Role";
    #[cfg(feature = "schema")]
    const TEXT: &'static str = "Name or ARN of the role.";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::parse(text))
    }

    fn from_long(long: RoleFile) -> Result<Self, String> {
        let Some(text) = long.arn.as_ref().or(long.name.as_ref()) else {
            return Err("neither `name` nor `arn` is given; give the role by one of them".to_owned());
        };
        let parsed = Self::parse(text);
        Ok(Self {
            name: long.name.unwrap_or(parsed.name),
            // Not the parsed one: a `name` that looks like an ARN is a mistake for `check` to name.
            arn: long.arn,
            manage: long.manage,
            path: long.path.unwrap_or(parsed.path),
            description: long.description,
            max_session_duration: long.max_session_duration.unwrap_or(parsed.max_session_duration),
            permissions_boundary: long.permissions_boundary,
            tags: long.tags,
        })
    }
}

/// The IAM OIDC provider of the cluster.
#[derive(Default, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", schemars(rename = "Provider"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProviderFile {
    /// `merge` creates a missing provider and adds a missing audience; `observe` refuses instead. `own` is the same as `merge`.
    #[serde(default)]
    manage: Manage,
}

/// Who may assume the role.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Trust"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TrustFile {
    /// The audience that tokens must carry, the same in every partition.
    #[serde(default = "audience")]
    audience: String,
    /// Further service accounts, as `namespace/name`; a `*` in one trusts every match, and is never implied.
    #[serde(default)]
    service_accounts: Vec<String>,
    /// Further conditions: operator → key → one value or a list of them.
    #[serde(default)]
    conditions: BTreeMap<String, BTreeMap<String, Values>>,
}

fn audience() -> String {
    TrustGrant::default().audience
}

impl Default for TrustFile {
    fn default() -> Self {
        Self { audience: audience(), service_accounts: Vec::new(), conditions: BTreeMap::new() }
    }
}

impl TrustFile {
    fn into_grant(self) -> TrustGrant {
        let conditions = self
            .conditions
            .into_iter()
            .map(|(operator, keys)| (operator, keys.into_iter().map(|(key, Values(values))| (key, values)).collect()))
            .collect();
        TrustGrant { audience: self.audience, service_accounts: self.service_accounts, conditions }
    }
}

/// One value or a list of them.
pub(super) struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValuesVisitor;

        impl<'de> Visitor<'de> for ValuesVisitor {
            type Value = Vec<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Vec<String>, E> {
                Ok(vec![text.to_owned()])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<String>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = items.next_element()? {
                    values.push(value);
                }
                Ok(values)
            }
        }

        deserializer.deserialize_str(ValuesVisitor).map(Self)
    }
}

/// The token that pods present to STS.
#[derive(Default, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Token"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenFile {
    /// Life of the projected token in seconds, 600–86400; default: the webhook's, 86400.
    #[cfg_attr(feature = "schema", schemars(range(min = 600, max = 86400)))]
    expiration: Option<u32>,
    /// Whether SDKs call the regional STS endpoint; default: the cluster's setting.
    regional_endpoints: Option<bool>,
}

/// One policy of the role. Give exactly one of `awsManaged`, `customer`, `arn`, `document` and `s3`; `source` belongs to the long form that podrole writes.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PolicyFile {
    /// Name of the policy that is made from `document` or `s3`.
    name: Option<String>,
    /// A policy document, as a mapping or as JSON text.
    document: Option<Either<Document>>,
    /// Least-privilege access to S3 buckets.
    s3: Option<S3File>,
    /// Name of an AWS-managed policy; its path is looked up.
    aws_managed: Option<String>,
    /// Name of a customer-managed policy of the role's account that exists.
    customer: Option<String>,
    /// ARN of a managed policy that exists.
    arn: Option<String>,
    /// Whether `document` or `s3` becomes an inline policy of the role instead of a customer-managed policy; default yes for `s3`, no for `document`.
    inline: Option<bool>,
    /// Path of a customer-managed policy; default `/`.
    path: Option<String>,
    /// `own` lets a document replace one that podrole did not write; default `merge`.
    manage: Option<Manage>,
    /// Where the policy comes from, in the long form that podrole writes; `inline` is then `false` unless given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::policy_source"))]
    source: Option<PolicySource>,
}

impl PolicyFile {
    const SOURCES: &'static str = "`awsManaged`, `customer`, `arn`, `document` and `s3`";

    /// The canonical form itself.
    fn with_source(self, source: PolicySource) -> Result<PolicyGrant, String> {
        for (key, given, home) in [
            ("document", self.document.is_some(), PolicySource::Document),
            ("s3", self.s3.is_some(), PolicySource::S3),
            ("arn", self.arn.is_some(), PolicySource::Arn),
        ] {
            if given && source != home {
                return Err(format!("`{key}` does not belong to this `source`; remove one of the two"));
            }
        }
        for (key, given) in [("awsManaged", self.aws_managed.is_some()), ("customer", self.customer.is_some())] {
            if given {
                return Err(format!(
                    "`{key}` and `source` exclude each other; with `source`, the name goes into `name`"
                ));
            }
        }
        let plain = PolicyGrant::of(source);
        Ok(PolicyGrant {
            source,
            name: self.name,
            arn: self.arn,
            path: self.path.unwrap_or(plain.path),
            inline: self.inline.unwrap_or(false),
            document: self.document.map(|Either(document)| document),
            s3: self.s3.map(S3File::into_grant),
            manage: self.manage.unwrap_or_default(),
        })
    }
}

impl Short for PolicyGrant {
    type Long = PolicyFile;
    const EXPECTED: &'static str = "a policy: the name of an AWS-managed policy, an ARN, or a mapping";
    #[cfg(feature = "schema")]
    const NAME: &'static str = "Policy";
    #[cfg(feature = "schema")]
    const TEXT: &'static str = "Name of an AWS-managed policy, whose path is looked up, or ARN of any managed policy.";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::parse(text))
    }

    fn from_long(long: PolicyFile) -> Result<Self, String> {
        if let Some(source) = long.source {
            return long.with_source(source);
        }
        let given: Vec<(&str, PolicySource)> = [
            ("awsManaged", long.aws_managed.is_some(), PolicySource::AwsManaged),
            ("customer", long.customer.is_some(), PolicySource::Customer),
            ("arn", long.arn.is_some(), PolicySource::Arn),
            ("document", long.document.is_some(), PolicySource::Document),
            ("s3", long.s3.is_some(), PolicySource::S3),
        ]
        .into_iter()
        .filter_map(|(key, given, source)| given.then_some((key, source)))
        .collect();
        let (key, source) = match given[..] {
            [one] => one,
            [] => {
                return Err(format!(
                    "nothing says what this policy is; give one of {}, or write the bare name of an AWS-managed policy",
                    PolicyFile::SOURCES
                ));
            }
            [(one, _), (two, _), ..] => {
                return Err(format!(
                    "`{one}` and `{two}` exclude each other; give one of {} to a policy, and several policies as several items",
                    PolicyFile::SOURCES
                ));
            }
        };
        let made = matches!(source, PolicySource::Document | PolicySource::S3);
        for (other, given, allowed) in [
            ("name", long.name.is_some(), made),
            ("inline", long.inline.is_some(), made),
            ("manage", long.manage.is_some(), made),
            ("path", long.path.is_some(), made || source == PolicySource::Customer),
        ] {
            if given && !allowed {
                return Err(format!("`{other}` has no meaning beside `{key}`; remove it"));
            }
        }
        if made && long.name.is_none() {
            return Err(format!("a policy made from `{key}` needs a name; add `name: …`"));
        }
        let plain = Self::of(source);
        Ok(Self {
            source,
            name: long.name.or(long.aws_managed).or(long.customer),
            arn: long.arn,
            path: long.path.unwrap_or(plain.path),
            inline: long.inline.unwrap_or(source == PolicySource::S3),
            document: long.document.map(|Either(document)| document),
            s3: long.s3.map(S3File::into_grant),
            manage: long.manage.unwrap_or_default(),
        })
    }
}

impl Short for Document {
    type Long = Self;
    const EXPECTED: &'static str = "a policy document: a mapping or JSON text";
    #[cfg(feature = "schema")]
    const NAME: &'static str = "Document";
    #[cfg(feature = "schema")]
    const TEXT: &'static str = "The document as JSON text.";

    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| {
            let place = if error.path.is_empty() { String::new() } else { format!("{}: ", error.path) };
            format!("{place}{}; {}", error.rule, error.remedy)
        })
    }

    fn from_long(long: Self) -> Result<Self, String> {
        Ok(long)
    }
}

/// Least-privilege access to S3.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "S3"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct S3File {
    /// Buckets by name.
    buckets: Vec<String>,
    /// Key prefixes that the access is limited to, the same in every bucket; none for whole buckets.
    #[serde(default)]
    prefixes: Vec<String>,
    /// What may be done.
    access: S3Access,
}

impl S3File {
    fn into_grant(self) -> S3Grant {
        S3Grant { buckets: self.buckets, prefixes: self.prefixes, access: self.access }
    }
}

/// A workload whose kind is known from the list that it stands in.
pub(super) struct NamedWorkload {
    name: String,
    manage: Manage,
    restart: bool,
}

/// A workload of the list's kind.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NamedWorkloadFile {
    /// Its name.
    name: String,
    /// `observe` only checks; `own` takes the field from another field manager (Argo CD, Flux, Helm).
    #[serde(default)]
    manage: Manage,
    /// Whether pods that are older than the annotation are replaced.
    #[serde(default = "yes")]
    restart: bool,
}

impl NamedWorkload {
    fn into_grant(self, kind: WorkloadKind) -> WorkloadGrant {
        WorkloadGrant { kind, name: self.name, manage: self.manage, restart: self.restart }
    }
}

impl Short for NamedWorkload {
    type Long = NamedWorkloadFile;
    const EXPECTED: &'static str = "a workload: its name, or a mapping with the key `name`";
    #[cfg(feature = "schema")]
    const NAME: &'static str = "NamedWorkload";
    #[cfg(feature = "schema")]
    const TEXT: &'static str = "Name of the workload.";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self { name: text.to_owned(), manage: Manage::default(), restart: true })
    }

    fn from_long(long: NamedWorkloadFile) -> Result<Self, String> {
        Ok(Self { name: long.name, manage: long.manage, restart: long.restart })
    }
}

/// A workload in its long form.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Workload"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WorkloadFile {
    /// Its kind.
    kind: WorkloadKind,
    /// Its name.
    name: String,
    /// `observe` only checks; `own` takes the field from another field manager (Argo CD, Flux, Helm).
    #[serde(default)]
    manage: Manage,
    /// Whether pods that are older than the annotation are replaced.
    #[serde(default = "yes")]
    restart: bool,
}

impl WorkloadFile {
    fn into_grant(self) -> WorkloadGrant {
        WorkloadGrant { kind: self.kind, name: self.name, manage: self.manage, restart: self.restart }
    }
}

/// A workload that a kustomization points at the service account. Give exactly one of `deployment`, `statefulSet` and `daemonSet`, or `kind` and `name`.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Kustomization"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KustomizationKeys {
    /// Path of the `kustomization.yaml`, relative to the client's file root.
    path: String,
    /// Name of a Deployment.
    deployment: Option<String>,
    /// Name of a `StatefulSet`.
    stateful_set: Option<String>,
    /// Name of a `DaemonSet`.
    daemon_set: Option<String>,
    /// The workload's kind, in the long form.
    kind: Option<WorkloadKind>,
    /// The workload's name, in the long form.
    name: Option<String>,
}

/// A kustomization whose keys fit together.
struct KustomizationFile(KustomizationGrant);

impl<'de> Deserialize<'de> for KustomizationFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysVisitor;

        impl<'de> Visitor<'de> for KeysVisitor {
            type Value = KustomizationGrant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping with the keys `path` and `deployment`")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KustomizationGrant, A::Error> {
                let keys = KustomizationKeys::deserialize(MapAccessDeserializer::new(map))?;
                keys.into_grant().map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_map(KeysVisitor).map(Self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for KustomizationFile {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        KustomizationKeys::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<KustomizationKeys>()
    }
}

impl KustomizationKeys {
    fn into_grant(self) -> Result<KustomizationGrant, String> {
        let mut named: Vec<(WorkloadKind, String)> = [
            (WorkloadKind::Deployment, self.deployment),
            (WorkloadKind::StatefulSet, self.stateful_set),
            (WorkloadKind::DaemonSet, self.daemon_set),
        ]
        .into_iter()
        .filter_map(|(kind, name)| name.map(|name| (kind, name)))
        .collect();
        let choice =
            "name one workload, as `deployment: …`, `statefulSet: …`, `daemonSet: …`, or with both `kind` and `name`";
        match (self.kind, self.name) {
            (Some(kind), Some(name)) => named.push((kind, name)),
            (None, None) => {}
            (Some(_), None) => return Err(format!("`kind` is given without `name`; {choice}")),
            (None, Some(_)) => return Err(format!("`name` is given without `kind`; {choice}")),
        }
        if named.len() > 1 {
            return Err(format!("more than one workload is named; {choice}, and further ones as further items"));
        }
        let (kind, name) = named.pop().ok_or_else(|| format!("no workload is named; {choice}"))?;
        Ok(KustomizationGrant { path: self.path, kind, name })
    }
}

/// Another role that lets the role assume it.
#[derive(serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DataSyncFile {
    /// Its name or ARN; it must exist, in the account of the grant's role.
    role: String,
    /// Account that S3 must be acting for (`aws:SourceAccount`), 12 digits in quotes.
    source_account: Option<String>,
    /// External id that the grant's role must present (`sts:ExternalId`).
    external_id: Option<String>,
}

impl Short for DataSyncGrant {
    type Long = DataSyncFile;
    const EXPECTED: &'static str = "a data sync: a role's name or ARN, or a mapping with the key `role`";
    #[cfg(feature = "schema")]
    const NAME: &'static str = "DataSync";
    #[cfg(feature = "schema")]
    const TEXT: &'static str = "Name or ARN of the other role.";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self { role: text.to_owned(), source_account: None, external_id: None })
    }

    fn from_long(long: DataSyncFile) -> Result<Self, String> {
        Ok(Self { role: long.role, source_account: long.source_account, external_id: long.external_id })
    }
}
