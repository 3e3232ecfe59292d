//! Reads a kustomization's patches and what each does to a workload's service account.

use std::collections::BTreeMap;

use super::WorkloadTarget;
use super::error::KustomizeError;
use super::ops::{Effect, Op, Patch};
use super::selector::{self, Fit};
use super::text::{self, Source};
use super::tree::{self, Document, Kind, Node};

pub(super) const FILE: &str = "kustomization.yaml";

/// The lists that hold patches, in the order kustomize applies them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    StrategicMerge,
    Patches,
    Json6902,
}

impl List {
    const ALL: [Self; 3] = [Self::StrategicMerge, Self::Patches, Self::Json6902];

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::StrategicMerge => "patchesStrategicMerge",
            Self::Patches => "patches",
            Self::Json6902 => "patchesJson6902",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    Ops(Patch),
    /// A strategic merge patch: what it does, and the line that does it.
    Merge(Option<(Effect, usize)>),
    /// Of no concern to the workload.
    None,
}

/// One entry of a list of patches.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) list: List,
    pub(super) index: usize,
    pub(super) node: Node,
    pub(super) fit: Fit,
    pub(super) body: Body,
    /// The patch file, as the kustomization writes it.
    pub(super) path: Option<String>,
    /// An offset on the line where a comment about the whole entry can stand.
    pub(super) host: usize,
    shared: bool,
}

impl Entry {
    pub(super) fn file(&self) -> String {
        self.path.clone().unwrap_or_else(|| FILE.to_owned())
    }

    pub(super) fn effect(&self) -> Option<Effect> {
        match &self.body {
            Body::Ops(patch) => patch.deciding().and_then(|at| patch.ops[at].effect()),
            Body::Merge(effect) => effect.as_ref().map(|(effect, _)| effect.clone()),
            Body::None => None,
        }
    }

    pub(super) fn line_of_effect(&self) -> usize {
        match &self.body {
            Body::Ops(patch) if self.path.is_some() => patch.deciding().map_or(1, |at| patch.ops[at].node.line),
            Body::Merge(Some((_, line))) if self.path.is_some() => *line,
            _ => self.node.line,
        }
    }

    /// The patch, when it concerns this workload only and can be edited where it stands.
    pub(super) fn editable(&self) -> Option<&Patch> {
        match &self.body {
            Body::Ops(patch) if self.fit == Fit::Exact && !self.shared && patch.source.editable() => Some(patch),
            _ => None,
        }
    }
}

/// A kustomization with all that its patches do to one workload.
pub(super) struct Kustomization<'a> {
    pub(super) text: &'a str,
    pub(super) files: &'a BTreeMap<String, String>,
    pub(super) document: Document,
    pub(super) kind: &'a str,
    /// The workload's name as patches see it.
    pub(super) name: String,
    /// In the order kustomize applies them.
    pub(super) entries: Vec<Entry>,
}

impl<'a> Kustomization<'a> {
    pub(super) fn read(
        text: &'a str,
        files: &'a BTreeMap<String, String>,
        target: &'a WorkloadTarget,
    ) -> Result<Self, KustomizeError> {
        if !matches!(target.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet") {
            return Err(KustomizeError::InvalidName { what: "workload kind", value: target.kind.clone() });
        }
        super::check_name("workload name", &target.name)?;
        let document = document(text)?;
        let root = &document.root;
        let affix = |key: &str| root.get(key).and_then(Node::str).unwrap_or_default();
        let bare =
            target.name.strip_prefix(affix("namePrefix")).and_then(|name| name.strip_suffix(affix("nameSuffix")));
        let name = bare.filter(|name| !name.is_empty()).unwrap_or(&target.name).to_owned();
        let names = [name.clone(), target.name.clone()];
        // A kustomization's own namespace is given after patches chose their targets.
        let namespace = if affix("namespace").is_empty() { target.namespace.as_deref() } else { None };
        let seeker = Seeker { text, files, kind: &target.kind, names: &names, namespace };
        let mut entries = Vec::new();
        for list in List::ALL {
            for (index, node) in list_items(root, list)?.iter().enumerate() {
                entries.push(seeker.entry(list, index, node)?);
            }
        }
        let uses = |path: &str| {
            let plain = |path: &str| path.trim_start_matches("./").to_owned();
            entries
                .iter()
                .filter(|entry| entry.path.as_deref().is_some_and(|other| plain(other) == plain(path)))
                .count()
        };
        let shared: Vec<bool> = entries
            .iter()
            .map(|entry| {
                let outside = |path: &str| path.starts_with('/') || path.split('/').any(|part| part == "..");
                entry.path.as_deref().is_some_and(|path| outside(path) || uses(path) > 1)
            })
            .collect();
        for (entry, shared) in entries.iter_mut().zip(shared) {
            entry.shared = shared;
        }
        Ok(Self { text, files, document, kind: &target.kind, name, entries })
    }

    /// The entry that decides the field in the end.
    pub(super) fn deciding(&self) -> Option<&Entry> {
        self.entries.iter().rfind(|entry| entry.effect().is_some())
    }

    /// What the patches set, where that is certain.
    pub(super) fn value(&self) -> Option<String> {
        match self.deciding().filter(|entry| entry.fit != Fit::Unknown)?.effect()? {
            Effect::Set(value) => Some(value),
            Effect::Removed | Effect::Opaque => None,
        }
    }

    pub(super) fn list(&self, list: List) -> Option<&(Node, Node)> {
        self.document.root.pair(list.key())
    }
}

pub(super) fn referenced_files(text: &str) -> Result<Vec<String>, KustomizeError> {
    let document = document(text)?;
    let mut paths = Vec::new();
    for list in List::ALL {
        for node in list_items(&document.root, list)? {
            let path = match list {
                List::StrategicMerge => node.str().filter(|patch| is_path(patch)),
                _ => node.get("path").and_then(Node::str),
            };
            if let Some(path) = path.map(str::to_owned).filter(|path| !path.is_empty() && !paths.contains(path)) {
                paths.push(path);
            }
        }
    }
    Ok(paths)
}

fn document(text: &str) -> Result<Document, KustomizeError> {
    let mut documents = tree::parse(text, &|at| {
        let (line, column) = text::place_of(text, at);
        (FILE.to_owned(), line, column)
    })?;
    let other = |found: &str| Err(KustomizeError::NotAKustomization { found: found.to_owned() });
    if documents.len() > 1 {
        return other("more than one YAML document");
    }
    let Some(document) = documents.pop() else { return other("an empty file") };
    if !document.root.is_mapping() {
        return other("no mapping at the top level");
    }
    match document.root.get("kind").and_then(Node::str) {
        None | Some("Kustomization" | "Component") => Ok(document),
        Some(kind) => other(&format!("kind {kind}")),
    }
}

fn list_items(root: &Node, list: List) -> Result<&[Node], KustomizeError> {
    match root.get(list.key()) {
        Some(node) if !node.is_null() => {
            let items =
                node.items().ok_or_else(|| unsupported(node, format!("`{}` is not written as a list", list.key())))?;
            for item in items {
                let fine = if list == List::StrategicMerge { item.str().is_some() } else { item.is_mapping() };
                if !fine {
                    return Err(unsupported(item, format!("this entry of `{}` is not written out here", list.key())));
                }
            }
            Ok(items)
        }
        _ => Ok(&[]),
    }
}

pub(super) fn unsupported(node: &Node, what: String) -> KustomizeError {
    KustomizeError::Unsupported { file: FILE.to_owned(), line: node.line, what }
}

fn is_path(patch: &str) -> bool {
    !patch.contains('\n') && !patch.contains(": ") && !patch.trim_start().starts_with('{')
}

struct Seeker<'a> {
    text: &'a str,
    files: &'a BTreeMap<String, String>,
    kind: &'a str,
    names: &'a [String],
    namespace: Option<&'a str>,
}

impl Seeker<'_> {
    fn entry(&self, list: List, index: usize, node: &Node) -> Result<Entry, KustomizeError> {
        let (inline, path) = match list {
            List::StrategicMerge if node.str().is_some_and(is_path) => (None, Some(node)),
            List::StrategicMerge => (Some(node), None),
            _ => (node.get("patch"), node.get("path")),
        };
        let inline = inline.filter(|patch| patch.str().is_some_and(|text| !text.trim().is_empty()));
        let path = path.filter(|path| path.str().is_some_and(|path| !path.is_empty()));
        let target = node.get("target").filter(|target| !target.is_null());
        let fit = target.map(|target| self.fit(target)).transpose()?;
        let spot = inline.or(path).unwrap_or(node);
        let host = match &spot.kind {
            // The comment goes behind the `|-`, which stands on the key's line.
            Kind::Scalar { style, .. } if is_block(*style) => node.pair("patch").map_or(node.start, |(key, _)| key.end),
            _ => spot.end,
        };
        let mut entry = Entry {
            list,
            index,
            node: node.clone(),
            fit: fit.unwrap_or(Fit::Exact),
            body: Body::None,
            path: path.filter(|_| inline.is_none()).and_then(Node::str).map(str::to_owned),
            host,
            shared: false,
        };
        if entry.fit == Fit::No {
            return Ok(entry);
        }
        let source = match (inline, &entry.path) {
            (Some(inline), _) => Source::scalar(self.text, inline),
            (None, Some(path)) => {
                let text = self.files.get(path);
                let missing = || KustomizeError::MissingFile { path: path.clone(), line: node.line };
                Some(Source::file(text.ok_or_else(missing)?))
            }
            (None, None) => None,
        };
        let Some(source) = source else { return Ok(entry) };
        let file = entry.file();
        let inside = entry.path.is_none();
        let place = |at: usize| {
            let (line, column) = text::place_of(if inside { self.text } else { &source.text }, source.spot(at));
            (file.clone(), line, column)
        };
        let mut documents = tree::parse(&source.text, &place)?;
        let is_ops = documents.first().is_some_and(|document| document.root.items().is_some());
        if !is_ops {
            entry.body = Body::Merge(self.merge(&documents, target.is_some()));
            return Ok(entry);
        }
        // Without a target kustomize refuses a JSON6902 patch; there is nothing to say about it here.
        if target.is_some() && documents.len() == 1 {
            let document = documents.remove(0);
            let ops = document.root.items().unwrap_or_default().iter().cloned().map(|node| Op { node }).collect();
            entry.body = Body::Ops(Patch { source, document, ops });
        }
        Ok(entry)
    }

    /// What strategic merge patches do to the workload: those of the right name, or all of them under a target that fits.
    fn merge(&self, documents: &[Document], targeted: bool) -> Option<(Effect, usize)> {
        let get = |node: &Node, path: &[&str]| path.iter().try_fold(node.clone(), |node, key| node.get(key).cloned());
        let mut outcome = None;
        for document in documents {
            let root = &document.root;
            let kind = get(root, &["kind"]);
            let name = get(root, &["metadata", "name"]);
            let same_kind = kind.as_ref().and_then(Node::str) == Some(self.kind);
            let same_name =
                name.as_ref().and_then(Node::str).is_some_and(|name| self.names.iter().any(|own| own == name));
            let named = same_kind && same_name;
            if !targeted && !named {
                continue;
            }
            if let Some(field) = get(root, &["spec", "template", "spec", "serviceAccountName"]) {
                let effect = match field.str() {
                    Some(value) => Effect::Set(value.to_owned()),
                    None if field.is_null() => Effect::Removed,
                    None => Effect::Opaque,
                };
                outcome = Some((effect, field.line));
            }
        }
        outcome
    }

    fn fit(&self, target: &Node) -> Result<Fit, KustomizeError> {
        if !target.is_mapping() {
            return Err(unsupported(target, "this target is not written out here".to_owned()));
        }
        let field = |key: &str| match target.get(key) {
            Some(node) if !node.is_null() => {
                node.str().ok_or_else(|| unsupported(node, format!("the target's {key} is not written out here")))
            }
            _ => Ok(""),
        };
        let (kind, name, namespace) = (field("kind")?, field("name")?, field("namespace")?);
        let mut unknown = !field("labelSelector")?.is_empty() || !field("annotationSelector")?.is_empty();
        let own: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let is_own = |pattern: &str| selector::literal(pattern).is_some_and(|name| own.contains(&name.as_str()));
        let name_fits = if is_own(name) {
            Some(true)
        } else {
            own.iter()
                .map(|own| selector::matches(name, own))
                .reduce(|a, b| if a == Some(true) { a } else { b })
                .flatten()
        };
        let namespace_fits = self.namespace.map_or(Some(true), |own| selector::matches(namespace, own));
        for fits in [
            selector::matches(field("group")?, "apps"),
            selector::matches(field("version")?, "v1"),
            selector::matches(kind, self.kind),
            name_fits,
            namespace_fits,
        ] {
            match fits {
                Some(true) => {}
                Some(false) => return Ok(Fit::No),
                None => unknown = true,
            }
        }
        if unknown {
            return Ok(Fit::Unknown);
        }
        let exact = selector::literal(kind).is_some() && is_own(name);
        Ok(if exact { Fit::Exact } else { Fit::Wide })
    }
}

pub(super) fn is_block(style: serde_saphyr::granit_parser::ScalarStyle) -> bool {
    use serde_saphyr::granit_parser::ScalarStyle::{Folded, Literal};
    matches!(style, Literal | Folded)
}
