//! Kustomizations on disk: what podrole edits, kubectl renders and applies.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use podrole::grant::Scope;
use podrole::kubernetes::Kubeconfig;
use podrole::{ErrorKind, Grant};
use podrole_tests::{CLUSTER, ROLE_ARN, control_plane};
use serde_json::{Value, json};

use crate::support::{DEPLOYMENT, SERVICE_ACCOUNT, Scene, kinds, shown};

/// Every file of a folder, by its path in it.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// What `kubectl kustomize` makes of a folder: the Deployment's service account, and everything else.
fn rendered(folder: &Path) -> (Option<String>, Vec<Value>) {
    let text = control_plane().kubectl(&["kustomize", folder.to_str().unwrap()]);
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let deployments = objects.iter_mut().filter(|object| object["kind"] == "Deployment").collect::<Vec<_>>();
    let [deployment] = <[_; 1]>::try_from(deployments).unwrap();
    assert_eq!(deployment["metadata"]["name"], DEPLOYMENT);
    let pod = deployment["spec"]["template"]["spec"].as_object_mut().unwrap();
    let service_account = pod.remove("serviceAccountName").map(|name| name.as_str().unwrap().to_owned());
    (service_account, objects)
}

#[tokio::test]
async fn every_kustomization_renders_the_service_account_and_comes_back_byte_for_byte() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/kustomize");
    let scene = Scene::new("kustomizations").await;
    let root = tempfile::tempdir().unwrap();
    let kubeconfig = Kubeconfig { path: Some(scene.plane.kubeconfig.clone().into()), context: None };
    let client = scene.front.builder().kubeconfig(kubeconfig).file_root(root.path()).build().await.unwrap();
    let mut names: Vec<String> = fs::read_dir(&fixtures)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names.len(), 23);
    for name in names {
        let before = contents(&fixtures.join(&name));
        let folder = root.path().join(&name);
        write(&folder, &before);
        let (former, rest) = rendered(&folder);
        assert_ne!(former.as_deref(), Some(SERVICE_ACCOUNT), "{name}");
        let grant = |service_account: &str| {
            Grant::new(CLUSTER, format!("{}/{service_account}", scene.namespace), ROLE_ARN)
                .scope(Scope::Kubernetes)
                .kustomization(format!("{name}/kustomization.yaml"), DEPLOYMENT)
        };
        let first = grant(SERVICE_ACCOUNT);
        let plan = client.plan(&first).await.unwrap();
        assert!(kinds(&plan).contains(&"edit_file".to_owned()), "{name}: {plan}");
        client.apply(plan).await.unwrap();
        client.verify(&first).await.unwrap().into_result().unwrap();
        assert_eq!(rendered(&folder), (Some(SERVICE_ACCOUNT.to_owned()), rest.clone()), "{name}");

        let edited = contents(&folder);
        assert!(client.plan(&first).await.unwrap().is_empty(), "{name}: a second edit");
        client.apply(&first).await.unwrap();
        assert_eq!(contents(&folder), edited, "{name}");

        client.revoke(&first).await.unwrap();
        assert_eq!(contents(&folder), before, "{name}");
        assert_eq!(rendered(&folder), (former, rest), "{name}");
    }
}

/// A base and an overlay with Windows line ends.
fn application(namespace: &str) -> BTreeMap<String, Vec<u8>> {
    let labels = json!({"app": DEPLOYMENT});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": DEPLOYMENT},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:1"}]},
            },
        },
    });
    let overlay = format!("# Production.\r\nnamespace: {namespace} # one each\r\nresources:\r\n  - ../base\r\n");
    let file = |name: &str, text: String| (name.to_owned(), text.into_bytes());
    BTreeMap::from([
        file("base/deployment.yaml", deployment.to_string()),
        file("base/kustomization.yaml", "resources: [deployment.yaml]\n".to_owned()),
        file("production/kustomization.yaml", overlay),
    ])
}

#[tokio::test]
async fn a_grant_with_a_kustomization_reaches_the_pods_by_kubectl_apply() {
    let scene = Scene::new("kustomization").await;
    let root = tempfile::tempdir().unwrap();
    let before = application(&scene.namespace);
    write(root.path(), &before);
    let client = scene.front.builder().file_root(root.path()).build().await.unwrap();
    let grant = scene.grant().kustomization("production/kustomization.yaml", DEPLOYMENT);
    let plan = client.plan(&grant).await.unwrap();
    println!("{plan}");
    let wanted = ["create_provider", "create_role", "attach_policy", "apply_service_account", "edit_file"];
    let mut found = kinds(&plan);
    found.sort();
    let mut sorted = wanted;
    sorted.sort_unstable();
    assert_eq!(found, sorted);
    client.apply(plan).await.unwrap();
    client.verify(&grant).await.unwrap().into_result().unwrap();
    assert!(client.plan(&grant).await.unwrap().is_empty());
    let text = fs::read_to_string(root.path().join("production/kustomization.yaml")).unwrap();
    assert!(text.starts_with("# Production.\r\n") && !text.replace("\r\n", "").contains('\n'), "{text:?}");

    scene.plane.kubectl(&["apply", "-k", root.path().join("production").to_str().unwrap()]);
    scene.plane.rolled_out("deployment", &scene.namespace, DEPLOYMENT);
    let described = scene.plane.kubectl(&["describe", "deployment", DEPLOYMENT, "-n", &scene.namespace]);
    let line = described.lines().find(|line| line.contains("Service Account:")).unwrap();
    assert!(line.ends_with(SERVICE_ACCOUNT), "{line}");

    let receipt = client.revoke(&grant).await.unwrap();
    assert_eq!(contents(root.path()), before);
    // The pods run as the service account until they are replaced.
    assert!(receipt.plan.to_string().contains("does not replace"), "{}", receipt.plan);
    assert_ne!(scene.service_account(), Value::Null);
    scene.plane.kubectl(&["scale", "deployment", DEPLOYMENT, "-n", &scene.namespace, "--replicas=0"]);
    scene.plane.rolled_out("deployment", &scene.namespace, DEPLOYMENT);
    client.revoke(&grant).await.unwrap();
    assert_eq!(scene.service_account(), Value::Null);
}

#[tokio::test]
async fn a_kustomization_that_cannot_be_edited_is_refused_before_any_write() {
    let scene = Scene::new("bad-kustomization").await;
    let root = tempfile::tempdir().unwrap();
    let texts = [
        ("broken", "resources: [base\n"),
        ("tab", "resources:\n\t- base\n"),
        ("list", "- base\n"),
        ("twice", "resources: [a]\nresources: [b]\n"),
        (
            "conflict",
            "patches:\n  - patch: |-\n      apiVersion: apps/v1\n      kind: Deployment\n      metadata: {name: connections-app}\n      spec: {template: {spec: {serviceAccountName: theirs}}}\n",
        ),
        ("missing-patch", "patches:\n  - path: nowhere.yaml\n    target: {kind: Deployment, name: connections-app}\n"),
    ];
    for (name, text) in texts {
        fs::write(root.path().join(format!("{name}.yaml")), text).unwrap();
    }
    let before = contents(root.path());
    let client = scene.front.builder().file_root(root.path()).build().await.unwrap();
    let cases = [
        ("broken.yaml", ErrorKind::InvalidInput),
        ("tab.yaml", ErrorKind::InvalidInput),
        ("list.yaml", ErrorKind::InvalidInput),
        ("twice.yaml", ErrorKind::InvalidInput),
        ("conflict.yaml", ErrorKind::Conflict),
        ("missing-patch.yaml", ErrorKind::NotFound),
        ("nowhere/kustomization.yaml", ErrorKind::NotFound),
        ("../outside.yaml", ErrorKind::InvalidInput),
    ];
    for (path, kind) in cases {
        let error = client.apply(&scene.grant().kustomization(path, DEPLOYMENT)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{path}: {error:?}");
        assert!(shown(&error).contains(path) && error.get_remedy().is_some(), "{path}: {error:?}");
    }
    assert_eq!(scene.front.writes(), Vec::<String>::new());
    assert_eq!(scene.service_account(), Value::Null);
    assert_eq!(contents(root.path()), before);
}
