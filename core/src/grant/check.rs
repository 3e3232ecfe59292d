//! From the wire form to checked, typed values: every rule that needs no call is checked here, before the first one.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::{Grant, Manage, PolicyGrant, PolicySource, S3Grant, Scope};
use crate::error::{Error, Result};
use crate::model::{
    AccountId, Arn, Audience, ClusterName, IamPath, Issuer, Namespace, PolicyName, Region, RoleName,
    ServiceAccountName, WorkloadName, WorkloadRef,
};
use crate::policy::{BucketRef, Document, DocumentKind, TrustRequest, aws_managed_policy_arn, s3_policy};

/// Prefix of every tag, label and annotation of podrole's own.
pub(crate) const OWN_PREFIX: &str = "podrole.dev/";

/// A [`Grant`] whose every name is legal.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedGrant {
    /// The grant it was made from.
    pub grant: Grant,
    /// The cluster's name.
    pub cluster: ClusterName,
    /// The cluster's region, if the grant says.
    pub region: Option<Region>,
    /// The cluster's account, if the grant says.
    pub account: Option<AccountId>,
    /// The namespace.
    pub namespace: Namespace,
    /// The service account.
    pub service_account: ServiceAccountName,
    /// The role's name.
    pub role: RoleName,
    /// The role's path.
    pub role_path: IamPath,
    /// The role's ARN, if the grant says.
    pub role_arn: Option<Arn>,
    /// The role's boundary.
    pub boundary: Option<Arn>,
    /// The audience.
    pub audience: Audience,
    /// Everyone who is trusted: the service account first, then the further ones.
    pub subjects: Vec<CheckedSubject>,
    /// The policies.
    pub policies: Vec<CheckedPolicy>,
    /// The workloads.
    pub workloads: Vec<CheckedWorkload>,
    /// The data-sync roles: name, and account if given by ARN.
    pub data_syncs: Vec<RoleName>,
}

/// A trusted service account; `namespace` or `name` may hold `*` when `wildcard` is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedSubject {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it is a pattern.
    pub wildcard: bool,
}

/// A policy whose names and document are legal.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedPolicy {
    /// Its name, for documents and presets.
    pub name: Option<PolicyName>,
    /// What it is.
    pub content: PolicyContent,
    /// How far podrole may go.
    pub manage: Manage,
}

/// What a policy is.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicyContent {
    /// A managed policy that exists, by ARN.
    Arn(Arn),
    /// An AWS-managed policy, by name.
    AwsManaged(String),
    /// A customer-managed policy of the role's account that exists.
    Customer(PolicyName, IamPath),
    /// A customer-managed policy made from a document.
    Managed(DocumentSource, IamPath),
    /// An inline policy made from a document.
    Inline(DocumentSource),
}

/// A document, or the preset it is made from once the partition is known.
#[derive(Debug, Clone, PartialEq)]
pub enum DocumentSource {
    /// As given.
    Given(Document),
    /// The S3 preset.
    S3(S3Grant),
}

/// A workload whose name is legal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedWorkload {
    /// Which one.
    pub workload: WorkloadRef,
    /// How far podrole may go.
    pub manage: Manage,
    /// Whether old pods are replaced.
    pub restart: bool,
}

/// Eight hex digits that stand for a text.
pub(crate) fn short_hash(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text.as_bytes()).iter().take(4).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn at(path: &str) -> impl Fn(crate::model::NameError) -> Error + '_ {
    move |error| Error::invalid(format!("{path}: {error}"))
}

impl Grant {
    /// Checks every rule that needs no call.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) that names the field, its value and the rule; `unsupported` for what podrole cannot do.
    pub fn check(&self) -> Result<CheckedGrant> {
        let cluster = ClusterName::new(&self.cluster.name).map_err(at("cluster"))?;
        let region = self.cluster.region.as_ref().map(Region::new).transpose().map_err(at("cluster.region"))?;
        let account = self.cluster.account.as_ref().map(AccountId::new).transpose().map_err(at("cluster.account"))?;
        if self.service_account.namespace.is_empty() {
            return Err(Error::invalid(format!("serviceAccount {:?} has no namespace", self.service_account.name))
                .remedy("write it as `namespace/name`"));
        }
        let namespace = Namespace::new(&self.service_account.namespace).map_err(at("serviceAccount.namespace"))?;
        let service_account = ServiceAccountName::new(&self.service_account.name).map_err(at("serviceAccount.name"))?;
        self.check_role()?;
        let role = RoleName::new(&self.role.name).map_err(at("role"))?;
        let role_arn = self.role.arn.as_ref().map(Arn::new).transpose().map_err(at("role"))?;
        if let Some(arn) = &role_arn {
            check_iam_arn(arn, "role/", "role")?;
            if arn.name() != role.as_str() || arn.resource() != format!("role{}{role}", self.role.path) {
                return Err(Error::invalid(format!(
                    "role: name {role} and path {} do not match ARN {arn}",
                    self.role.path
                )));
            }
        }
        if self.scope == Scope::Kubernetes && role_arn.is_none() {
            return Err(Error::invalid("role: with scope `kubernetes` no account is looked up")
                .remedy("give the role by its ARN"));
        }
        let boundary = self
            .role
            .permissions_boundary
            .as_ref()
            .map(Arn::new)
            .transpose()
            .map_err(at("role.permissionsBoundary"))?;
        if let Some(boundary) = &boundary {
            check_iam_arn(boundary, "policy/", "role.permissionsBoundary")?;
        }
        if let Some(seconds) = self.token.expiration
            && !(600..=86400).contains(&seconds)
        {
            return Err(Error::invalid(format!("token.expiration {seconds}: must be 600 to 86400 seconds")));
        }
        let mut subjects = vec![CheckedSubject {
            namespace: namespace.to_string(),
            name: service_account.to_string(),
            wildcard: false,
        }];
        for (index, text) in self.trust.service_accounts.iter().enumerate() {
            subjects.push(check_subject(&format!("trust.serviceAccounts[{index}]"), text)?);
        }
        for key in self.trust.conditions.values().flat_map(BTreeMap::keys) {
            if key.to_ascii_lowercase().ends_with(":sub") || key.to_ascii_lowercase().ends_with(":aud") {
                return Err(Error::invalid(format!(
                    "trust.conditions: {key} is podrole's own condition, set from serviceAccount and trust.audience"
                )));
            }
        }
        self.check_further_conditions()?;
        let mut policies = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, policy) in self.policies.iter().enumerate() {
            let path = format!("policies[{index}]");
            let checked = policy.check(&path)?;
            let key = policy.arn.clone().or_else(|| policy.name.clone()).unwrap_or_default();
            // An inline policy and a managed one may have the same name. To IAM names are the same in upper and lower case.
            let same = if policy.arn.is_some() { key.clone() } else { key.to_lowercase() };
            if !seen.insert((policy.inline, same)) {
                return Err(Error::invalid(format!("{path}: {key:?} is named twice")));
            }
            policies.push(checked);
        }
        let mut workloads = Vec::new();
        for (index, workload) in self.workloads.iter().enumerate() {
            let name =
                WorkloadName::new(&workload.name).map_err(|error| at(&format!("workloads[{index}].name"))(error))?;
            let workload_ref = WorkloadRef { kind: workload.kind, namespace: namespace.clone(), name };
            if workloads.iter().any(|known: &CheckedWorkload| known.workload == workload_ref) {
                return Err(Error::invalid(format!("workloads[{index}]: {workload_ref} is named twice")));
            }
            workloads.push(CheckedWorkload {
                workload: workload_ref,
                manage: workload.manage,
                restart: workload.restart,
            });
        }
        for (index, kustomization) in self.kustomizations.iter().enumerate() {
            WorkloadName::new(&kustomization.name)
                .map_err(|error| at(&format!("kustomizations[{index}].name"))(error))?;
        }
        Ok(CheckedGrant {
            data_syncs: self.check_data_syncs(role_arn.as_ref(), account.as_ref())?,
            grant: self.clone(),
            cluster,
            region,
            account,
            namespace,
            service_account,
            role_path: IamPath::new(&self.role.path).map_err(at("role.path"))?,
            role,
            role_arn,
            boundary,
            audience: Audience::new(&self.trust.audience).map_err(at("trust.audience"))?,
            subjects,
            policies,
            workloads,
        })
    }

    fn check_role(&self) -> Result<()> {
        let role = &self.role;
        if let Some(description) = &role.description {
            let legal = |c: char| matches!(c, '\t' | '\n' | '\r' | '\x20'..='\x7e' | '\u{a1}'..='\u{ff}');
            if description.chars().count() > 1000 {
                return Err(Error::invalid("role.description: must be at most 1000 characters"));
            }
            if let Some(bad) = description.chars().find(|c| !legal(*c)) {
                return Err(Error::invalid(format!(
                    "role.description: {bad:?} is not allowed (IAM takes Latin-1 letters and plain ASCII quotes and dashes)"
                )));
            }
        }
        if !(3600..=43200).contains(&role.max_session_duration) {
            return Err(Error::invalid(format!(
                "role.maxSessionDuration {}: must be 3600 to 43200 seconds",
                role.max_session_duration
            )));
        }
        // IAM user guide, "IAM and AWS STS quotas"; podrole's own come on top, which the plan counts.
        if role.tags.len() > 50 {
            return Err(Error::invalid(format!(
                "role.tags: {} tags; IAM allows 50 on a role, podrole's own among them",
                role.tags.len()
            ))
            .remedy("use fewer tags"));
        }
        for (key, value) in &role.tags {
            let legal = |c: char| c.is_alphanumeric() || c.is_whitespace() && !c.is_control() || "_.:/=+-@".contains(c);
            if key.is_empty() || key.chars().count() > 128 || !key.chars().all(legal) {
                return Err(Error::invalid(format!(
                    "role.tags: key {key:?} must be 1 to 128 letters, digits, blanks and any of _.:/=+-@"
                )));
            }
            if value.chars().count() > 256 || !value.chars().all(legal) {
                return Err(Error::invalid(format!(
                    "role.tags.{key}: {value:?} must be at most 256 letters, digits, blanks and any of _.:/=+-@"
                )));
            }
            let lower = key.to_ascii_lowercase();
            if lower.starts_with(OWN_PREFIX) || lower.starts_with("aws:") {
                return Err(Error::invalid(format!(
                    "role.tags: keys that begin with {OWN_PREFIX} or aws: are reserved"
                )));
            }
            if let Some(same) =
                role.tags.keys().find(|other| *other != key && other.to_lowercase() == key.to_lowercase())
            {
                return Err(Error::invalid(format!("role.tags: {key:?} and {same:?} are the same key to IAM")));
            }
        }
        for (key, value) in &self.service_account.labels {
            if key.starts_with(OWN_PREFIX) {
                return Err(Error::invalid(format!(
                    "serviceAccount.labels: keys that begin with {OWN_PREFIX} are reserved"
                )));
            }
            check_label(key, value)?;
        }
        Ok(())
    }

    /// Whether IAM would take the further conditions of the trust policy, whatever the cluster's issuer turns out to be.
    fn check_further_conditions(&self) -> Result<()> {
        let request = TrustRequest {
            provider_arn: "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE"
                .to_owned(),
            issuer: "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE".to_owned(),
            audience: self.trust.audience.clone(),
            namespace: self.service_account.namespace.clone(),
            service_account: self.service_account.name.clone(),
            wildcard: false,
            extra_conditions: self.trust.conditions.clone(),
            owner: String::new(),
        };
        request.check().map_err(|error| {
            let place = error.path.rsplit_once("Condition.").map_or(String::new(), |(_, place)| format!(".{place}"));
            Error::invalid(format!("trust.conditions{place}: {}", error.rule)).remedy(error.remedy)
        })
    }

    fn check_data_syncs(&self, role_arn: Option<&Arn>, account: Option<&AccountId>) -> Result<Vec<RoleName>> {
        let mut names = Vec::new();
        for (index, data_sync) in self.data_syncs.iter().enumerate() {
            let path = format!("dataSyncs[{index}]");
            let name = if data_sync.role.starts_with("arn:") {
                let arn = Arn::new(&data_sync.role).map_err(at(&path))?;
                check_iam_arn(&arn, "role/", &path)?;
                let home = role_arn.and_then(Arn::account).or_else(|| account.cloned());
                if let (Some(home), Some(theirs)) = (home, arn.account())
                    && home != theirs
                {
                    return Err(cross_account(&arn));
                }
                arn.name().to_owned()
            } else {
                data_sync.role.clone()
            };
            if let Some(id) = &data_sync.external_id {
                let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
                if !(2..=1224).contains(&id.len()) || !id.chars().all(legal) {
                    return Err(Error::invalid(format!(
                        "{path}.externalId: must be 2 to 1224 letters, digits and any of _+=,.@:/-"
                    )));
                }
            }
            if let Some(account) = &data_sync.source_account {
                AccountId::new(account).map_err(at(&format!("{path}.sourceAccount")))?;
            }
            let name = RoleName::new(name).map_err(at(&path))?;
            if name.as_str().eq_ignore_ascii_case(&self.role.name) {
                return Err(Error::invalid(format!("{path}: {name} is the grant's own role")));
            }
            if names.iter().any(|known: &RoleName| known.as_str().eq_ignore_ascii_case(name.as_str())) {
                return Err(Error::invalid(format!("{path}: role {name} is named twice")));
            }
            names.push(name);
        }
        Ok(names)
    }
}

/// The error for a data-sync role of another account.
pub(crate) fn cross_account(arn: &Arn) -> Error {
    Error::new(crate::ErrorKind::Unsupported, format!("data-sync role {arn} is in another account"))
        .remedy("paste the statement of `podrole::artifacts::data_sync_statement` into its trust policy by hand, and let the grant's role call sts:AssumeRole on it")
}

fn check_iam_arn(arn: &Arn, resource: &str, path: &str) -> Result<()> {
    let noun = resource.trim_end_matches('/');
    let kind = arn.resource().split('/').next().unwrap_or_default();
    let why = if arn.service() != "iam" {
        format!("its service is {:?}, not iam", arn.service())
    } else if !arn.resource().starts_with(resource) {
        format!("it names a {kind:?}, not a {noun}")
    } else if arn.name().is_empty() {
        format!("the name of the {noun} is missing")
    } else if !arn.region().is_empty() {
        format!("IAM has no regions, and it names {:?}", arn.region())
    } else if arn.account().is_none() && !arn.is_aws_managed_policy() {
        "its account is not 12 digits".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::invalid(format!("{path}: {arn} is not the ARN of an IAM {noun}: {why}"))
        .remedy(format!("write it as arn:aws:iam::111122223333:{resource}name")))
}

/// Kubernetes' rule for labels: a name of at most 63 characters, with a DNS subdomain and a slash before it if need be, and a value of at
/// most 63 that may be empty (Kubernetes' documentation, "Labels and Selectors").
fn check_label(key: &str, value: &str) -> Result<()> {
    let end = |c: char| c.is_ascii_alphanumeric();
    let word = |text: &str| {
        text.len() <= 63
            && text.chars().all(|c| end(c) || "-_.".contains(c))
            && text.starts_with(end)
            && text.ends_with(end)
    };
    let part = |text: &str| {
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        text.chars().all(|c| lower(c) || c == '-') && text.starts_with(lower) && text.ends_with(lower)
    };
    let subdomain = |text: &str| text.len() <= 253 && text.split('.').all(part);
    let legal = match key.split_once('/') {
        Some((prefix, name)) => subdomain(prefix) && word(name),
        None => word(key),
    };
    if !legal {
        return Err(Error::invalid(format!("serviceAccount.labels: {key:?} cannot be the key of a label")).remedy(
            "a key is a name of 1 to 63 letters, digits and any of -_. that begins and ends with a letter or digit, and perhaps a domain \
             and a slash before it, such as example.com/team",
        ));
    }
    if !value.is_empty() && !word(value) {
        return Err(Error::invalid(format!("serviceAccount.labels.{key}: {value:?} cannot be the value of a label"))
            .remedy(
                "a value is empty, or 1 to 63 letters, digits and any of -_. that begin and end with a letter or digit",
            ));
    }
    Ok(())
}

fn check_subject(path: &str, text: &str) -> Result<CheckedSubject> {
    let Some((namespace, name)) = text.split_once('/') else {
        return Err(Error::invalid(format!("{path}: {text:?} must be written as `namespace/name`")));
    };
    let wildcard = text.contains('*');
    if text.len() > 240 {
        return Err(Error::invalid(format!(
            "{path}: {text:?} is longer than the 240 characters that podrole can record in a tag"
        )));
    }
    // A pattern is legal when it is once its stars are letters; a namespace of nothing but stars would trust the whole cluster.
    if wildcard && namespace.chars().all(|c| c == '*') {
        return Err(Error::invalid(format!("{path}: {text:?} would trust every namespace of the cluster")));
    }
    Namespace::new(namespace.replace('*', "x")).map_err(at(path))?;
    ServiceAccountName::new(name.replace('*', "x")).map_err(at(path))?;
    Ok(CheckedSubject { namespace: namespace.to_owned(), name: name.to_owned(), wildcard })
}

impl PolicyGrant {
    fn check(&self, path: &str) -> Result<CheckedPolicy> {
        let name = || {
            let name = self.name.as_deref().ok_or_else(|| Error::invalid(format!("{path}: name is missing")))?;
            PolicyName::new(name).map_err(at(path))
        };
        let iam_path = || IamPath::new(&self.path).map_err(at(path));
        let made = |source: DocumentSource| -> Result<PolicyContent> {
            Ok(if self.inline { PolicyContent::Inline(source) } else { PolicyContent::Managed(source, iam_path()?) })
        };
        let content = match self.source {
            PolicySource::AwsManaged => {
                let name = self.name.as_deref().unwrap_or_default();
                aws_managed_policy_arn("aws", name).map_err(|error| {
                    Error::invalid(format!("{path}: {:?}: {}", error.name, error.rule)).remedy(error.remedy)
                })?;
                PolicyContent::AwsManaged(name.to_owned())
            }
            PolicySource::Customer => PolicyContent::Customer(name()?, iam_path()?),
            PolicySource::Arn => {
                let arn = self.arn.as_deref().ok_or_else(|| Error::invalid(format!("{path}: arn is missing")))?;
                let arn = Arn::new(arn).map_err(at(path))?;
                check_iam_arn(&arn, "policy/", path)?;
                PolicyContent::Arn(arn)
            }
            PolicySource::Document => {
                let document =
                    self.document.clone().ok_or_else(|| Error::invalid(format!("{path}: document is missing")))?;
                document
                    .check(DocumentKind::Identity)
                    .map_err(|error| Error::invalid(format!("{path}.document: {error}")))?;
                made(DocumentSource::Given(document))?
            }
            PolicySource::S3 => {
                let s3 = self.s3.clone().ok_or_else(|| Error::invalid(format!("{path}: s3 is missing")))?;
                s3.document("aws").map_err(|error| Error::invalid(format!("{path}.s3: {error}")))?;
                made(DocumentSource::S3(s3))?
            }
        };
        let name = match content {
            PolicyContent::Managed(..) | PolicyContent::Inline(_) => Some(name()?),
            _ => None,
        };
        Ok(CheckedPolicy { name, content, manage: self.manage })
    }
}

impl CheckedGrant {
    /// Eight hex digits that stand for this grant in marks: the subject at an issuer.
    pub(crate) fn id(&self, issuer: &Issuer) -> String {
        grant_id(issuer, &format!("{}/{}", self.namespace, self.service_account))
    }
}

/// The id in marks of the grant of a service account, `namespace/name`.
pub(crate) fn grant_id(issuer: &Issuer, subject: &str) -> String {
    short_hash(&format!("{issuer} {subject}"))
}

impl S3Grant {
    /// The preset's document in a partition.
    pub(crate) fn document(&self, partition: &str) -> Result<Document, crate::policy::DocumentError> {
        let buckets: Vec<BucketRef> = self
            .buckets
            .iter()
            .map(|bucket| BucketRef { bucket: bucket.clone(), prefixes: self.prefixes.clone() })
            .collect();
        s3_policy(partition, &buckets, self.access)
    }
}

impl DocumentSource {
    /// The document in a partition.
    pub(crate) fn document(&self, partition: &str) -> Result<Document> {
        match self {
            Self::Given(document) => Ok(document.clone()),
            Self::S3(s3) => Ok(s3.document(partition)?),
        }
    }
}
