//! What the grants of one plan must not be to each other, and their order.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::error::{Error, Result};
use crate::grant::{CheckedGrant, CheckedPolicy, ClusterSelector, Manage, PolicyContent};
use crate::model::{AccountId, PolicyName};
use crate::observe::Observed;

/// A service account has one role, and a workload one service account: of two grants in a set the later one would win unsaid.
pub(super) fn one_grant_each(grants: &[CheckedGrant]) -> Result<()> {
    let twice = |what: String| {
        Err(Error::invalid(format!("two grants of the set are for {what}")).remedy("put them into one grant"))
    };
    let (mut subjects, mut workloads) = (HashSet::new(), HashMap::new());
    for (index, grant) in grants.iter().enumerate() {
        let (scope, cluster) = (grant.grant.scope, &grant.grant.cluster);
        // The halves of a grant may be two grants of different scope.
        let halves = [scope.has_iam(), scope.has_kubernetes()];
        for half in (0..halves.len()).filter(|half| halves[*half]) {
            let subject = grant.grant.subject();
            if !subjects.insert((half, cluster, subject.clone())) {
                return twice(format!("service account {subject} on cluster {}", grant.cluster));
            }
            let mut wanted = grant.workloads.iter().map(|wanted| &wanted.workload);
            let shared = wanted.find(|workload| {
                workloads.insert((half, cluster, *workload), index).is_some_and(|earlier| earlier != index)
            });
            if let Some(shared) = shared {
                return twice(format!("{shared} on cluster {}", grant.cluster));
            }
        }
    }
    Ok(())
}

/// What has two names in a set would be read and written as two things at once.
pub(super) fn one_name_each(grants: &[CheckedGrant], observed: &Observed) -> Result<()> {
    let mut clusters: BTreeSet<&ClusterSelector> = BTreeSet::new();
    let (mut accounts, mut roles, mut policies) = (HashMap::new(), HashMap::new(), HashMap::new());
    for grant in grants {
        let selector = &grant.grant.cluster;
        if clusters.insert(selector)
            && let Some(other) = clusters.iter().find(|other| may_be_one(other, selector, observed))
        {
            let message =
                format!("{} and {} are the same cluster, named in two ways", in_words(other), in_words(selector));
            return Err(Error::invalid(message).remedy("give name, region and account alike in all grants of the set"));
        }
        let Some(cluster) = observed.cluster(selector).filter(|_| grant.grant.scope.has_iam()) else { continue };
        let account = grant.place(cluster)?.account;
        let named = grant.iam_account();
        if *accounts.entry(account.clone()).or_insert_with(|| named.clone()) != named {
            let message =
                format!("one grant of the set names account {account}, and another leaves it to the credentials");
            return Err(Error::invalid(message).remedy(
                "name the account in each grant's cluster, or give roles by name in all of them: the account picks the credentials",
            ));
        }
        for role in grant.data_syncs.iter().chain([&grant.role]) {
            // IAM does not tell upper and lower case apart.
            let first = roles.entry((account.clone(), role.as_str().to_lowercase())).or_insert(role);
            if *first != role {
                return Err(Error::invalid(format!("{first} and {role} are the same role to IAM"))
                    .remedy("write its name alike in all grants of the set"));
            }
        }
        for name in grant.policies.iter().filter_map(customer_managed) {
            let first = policies.entry((account.clone(), name.to_lowercase())).or_insert(name);
            if *first != name {
                return Err(Error::invalid(format!("{first} and {name} are the same policy to IAM"))
                    .remedy("write its name alike in all grants of the set"));
            }
        }
    }
    Ok(())
}

/// The name of a policy of the role's account, which IAM keeps once.
fn customer_managed(policy: &CheckedPolicy) -> Option<&str> {
    match &policy.content {
        PolicyContent::Customer(name, _) => Some(name.as_str()),
        PolicyContent::Managed(..) => policy.name.as_ref().map(PolicyName::as_str),
        PolicyContent::Arn(arn) if !arn.is_aws_managed_policy() => Some(arn.name()),
        _ => None,
    }
}

/// Whether two ways to name a cluster stand for one, as far as is known.
fn may_be_one(one: &ClusterSelector, other: &ClusterSelector, observed: &Observed) -> bool {
    if one == other {
        return false;
    }
    if let (Some(one), Some(other)) = (observed.cluster(one), observed.cluster(other)) {
        return one.arn == other.arn;
    }
    let agree = |one: &Option<String>, other: &Option<String>| one.is_none() || other.is_none() || one == other;
    one.name == other.name && agree(&one.region, &other.region) && agree(&one.account, &other.account)
}

fn in_words(cluster: &ClusterSelector) -> String {
    let region = cluster.region.as_deref().map(|region| format!(" in region {region}")).unwrap_or_default();
    let account = cluster.account.as_deref().map(|account| format!(" of account {account}")).unwrap_or_default();
    format!("\"{}\"{region}{account}", cluster.name)
}

/// Two grants of a set may share a role, but not want it to look in two ways: it would never come to rest.
pub(super) fn one_wish_each(grants: &[CheckedGrant]) -> Result<()> {
    let mut wishes = HashMap::new();
    let setting = |grant: &&CheckedGrant| grant.grant.scope.has_iam() && grant.grant.role.manage != Manage::Observe;
    for grant in grants.iter().filter(setting) {
        let role = &grant.grant.role;
        let session = (role.max_session_duration != 3600).then(|| format!("{} s", role.max_session_duration));
        let description = role.description.clone();
        let wanted = [("description".to_owned(), description), ("maxSessionDuration".to_owned(), session)];
        let tags = role.tags.iter().map(|(key, value)| (format!("tag {key}"), Some(value.clone())));
        for (field, value) in wanted.into_iter().chain(tags).filter_map(|(field, value)| Some((field, value?))) {
            let first = wishes.entry((grant.iam_account(), &grant.role, field.clone())).or_insert(value.clone());
            if *first != value {
                let message = format!("two grants of the set want {field} of it otherwise: {first:?} and {value:?}");
                return Err(Error::invalid(message)
                    .resource(format!("role {}", grant.role))
                    .remedy("say it alike in all grants of the role, or in one alone"));
            }
        }
    }
    Ok(())
}

/// The grants in an order in which comes first what others need: the AWS half of a service account, a role that lets another grant's role in for a data
/// sync, and a policy that another grant attaches. Otherwise the order is theirs.
pub(super) fn needed_first(grants: &[CheckedGrant]) -> Vec<&CheckedGrant> {
    Order::of(grants, 0..grants.len())
}

/// The same for an undo: what others need comes last.
pub(super) fn needed_last(grants: &[CheckedGrant]) -> Vec<&CheckedGrant> {
    let mut order = Order::of(grants, (0..grants.len()).rev());
    order.reverse();
    order
}

/// Without what is given twice: that is undone once.
pub(super) fn once_each(grants: Vec<&CheckedGrant>) -> impl Iterator<Item = &CheckedGrant> {
    let mut seen: HashMap<(ClusterSelector, String), Vec<&CheckedGrant>> = HashMap::new();
    grants.into_iter().filter(move |grant| {
        let known = seen.entry((grant.grant.cluster.clone(), grant.grant.subject())).or_default();
        let is_new = !known.iter().any(|other| other.grant == grant.grant);
        known.push(grant);
        is_new
    })
}

/// What a grant of a set may need of another one.
#[derive(PartialEq, Eq, Hash)]
enum Need {
    Account(ClusterSelector, String),
    Role(Option<AccountId>, String),
    Policy(Option<AccountId>, String),
}

struct Order<'g> {
    grants: &'g [CheckedGrant],
    makers: HashMap<Need, Vec<usize>>,
    seen: HashSet<usize>,
    found: Vec<&'g CheckedGrant>,
}

impl<'g> Order<'g> {
    fn of(grants: &'g [CheckedGrant], indices: impl Iterator<Item = usize>) -> Vec<&'g CheckedGrant> {
        let mut makers: HashMap<Need, Vec<usize>> = HashMap::new();
        for (index, grant) in grants.iter().enumerate().filter(|(_, grant)| grant.grant.scope.has_iam()) {
            let made = grant.policies.iter().filter(|policy| matches!(policy.content, PolicyContent::Managed(..)));
            let policies =
                made.filter_map(customer_managed).map(|name| Need::Policy(grant.iam_account(), name.to_owned()));
            let account = Need::Account(grant.grant.cluster.clone(), grant.grant.subject());
            let role = Need::Role(grant.iam_account(), grant.role.to_string());
            for need in policies.chain([account, role]) {
                makers.entry(need).or_default().push(index);
            }
        }
        let mut order = Self { grants, makers, seen: HashSet::new(), found: Vec::new() };
        for index in indices {
            order.visit(index);
        }
        order.found
    }

    fn visit(&mut self, index: usize) {
        // Two that need each other have no such order: theirs stays.
        if !self.seen.insert(index) {
            return;
        }
        let grant = &self.grants[index];
        let mut needs = Vec::new();
        if grant.grant.scope.has_iam() {
            let roles = grant.data_syncs.iter().filter(|role| **role != grant.role);
            needs.extend(roles.map(|role| Need::Role(grant.iam_account(), role.to_string())));
            let attached = grant.policies.iter().filter(|policy| !matches!(policy.content, PolicyContent::Managed(..)));
            let named = attached.filter_map(customer_managed);
            needs.extend(named.map(|name| Need::Policy(grant.iam_account(), name.to_owned())));
        } else {
            needs.push(Need::Account(grant.grant.cluster.clone(), grant.grant.subject()));
        }
        for need in needs {
            for other in self.makers.get(&need).cloned().unwrap_or_default() {
                self.visit(other);
            }
        }
        self.found.push(grant);
    }
}
