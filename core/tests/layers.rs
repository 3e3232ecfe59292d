//! Holds what the layout promises: which folder may name which library, one TLS stack, one compilation of the dependencies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether a line of code, not of a comment, names a crate or module that begins with one of these.
fn names(line: &str, crates: &[&str]) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').any(|word| {
        let first = word.trim_start_matches(':').split("::").next().unwrap_or_default();
        // `use kube;` and `kube::Client`, not a variable or a field called `kube`.
        crates.iter().any(|wanted| {
            wanted
                .strip_suffix('*')
                .map_or_else(|| first == *wanted && word.contains("::"), |prefix| first.starts_with(prefix))
        })
    })
}

/// Every line outside `allowed` that names one of these crates.
fn strays(crates: &[&str], allowed: &str) -> Vec<String> {
    let source = root().join("core/src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    assert!(files.len() > 20, "only {} files found in {}", files.len(), source.display());
    let mut inside = 0;
    let mut outside = Vec::new();
    for file in files {
        let place = file.strip_prefix(&source).unwrap();
        for (number, line) in read(&file).lines().enumerate().filter(|(_, line)| names(line, crates)) {
            if place.starts_with(allowed) {
                inside += 1;
            } else {
                outside.push(format!("{}:{}: {}", place.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(inside > 0, "nothing under core/src/{allowed} names {crates:?}: this test looks for the wrong thing");
    outside
}

#[test]
fn only_the_aws_folder_names_the_aws_sdk() {
    let strays = strays(
        &["aws_sdk_*", "aws_config*", "aws_smithy_*", "aws_credential_types*", "aws_sigv4*", "aws_types*"],
        "aws",
    );
    assert_eq!(strays, [""; 0]);
}

#[test]
fn only_the_kubernetes_folder_names_kube() {
    assert_eq!(strays(&["kube", "kube_*", "k8s_openapi*"], "kubernetes"), [""; 0]);
}

#[test]
fn a_name_in_a_comment_or_of_ones_own_is_no_stray() {
    assert!(names("use aws_sdk_iam::Client;", &["aws_sdk_*"]));
    assert!(names("    client: ::kube::Client,", &["kube"]));
    assert!(!names("// as kube::Client does", &["kube"]));
    assert!(!names("let kube = crate::kubernetes::connect();", &["kube"]));
    assert!(!names("let own = my_kube::connect();", &["kube"]));
}

/// The packages that a build compiles, each with its version and features.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--quiet", "--locked", "--prefix", "none", "--no-dedupe", "--format", "{p} [{f}]"])
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn there_is_one_tls_stack() {
    let all = tree(&["--workspace", "--all-features"]);
    let of = |name: &str| all.iter().filter(|line| line.starts_with(&format!("{name} v"))).cloned().collect::<Vec<_>>();
    // With two providers compiled in, rustls panics at its first use.
    assert_eq!(of("ring"), [""; 0]);
    assert_eq!(of("openssl"), [""; 0]);
    assert_eq!(of("native-tls"), [""; 0]);
    for single in ["aws-lc-rs", "rustls", "hyper", "h2", "http"] {
        assert_eq!(of(single).len(), 1, "{single}: {:?}", of(single));
    }
}

#[test]
fn the_pure_core_and_the_quickstart_are_built_without_aws_sdk_and_kube() {
    for arguments in [
        ["-p", "podrole", "--no-default-features", "-e=normal"],
        ["-p", "podrole-examples", "-e=normal", "--no-default-features"],
    ] {
        let heavy: Vec<_> = tree(&arguments)
            .into_iter()
            .filter(|line| ["aws-", "kube", "k8s-openapi", "rustls", "hyper"].iter().any(|name| line.starts_with(name)))
            .collect();
        assert_eq!(heavy, [""; 0], "{arguments:?}");
    }
}

/// The features of a shared dependency decide whether it, and all that stands on it, is compiled once or twice.
#[test]
fn the_wheel_and_the_node_module_of_the_tests_reuse_what_the_workspace_compiled() {
    let workspace = tree(&["--workspace", "--all-features"]);
    for binding in ["podrole-python", "podrole-node"] {
        let own = tree(&["-p", binding, "--features", "workspace-tests", "-e=normal,build"]);
        assert!(own.iter().any(|line| line.starts_with("aws-sdk-iam v")), "{binding} has no AWS SDK");
        let compiled_again: Vec<_> = own.difference(&workspace).collect();
        assert!(compiled_again.is_empty(), "add features to workspace-tests of {binding}: {compiled_again:?}");
    }
}

/// The lines of one table of a manifest, without comments and what a binding crate must decide otherwise.
fn lints(manifest: &str, table: &str) -> Vec<String> {
    let text = read(root().join(manifest));
    let lines =
        text.lines().skip_while(|line| *line != format!("[{table}]")).skip(1).take_while(|line| !line.starts_with('['));
    let lines: Vec<_> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("unsafe_code"))
        .map(str::to_owned)
        .collect();
    assert!(!lines.is_empty(), "{manifest} has no [{table}]");
    lines
}

#[test]
fn the_binding_crates_have_the_lints_of_the_workspace() {
    for kind in ["rust", "clippy"] {
        for manifest in ["bindings-python/Cargo.toml", "bindings-node/Cargo.toml"] {
            assert_eq!(
                lints(manifest, &format!("lints.{kind}")),
                lints("Cargo.toml", &format!("workspace.lints.{kind}")),
                "{manifest}"
            );
        }
    }
}

/// The value of `key = "value"` or `"key": "value"`, at its first place.
#[track_caller]
fn value(text: &str, key: &str) -> String {
    let line = text
        .lines()
        .find(|line| line.trim_start().trim_start_matches('"').starts_with(key))
        .unwrap_or_else(|| panic!("no {key}"));
    line.rsplit('"').nth(1).unwrap().to_owned()
}

#[test]
fn versions_agree() {
    let manifest = read(root().join("Cargo.toml"));
    let rust = value(&manifest, "rust-version");
    let readme = read(root().join("README.md"));
    assert!(readme.contains(&format!("Rust {rust} or newer")), "README.md does not ask for Rust {rust}");

    let version = value(&manifest, "version");
    assert_eq!(value(&read(root().join("bindings-node/package.json")), "version"), version);
    assert_eq!(value(&read(root().join("bindings-node/package-lock.json")), "version"), version);
}
