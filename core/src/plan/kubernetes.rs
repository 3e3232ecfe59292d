//! The Kubernetes half of an apply: in which order service account, workloads and kustomizations go.

use std::collections::{BTreeMap, BTreeSet};

use super::Level;
use super::action::{Action, Change};
use super::builder::{Builder, Draft, Scene};
use super::identity::{Annotated, identity_beside};
use super::workload::is_marked;
use crate::error::{Error, ErrorKind, Result};
use crate::grant::CheckedGrant;
use crate::kustomize::{self, WorkloadTarget};
use crate::marks::{self};
use crate::model::{Arn, WorkloadRef};
use crate::observe::{Answer, Fact, Read, sibling};

impl Builder<'_> {
    pub(super) fn apply_kubernetes(&mut self, scene: &Scene<'_>, named: &[u32], ready: &[u32]) -> Result<()> {
        let grant = scene.grant;
        let cluster = grant.grant.cluster.clone();
        let role_arn = self.role_arn(scene)?;
        self.require_namespace(grant)?;
        if !grant.grant.scope.has_iam() {
            let message =
                "which cluster the connection leads to is not checked: with scope `kubernetes` EKS is not asked";
            self.note(Level::Info, format!("cluster {}", grant.cluster), message);
        }
        let found = self.world.service_account(&cluster, &grant.namespace, &grant.service_account).cloned();
        let identity = identity_beside(found.as_ref(), grant, &role_arn, self.manager());
        let annotated = Annotated::of(found.as_ref(), &identity, self.manager());
        let mut looks = Vec::new();
        for workload in &grant.workloads {
            let mut look = self.look_at(grant, workload)?;
            if !look.to_point {
                look.restart = self.restart(grant, workload, &look.found, &identity, &annotated);
            }
            looks.push(look);
        }
        let recorded: Vec<WorkloadRef> =
            found.iter().flat_map(|found| marks::recorded_workloads(&found.annotations, &grant.namespace)).collect();
        let wanted: BTreeSet<&WorkloadRef> = grant.workloads.iter().map(|workload| &workload.workload).collect();
        // Ours are those that carry a mark of ours already, and those that will.
        let ours: Vec<&WorkloadRef> = grant
            .workloads
            .iter()
            .zip(&looks)
            .filter(|(_, look)| look.to_point || look.restart.is_some() || is_marked(&look.found))
            .map(|(workload, _)| &workload.workload)
            .collect();
        // Restored before the annotation stops naming them, so that a crash in between loses none.
        let mut before = named.to_vec();
        let is_elsewhere = |workload: &WorkloadRef| {
            let mut others =
                self.grants().filter(|other| other.grant.cluster == cluster && other.grant.scope.has_kubernetes());
            others.any(|other| other.workloads.iter().any(|wanted| wanted.workload == *workload))
        };
        let dropped: Vec<_> =
            recorded.iter().filter(|workload| !wanted.contains(workload) && !is_elsewhere(workload)).collect();
        for workload in dropped {
            before.extend(self.restore(scene, workload, "the grant no longer names it", Vec::new()));
        }
        let step = self.service_account(scene, found.as_ref(), &identity, &ours, &before)?;
        let after: Vec<u32> = ready.iter().copied().chain(step).collect();
        for (workload, look) in grant.workloads.iter().zip(looks) {
            self.workload(scene, workload, look, &identity, &after);
        }
        for index in 0..grant.grant.kustomizations.len() {
            self.kustomization(scene, index, &after)?;
        }
        Ok(())
    }

    fn role_arn(&self, scene: &Scene<'_>) -> Result<Arn> {
        let grant = scene.grant;
        if let Some(arn) = &grant.role_arn {
            return Ok(arn.clone());
        }
        if let Some(role) = self.world.role(&scene.account, &grant.role) {
            return Ok(role.arn.clone());
        }
        Err(Error::new(ErrorKind::Unexpected, "the role's ARN is not known").resource(format!("role {}", grant.role)))
    }

    fn require_namespace(&mut self, grant: &CheckedGrant) -> Result<()> {
        let read = Read::Namespace { cluster: grant.grant.cluster.clone(), namespace: grant.namespace.clone() };
        match self.world.fact(&read) {
            Some(Fact::Absent) => {
                Err(Error::new(ErrorKind::NotFound, format!("there is no such namespace on cluster {}", grant.cluster))
                    .resource(format!("namespace {}", grant.namespace))
                    .code("NotFound")
                    .remedy("create the namespace first, or correct its name"))
            }
            Some(Fact::Unknown(reason)) => {
                let message = format!("not known: whether it exists ({reason})");
                self.note(Level::Info, format!("namespace {}", grant.namespace), message);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn kustomization(&mut self, scene: &Scene<'_>, index: usize, after: &[u32]) -> Result<()> {
        let wanted = &scene.grant.grant.kustomizations[index];
        let (text, files) = self.kustomization_files(&wanted.path)?;
        let target = WorkloadTarget {
            kind: wanted.kind.kubernetes_kind().to_owned(),
            name: wanted.name.clone(),
            namespace: None,
        };
        let edit = kustomize::set_service_account(&text, &files, &target, scene.grant.service_account.as_str())
            .map_err(|error| error.of(&wanted.path))?;
        let former = edit.former.clone();
        let change = Change::new(
            "patch /spec/template/spec/serviceAccountName",
            former,
            Some(scene.grant.service_account.as_str()),
        );
        self.edits(
            &wanted.path,
            &text,
            &files,
            edit,
            &format!("{} {}", target.kind.to_lowercase(), target.name),
            (&change, after),
        );
        Ok(())
    }

    /// A kustomization and the patch files it names.
    pub(super) fn kustomization_files(&self, path: &str) -> Result<(String, BTreeMap<String, String>)> {
        let Some(text) = self.world.file(path).cloned() else {
            return Err(Error::new(ErrorKind::NotFound, "there is no such file under the client's file root")
                .resource(format!("file {path}"))
                .remedy("give its path relative to the file root (default: the working directory)"));
        };
        let mut files = BTreeMap::new();
        for name in kustomize::referenced_files(&text).map_err(|error| error.of(path))? {
            if let Some(text) = self.world.file(&sibling(path, &name)) {
                files.insert(name, text.clone());
            }
        }
        Ok((text, files))
    }

    /// One step per file that an edit changes, after what the workload needs: somebody may deploy the file as soon as it is edited.
    pub(super) fn edits(
        &mut self,
        path: &str,
        text: &str,
        files: &BTreeMap<String, String>,
        edit: kustomize::KustomizeEdit,
        what: &str,
        (change, after): (&Change, &[u32]),
    ) {
        let patched = edit
            .files
            .into_iter()
            .filter_map(|(name, after)| files.get(&name).map(|before| (sibling(path, &name), before.clone(), after)));
        let own = edit.kustomization.map(|after| (path.to_owned(), text.to_owned(), after));
        for (path, before, edited) in patched.chain(own).collect::<Vec<_>>() {
            self.world.set(Read::File { path: path.clone() }, Fact::Present(Answer::Text(edited.clone())));
            self.on_disk(Draft {
                summary: format!("edit {path}"),
                why: format!("the next deployment of {what} brings it"),
                resource: format!("file {path}"),
                changes: vec![change.clone()],
                after: after.to_vec(),
                action: Action::EditFile { path, before, after: edited },
            });
        }
    }
}
