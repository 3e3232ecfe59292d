//! One way in which a grant meets a world.

use podrole::grant::PolicySource;
use podrole::memory::{AccountRole, Memory, World};
use podrole::model::{Issuer, RoleName};
use podrole::{Client, Grant};

use super::{ACCOUNT, ISSUER, ROLE, S3_READ, account_mut, allow, crowded, foreign_trust, put_role};

/// A grant, the world it meets, and what an undo of it may leave.
#[derive(Clone)]
pub struct Scenario {
    pub name: &'static str,
    pub world: World,
    /// Applied before, without a disturbance.
    pub earlier: Vec<Grant>,
    pub grant: Grant,
    /// Whether what `earlier` made stays after a revoke: it is another grant's.
    pub earlier_stays: bool,
    /// Whether the role is not podrole's, so that attachments can only be taken back with a receipt.
    pub foreign_role: bool,
    /// Whether the undo is asked to remove the OIDC provider too.
    pub remove_provider: bool,
    /// Takes from a world what an undo leaves for good, and says so in the plan.
    pub stays: fn(&mut World),
}

impl Scenario {
    pub fn new(name: &'static str, grant: Grant) -> Self {
        Self {
            name,
            world: crowded(),
            earlier: Vec::new(),
            grant,
            earlier_stays: false,
            foreign_role: false,
            remove_provider: false,
            stays: |_| {},
        }
    }

    pub fn world(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world);
        self.world = self.world.filled();
        self
    }

    pub fn after(mut self, earlier: Grant) -> Self {
        self.earlier.push(earlier);
        self
    }

    pub fn beside(mut self, earlier: Grant) -> Self {
        self.earlier_stays = true;
        self.after(earlier)
    }

    pub fn foreign_role(self) -> Self {
        let mut scenario = self.world(|world| {
            let role = AccountRole::new(foreign_trust())
                .tag("team", "others")
                .attached(S3_READ)
                .inline("kept", allow("sqs:*"));
            put_role(world, ROLE, role);
        });
        scenario.foreign_role = true;
        scenario
    }

    pub fn staying(mut self, stays: fn(&mut World)) -> Self {
        self.stays = stays;
        self
    }

    pub fn removing_provider(mut self) -> Self {
        self.remove_provider = true;
        self
    }

    /// The simulation with everything done that comes before the grant.
    pub async fn prepare(&self) -> Memory {
        let memory = Memory::new(self.world.clone());
        for grant in &self.earlier {
            Client::in_memory(&memory).apply(grant).await.unwrap_or_else(|error| panic!("{}: {error:#}", self.name));
        }
        memory.clear_calls();
        memory
    }

    /// What a revoke must come back to.
    pub fn before(&self, prepared: &World) -> World {
        self.without_what_stays(if self.earlier_stays { prepared } else { &self.world })
    }

    /// The comparable world without the cluster's OIDC provider, unless its removal is asked for, and without what stays for good.
    pub fn without_what_stays(&self, world: &World) -> World {
        let mut world = world.comparable();
        if !self.remove_provider {
            account_mut(&mut world).oidc_providers.remove(&Issuer::new(ISSUER).unwrap());
        }
        (self.stays)(&mut world);
        world.comparable()
    }

    /// The same, without the former versions of policies.
    pub fn without_history(world: &World) -> World {
        let mut world = world.comparable();
        for policy in account_mut(&mut world).policies.values_mut() {
            let default = policy.default_version.clone();
            policy.versions.retain(|version, _| *version == default);
        }
        world.comparable()
    }

    /// The same, without what the grant puts on its role where no mark can be.
    pub fn without_unmarked(&self, world: &World) -> World {
        let mut world = world.clone();
        if self.foreign_role
            && let Some(role) = account_mut(&mut world).roles.get_mut(&RoleName::new(ROLE).unwrap())
        {
            for (attached, inline) in unmarked(&self.grant) {
                role.attached_policies.retain(|arn| Some(arn.as_str()) != attached.as_deref());
                role.inline_policies.retain(|name, _| Some(name.as_str()) != inline.as_deref());
            }
        }
        world
    }
}

/// The ARN or the inline name of each policy of a grant that carries no mark of its own.
fn unmarked(grant: &Grant) -> Vec<(Option<String>, Option<String>)> {
    grant
        .policies
        .iter()
        .map(|policy| match policy.source {
            PolicySource::AwsManaged => {
                (policy.name.as_ref().map(|name| format!("arn:aws:iam::aws:policy/{name}")), None)
            }
            PolicySource::Arn => (policy.arn.clone(), None),
            PolicySource::Customer => {
                (policy.name.as_ref().map(|name| format!("arn:aws:iam::{ACCOUNT}:policy/{name}")), None)
            }
            _ if policy.inline => (None, policy.name.clone()),
            _ => (None, None),
        })
        .collect()
}
