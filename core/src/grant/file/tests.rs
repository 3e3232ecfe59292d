//! What a grant file may say, and what its author is told when it says something else.

use proptest::prelude::*;

use crate::grant::{
    DataSyncGrant, Grant, KustomizationGrant, Manage, Mechanism, PolicyGrant, PolicySource, S3Grant, Scope,
    WorkloadGrant,
};
use crate::model::WorkloadKind;
use crate::policy::{Document, S3Access};
use crate::{Error, ErrorKind};

/// The three keys that every grant needs.
const BASE: &str = "cluster: devops_aurora\nserviceAccount: apps/web\nrole: web\n";

const DOCUMENT: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}"#;

fn base() -> Grant {
    Grant::new("devops_aurora", "apps/web", "web")
}

fn document() -> Document {
    Document::parse(DOCUMENT).expect("a document")
}

fn based(rest: &str) -> Grant {
    Grant::from_yaml(&format!("{BASE}{rest}")).unwrap_or_else(|error| panic!("{rest}\n{error:#}"))
}

fn policy(yaml: &str) -> PolicyGrant {
    based(&format!("policies:\n- {yaml}\n")).policies.remove(0)
}

fn error_of(text: &str) -> Error {
    match Grant::all_from_yaml(text) {
        Err(error) => error,
        Ok(grants) => panic!("{text:?} was read as {grants:?}"),
    }
}

#[test]
fn the_smallest_grant_is_what_the_builder_makes() {
    let text = "cluster: devops_aurora
serviceAccount: devops-aurora-1/connections-serviceaccount-s3
role: connections-role-test
policies: [AmazonS3FullAccess]
deployments: [connections-app]
";
    let built = Grant::new("devops_aurora", "devops-aurora-1/connections-serviceaccount-s3", "connections-role-test")
        .policy("AmazonS3FullAccess")
        .deployment("connections-app");
    assert_eq!(Grant::from_yaml(text).expect("yaml"), built);
    let json = r#"{"cluster": "devops_aurora", "serviceAccount": "devops-aurora-1/connections-serviceaccount-s3",
        "role": "connections-role-test", "policies": ["AmazonS3FullAccess"], "deployments": ["connections-app"]}"#;
    assert_eq!(Grant::from_json(json).expect("json"), built);
}

#[test]
fn clusters_are_names_arns_and_mappings() {
    let read = |cluster: &str| {
        Grant::from_yaml(&format!("cluster: {cluster}\nserviceAccount: a/b\nrole: r\n")).expect("a grant").cluster
    };
    let from_arn = read("arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora");
    assert_eq!(from_arn, read("{name: devops_aurora, region: ca-central-1, account: 204393242335}"));
    assert_eq!(from_arn, read("{name: devops_aurora, region: ca-central-1, account: \"204393242335\"}"));
    assert_eq!(read("devops_aurora"), read("{name: devops_aurora}"));
    assert_eq!(read("{name: c, account: 012345678901}").account.as_deref(), Some("012345678901"));
}

#[test]
fn service_accounts_are_names_and_mappings() {
    let read = |account: &str| {
        Grant::from_yaml(&format!("cluster: c\nserviceAccount: {account}\nrole: r\n")).expect("a grant").service_account
    };
    assert_eq!(read("apps/web"), read("{namespace: apps, name: web}"));
    let long = read("{namespace: apps, name: web, manage: own, labels: {team: data, version: 1.10}}");
    assert_eq!(long.manage, Manage::Own);
    assert_eq!(long.labels["version"], "1.10");
}

#[test]
fn roles_are_names_arns_and_mappings() {
    let read = |role: &str| {
        Grant::from_yaml(&format!("cluster: c\nserviceAccount: a/b\nrole: {role}\n")).expect("a grant").role
    };
    assert_eq!(read("web"), read("{name: web}"));
    let arn = "arn:aws:iam::204393242335:role/team/web";
    assert_eq!(read(arn), read(&format!("{{arn: {arn:?}}}")));
    assert_eq!(read(arn).path, "/team/");
    assert_eq!(read(arn).name, "web");
    let long = read(
        "{name: web, manage: observe, path: /x/, description: d, maxSessionDuration: 7200, tags: {k: v}, \
         permissionsBoundary: \"arn:aws:iam::204393242335:policy/b\"}",
    );
    assert_eq!((long.manage, long.path.as_str(), long.max_session_duration), (Manage::Observe, "/x/", 7200));
    assert_eq!(long.description.as_deref(), Some("d"));
    assert_eq!(long.permissions_boundary.as_deref(), Some("arn:aws:iam::204393242335:policy/b"));
    assert_eq!(long.tags["k"], "v");
}

#[test]
fn every_form_of_a_policy_is_its_canonical_one() {
    let named = |source, name: &str| PolicyGrant { name: Some(name.into()), ..PolicyGrant::of(source) };
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let given = PolicyGrant { document: Some(document()), ..named(PolicySource::Document, "p") };
    let s3 = PolicyGrant {
        s3: Some(S3Grant { buckets: vec!["bkt".into()], prefixes: Vec::new(), access: S3Access::ReadWrite }),
        inline: true,
        ..named(PolicySource::S3, "p")
    };
    let cases = [
        ("AmazonS3FullAccess".to_owned(), named(PolicySource::AwsManaged, "AmazonS3FullAccess")),
        ("{awsManaged: X}".to_owned(), named(PolicySource::AwsManaged, "X")),
        ("{source: aws_managed, name: X}".to_owned(), named(PolicySource::AwsManaged, "X")),
        (arn.to_owned(), PolicyGrant::parse(arn)),
        (format!("{{arn: {arn:?}}}"), PolicyGrant::parse(arn)),
        (format!("{{source: arn, arn: {arn:?}}}"), PolicyGrant::parse(arn)),
        ("{customer: c}".to_owned(), named(PolicySource::Customer, "c")),
        (
            "{customer: c, path: /x/}".to_owned(),
            PolicyGrant { path: "/x/".into(), ..named(PolicySource::Customer, "c") },
        ),
        (format!("{{name: p, document: {DOCUMENT}}}"), given.clone()),
        (format!("{{name: p, document: '{DOCUMENT}'}}"), given.clone()),
        (format!("{{name: p, document: {DOCUMENT}, inline: true}}"), PolicyGrant { inline: true, ..given.clone() }),
        (
            format!("{{name: p, document: {DOCUMENT}, path: /x/, manage: own}}"),
            PolicyGrant { path: "/x/".into(), manage: Manage::Own, ..given.clone() },
        ),
        ("{name: p, s3: {buckets: [bkt], access: read_write}}".to_owned(), s3.clone()),
        (
            "{name: p, s3: {buckets: [bkt], access: read_write}, inline: false}".to_owned(),
            PolicyGrant { inline: false, ..s3.clone() },
        ),
        ("{source: s3, name: p, s3: {buckets: [bkt], access: read_write}, inline: true}".to_owned(), s3),
    ];
    for (yaml, canonical) in cases {
        assert_eq!(policy(&yaml), canonical, "{yaml}");
    }
    assert_eq!(
        policy("{name: p, s3: {buckets: [bkt], prefixes: [in/], access: read}}").s3.expect("preset").prefixes,
        ["in/"]
    );
}

#[test]
fn a_json_document_in_a_block_scalar_is_read() {
    let read = policy(
        "name: p\n  document: |\n    {\"Version\": \"2012-10-17\",\n     \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"s3:GetObject\", \"Resource\": \"*\"}}",
    );
    assert_eq!(read.document, Some(document()));
}

#[test]
fn a_document_keeps_the_types_of_its_values() {
    let read = policy(
        "name: p\n  document:\n    Version: 2012-10-17\n    Statement:\n    - Effect: Allow\n      Action: [s3:GetObject]\n      \
         Resource: '*'\n      Condition: {Bool: {aws:SecureTransport: true}, StringEquals: {aws:ResourceAccount: 012345678901}}\n",
    );
    let value = read.document.expect("a document").as_value().clone();
    assert_eq!(value["Version"], "2012-10-17");
    assert_eq!(value["Statement"][0]["Condition"]["Bool"]["aws:SecureTransport"], true);
    assert_eq!(value["Statement"][0]["Condition"]["StringEquals"]["aws:ResourceAccount"], "012345678901");
}

#[test]
fn workload_lists_become_workloads() {
    let grant = based(
        "workloads: [{kind: daemon_set, name: a, restart: false}]\ndeployments: [b, {name: c, manage: own}]\n\
         statefulSets: [d, {name: e, restart: false}]\ndaemonSets: [f]\n",
    );
    let of = WorkloadGrant::new;
    let expected = [
        WorkloadGrant { restart: false, ..of(WorkloadKind::DaemonSet, "a") },
        of(WorkloadKind::Deployment, "b"),
        WorkloadGrant { manage: Manage::Own, ..of(WorkloadKind::Deployment, "c") },
        of(WorkloadKind::StatefulSet, "d"),
        WorkloadGrant { restart: false, ..of(WorkloadKind::StatefulSet, "e") },
        of(WorkloadKind::DaemonSet, "f"),
    ];
    assert_eq!(grant.workloads, expected);
}

#[test]
fn kustomizations_name_their_workload_in_two_ways() {
    for (short, kind) in [
        ("deployment: w", WorkloadKind::Deployment),
        ("statefulSet: w", WorkloadKind::StatefulSet),
        ("daemonSet: w", WorkloadKind::DaemonSet),
        ("{kind: stateful_set, name: w}", WorkloadKind::StatefulSet),
    ] {
        let keys = short.trim_matches(['{', '}']);
        let grant = based(&format!("kustomizations: [{{path: k/kustomization.yaml, {keys}}}]\n"));
        let expected = KustomizationGrant { path: "k/kustomization.yaml".into(), kind, name: "w".into() };
        assert_eq!(grant.kustomizations, [expected]);
    }
}

#[test]
fn data_syncs_are_roles_and_mappings() {
    let grant = based("dataSyncs: [sync, {role: other, sourceAccount: \"204393242335\", externalId: ab}]\n");
    let plain = |role: &str| DataSyncGrant { role: role.into(), source_account: None, external_id: None };
    assert_eq!(grant.data_syncs[0], plain("sync"));
    let full =
        DataSyncGrant { source_account: Some("204393242335".into()), external_id: Some("ab".into()), ..plain("other") };
    assert_eq!(grant.data_syncs[1], full);
}

#[test]
fn the_remaining_keys_are_read() {
    let grant = based(
        "schemaVersion: 1\nmechanism: irsa\nscope: iam\nprovider: {manage: observe}\ntoken: {expiration: 3600, regionalEndpoints: true}\n\
         trust:\n  audience: my.audience\n  serviceAccounts: [apps/other, jobs/*]\n  conditions:\n    StringEquals: {aws:SourceIp: 10.0.0.1}\n    \
         StringLike: {aws:UserAgent: [a, b]}\n",
    );
    assert_eq!((grant.mechanism, grant.scope), (Mechanism::Irsa, Scope::Iam));
    assert_eq!(grant.provider.manage, Manage::Observe);
    assert_eq!((grant.token.expiration, grant.token.regional_endpoints), (Some(3600), Some(true)));
    assert_eq!(grant.trust.audience, "my.audience");
    assert_eq!(grant.trust.service_accounts, ["apps/other", "jobs/*"]);
    assert_eq!(grant.trust.conditions["StringEquals"]["aws:SourceIp"], ["10.0.0.1"]);
    assert_eq!(grant.trust.conditions["StringLike"]["aws:UserAgent"], ["a", "b"]);
}

#[test]
fn several_documents_are_several_grants() {
    let text = format!("# none here\n---\n{BASE}---\n---\n{}...\n", BASE.replace("web", "api"));
    let grants = Grant::all_from_yaml(&text).expect("grants");
    assert_eq!(grants, [base(), Grant::new("devops_aurora", "apps/api", "api")]);
    let error = Grant::from_yaml(&text).expect_err("two");
    assert_eq!(error.message(), "expected one grant, found 2");
    assert!(error.get_remedy().is_some_and(|remedy| remedy.contains("all_from_yaml")));
}

#[test]
fn json_is_an_object_or_an_array() {
    let one = base().to_json();
    assert_eq!(Grant::all_from_json(&one).expect("one"), [base()]);
    assert_eq!(Grant::all_from_json(&format!("\u{feff}[{one},\r\n\t{one}]")).expect("two"), [base(), base()]);
    assert_eq!(Grant::from_json(&format!("[{one},{one}]")).expect_err("two").message(), "expected one grant, found 2");
}

#[test]
fn json_that_yaml_writes_otherwise_is_read() {
    let long = "k".repeat(120);
    let text = format!(
        "{{\n\t\"cluster\":\"c\",\t\"serviceAccount\":\"a\\/b\",\n\t\"role\": {{\"name\":\"r\",\"tags\":{{\"{long}\":\"\\u00e9\",\"x\":\"# no comment\"}}}}\n}}"
    );
    // The `#` is no legal character of a tag, which shows that it was not taken for a comment.
    let error = Grant::from_json(&text).expect_err("a bad tag");
    assert!(error.message().contains("# no comment"), "{error}");
    let grant = Grant::from_json(&text.replace("# no", "no")).expect("a grant");
    assert_eq!(grant.role.tags[&long], "é");
}

#[test]
fn anchors_are_read_and_blame_the_anchor() {
    let grant = based("deployments: &names [a, b]\nstatefulSets: *names\n");
    assert_eq!(grant.workloads.len(), 4);
    let error = error_of(&format!("{BASE}deployments: &names [{{nam: a}}]\nstatefulSets: *names\n"));
    assert!(error.message().starts_with("line 4, column 23: deployments[0].nam:"), "{error}");
}

#[test]
fn mistakes_are_told_with_place_path_and_nearest_word() {
    let with = |rest: &str| format!("{BASE}{rest}");
    // The text, a fragment of the message, and fragments of the remedy.
    let cases: Vec<(String, &str, &[&str])> = vec![
        // Nothing, or not a grant.
        (String::new(), "there is no grant in it", &["`cluster`"]),
        ("# only\n---\n...\n".into(), "there is no grant in it", &[]),
        (
            "- cluster: c\n".into(),
            "line 1, column 1: expected a mapping with the keys of a grant, found a list",
            &["---"],
        ),
        ("hello".into(), "line 1, column 1: expected a mapping, found the text \"hello\"", &["key: value"]),
        (
            "cluster: c\nrole: r\n".into(),
            "line 1, column 1: the key `serviceAccount` is missing",
            &["add `serviceAccount"],
        ),
        // Unknown and repeated keys.
        (
            with("policies:\n- X\n- name: p\n  s3:\n    buckets: [bkt]\n    acces: read\n"),
            "line 9, column 5: policies[1].s3.acces: unknown key; did you mean `access`?",
            &["write `access`", "buckets, prefixes, access", "  9 |     acces: read\n    |     ^^^^^"],
        ),
        (with("deployment: [a]\n"), "line 4, column 1: deployment: unknown key; did you mean `deployments`?", &[]),
        (with("policy: [a]\n"), "policy: unknown key; did you mean `policies`?", &[]),
        (with("data_syncs: [a]\n"), "data_syncs: unknown key; did you mean `dataSyncs`?", &[]),
        (with("nonsense: 1\n"), "nonsense: unknown key", &["legal keys here: schemaVersion, mechanism"]),
        (with("'a b': 1\n"), "[\"a b\"]: unknown key", &[]),
        (
            "cluster: {name: c, regoin: r}\n".into(),
            "column 20: cluster.regoin: unknown key; did you mean `region`?",
            &[],
        ),
        (
            with("role: x\n"),
            "line 4, column 1: the key \"role\" appears twice in one mapping, first in line 3",
            &["keep one"],
        ),
        (
            with("policies: [{name: p, document: '{\"Version\": 1, \"Version\": 2}'}]\n"),
            "policies[0].document: the key \"Version\" appears twice",
            &[],
        ),
        // Broken YAML.
        ("cluster: c\n\trole: r\n".into(), "line 2, column 1: a tab indents this line", &["spaces"]),
        (with("trust:\n\taudience: a\n"), "line 5, column 1: a tab indents this line", &["spaces"]),
        ("cluster: [a\n".into(), "line 1, column 10: this is not YAML", &["1 | cluster: [a\n    |          ^"]),
        ("cluster: \"a\n".into(), "line 1, column 10: this is not YAML", &[]),
        ("a: b: c\n".into(), "line 1, column 5: this is not YAML", &[]),
        ("cluster: \u{1}\n".into(), "this is not YAML", &[]),
        (with("x: *nobody\n"), "line 4, column 4: this is not YAML", &[]),
        ("? [a]\n: b\n".into(), "a list or mapping stands where a key is expected", &[]),
        (": x\n".into(), "there is no key before the colon", &[]),
        (
            "a: &a {b: 1}\nc:\n  <<: *a\n".into(),
            "line 3, column 3: merge keys (`<<`) are not read",
            &["write the keys out"],
        ),
        ("cluster: !ref c\n".into(), "the tag \"!ref\" is not read", &[]),
        ("a: &a [*a]\n".into(), "this alias stands inside its own anchor", &[]),
        // Wrong types.
        (
            with("deployments: app\n"),
            "line 4, column 14: deployments: expected a list, found the text \"app\"",
            &["[a, b]"],
        ),
        (
            with("deployments: [[a]]\n"),
            "deployments[0]: expected a workload: its name, or a mapping with the key `name`, found a list",
            &[],
        ),
        (with("deployments:\n"), "line 4, column 12: deployments: expected a list, found nothing", &["remove the key"]),
        (
            with("policies: [{name: p, s3: {buckets: [bkt], prefixes: , access: read}}]\n"),
            "prefixes: expected a list, found nothing",
            &[],
        ),
        (with("token: [3600]\n"), "token: expected a mapping, found a list", &["key: value"]),
        (
            with("token: {expiration: 1h}\n"),
            "line 4, column 21: token.expiration: expected a whole number, found the text \"1h\"",
            &[],
        ),
        (with("token: {expiration: -1}\n"), "token.expiration: expected a whole number, found -1", &[]),
        (
            with("token: {expiration: \"3600\"}\n"),
            "token.expiration: expected a whole number, found the text \"3600\"",
            &["without quotes"],
        ),
        (
            with("token: {expiration: 99999999999}\n"),
            "token.expiration: expected a whole number, found 99999999999",
            &[],
        ),
        (with("role: {name: [r]}\n").replace("role: web\n", ""), "role.name: expected text, found a list", &[]),
        (
            "cluster: ~\n".into(),
            "line 1, column 10: cluster: expected a cluster: its name, its ARN, or a mapping",
            &["remove the key"],
        ),
        (with("scope: [iam]\n"), "scope: expected one of: iam, kubernetes, both, found a list", &[]),
        // Booleans that are text in YAML 1.2, and text that is a boolean in YAML 1.1.
        (
            with("deployments: [{name: a, restart: yes}]\n"),
            "line 4, column 34: deployments[0].restart: expected true or false, found the text \"yes\"",
            &["write `true`"],
        ),
        (
            with("token: {regionalEndpoints: Off}\n"),
            "token.regionalEndpoints: expected true or false",
            &["write `false`"],
        ),
        (
            with("token: {regionalEndpoints: \"true\"}\n"),
            "expected true or false, found the text \"true\"",
            &["without quotes"],
        ),
        (
            with("deployments: [no]\n"),
            "deployments[0]: expected text, and no without quotes is a boolean",
            &["write `\"no\"`"],
        ),
        (with("deployments: [true]\n"), "deployments[0]: expected text, and true without quotes", &["`\"true\"`"]),
        // Unknown values.
        (
            with("scope: Kubernets\n"),
            "line 4, column 8: scope: unknown value \"Kubernets\"; did you mean `kubernetes`?",
            &["iam, kubernetes, both"],
        ),
        (
            with("policies: [{name: p, s3: {buckets: [bkt], access: read-write}}]\n"),
            "policies[0].s3.access: unknown value \"read-write\"; did you mean `read_write`?",
            &[],
        ),
        (
            with("workloads: [{kind: Deployment, name: a}]\n"),
            "workloads[0].kind: unknown value \"Deployment\"; did you mean `deployment`?",
            &[],
        ),
        (with("mechanism: pod_identity\n"), "mechanism: unknown value \"pod_identity\"", &["irsa"]),
        (
            with("schemaVersion: 2\n"),
            "line 4, column 16: schemaVersion: 2 is not known to this release, which reads 1",
            &["release"],
        ),
        // Keys that do not fit together.
        (
            with("policies: [{name: p}]\n"),
            "line 4, column 12: policies[0]: nothing says what this policy is",
            &["`awsManaged`", "bare name"],
        ),
        (
            with("policies: [{customer: a, awsManaged: b}]\n"),
            "policies[0]: `awsManaged` and `customer` exclude each other",
            &[],
        ),
        (with("policies: [{customer: a, name: b}]\n"), "policies[0]: `name` has no meaning beside `customer`", &[]),
        (
            with("policies: [{awsManaged: a, inline: true}]\n"),
            "policies[0]: `inline` has no meaning beside `awsManaged`",
            &[],
        ),
        (
            with("policies: [{source: customer, customer: a}]\n"),
            "policies[0]: `customer` and `source` exclude each other",
            &[],
        ),
        (
            with("policies: [{source: customer, name: a, s3: {buckets: [bkt], access: read}}]\n"),
            "policies[0]: `s3` does not belong to this `source`",
            &[],
        ),
        (
            with("policies: [{s3: {buckets: [bkt], access: read}}]\n"),
            "policies[0]: a policy made from `s3` needs a name",
            &[],
        ),
        (
            with("policies: [{name: p, s3: {buckets: [bkt]}}]\n"),
            "line 4, column 26: policies[0].s3: the key `access` is missing",
            &[],
        ),
        (
            with("policies: [{name: p, document: '{]'}]\n"),
            "line 4, column 32: policies[0].document: this is not JSON",
            &["as JSON"],
        ),
        (
            with("policies: [{name: p, document: '[]'}]\n"),
            "policies[0].document: a policy document is a JSON object",
            &[],
        ),
        (
            "cluster: c\nserviceAccount: a/b\nrole: {manage: own}\n".into(),
            "line 3, column 7: role: neither `name` nor `arn` is given",
            &[],
        ),
        (with("kustomizations: [{path: p, name: a}]\n"), "kustomizations[0]: `name` is given without `kind`", &[]),
        (with("kustomizations: [{path: p}]\n"), "kustomizations[0]: no workload is named", &["`deployment: …`"]),
        (
            with("kustomizations: [{path: p, deployment: a, daemonSet: b}]\n"),
            "kustomizations[0]: more than one workload is named",
            &[],
        ),
        // Rules of the canonical form, at the place where the file broke them.
        (
            "cluster: c\nserviceAccount: web\nrole: r\n".into(),
            "line 2, column 17: serviceAccount \"web\" has no namespace",
            &["namespace/name"],
        ),
        (
            with("deployments: [ok, Not_ok]\n"),
            "line 4, column 19: deployments[1].name: workload name \"Not_ok\"",
            &["4 | deployments: [ok, Not_ok]"],
        ),
        (with("daemonSets:\n- ok\n- name: Not_ok\n"), "line 6, column 9: daemonSets[1].name: workload name", &[]),
        (with("token:\n  expiration: 5\n"), "line 5, column 15: token.expiration 5: must be 600", &[]),
        (
            with("policies:\n- name: p\n  document: {Version: 2012-10-17, Statement: []}\n"),
            "line 6, column 13: policies[0].document: Statement",
            &[],
        ),
        // Several documents: the number, and the line in the file.
        (
            format!("{BASE}---\n{BASE}roles: x\n"),
            "line 8, column 1 (document 2): roles: unknown key; did you mean `role`?",
            &["8 | roles: x"],
        ),
        (
            format!("{BASE}---\n{}", BASE.replace("apps/web", "web")),
            "line 6, column 17 (document 2): serviceAccount \"web\"",
            &[],
        ),
        (format!("{BASE}---\n{BASE}x: [\n"), "line 8, column 4 (document 2): this is not YAML", &[]),
        (format!("{BASE}x: 1\n---\n{BASE}"), "line 4, column 1 (document 1): x: unknown key", &[]),
        (format!("{BASE}---\n- a\n"), "line 5, column 1 (document 2): expected a mapping", &[]),
        // Line ends and the byte-order mark do not move the place.
        (
            format!("\u{feff}{}scop: iam\r\n", BASE.replace('\n', "\r\n")),
            "line 4, column 1: scop: unknown key; did you mean `scope`?",
            &["4 | scop: iam\n    | ^^^^"],
        ),
    ];
    for (text, message, remedies) in cases {
        let error = error_of(&text);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
        assert!(error.message().contains(message), "{text}\nexpected: {message}\nfound:    {}", error.message());
        assert!(!error.message().contains('\n'), "{text}\n{error}");
        let remedy = error.get_remedy().unwrap_or_default();
        assert!(!remedy.trim_start().is_empty() && !remedy.starts_with('\n'), "{text}\nno remedy: {error:#}");
        for part in remedies {
            assert!(remedy.contains(part), "{text}\nexpected: {part}\nfound:    {remedy}");
        }
    }
}

#[test]
fn mistakes_in_json_are_told_alike() {
    let cases = [
        ("", "there is no grant in it"),
        ("[]", "there is no grant in this array"),
        ("{\"cluster\": \"c\",}", "line 1, column 17: this is not JSON"),
        ("cluster: c\n", "line 1, column 1: this is not JSON"),
        ("{\"cluster\": \"c\", // no\n}", "this is not JSON"),
        ("{\n\t\"cluster\": \"c\",\n\t\"cluster\": \"d\"\n}", "line 3, column 2: the key \"cluster\" appears twice"),
        (
            "[{\"cluster\": \"c\", \"serviceAccount\": \"a/b\", \"role\": \"r\"},\n {\"clustr\": 1}]",
            "line 2, column 3: [1].clustr: unknown key; did you mean `cluster`?",
        ),
        ("3", "expected a mapping, found 3"),
    ];
    for (text, message) in cases {
        let error = Grant::all_from_json(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(message), "{text}\nexpected: {message}\nfound:    {}", error.message());
    }
}

#[test]
fn bombs_end_in_an_error() {
    let levels = |count: usize| {
        (1..count).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
            let alias = format!("*a{}", level - 1);
            format!("{text}a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(", "))
        })
    };
    let cases = [
        (levels(12), "repeat more than"),
        (format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(500_000), ["*a"; 100].join(",")), "repeat more than"),
        ("[".repeat(100_000), "nested deeper than 64"),
        ("- ".repeat(100_000), "nested deeper than 64"),
        ("{a: ".repeat(40) + &"[".repeat(40), "nested deeper than 64"),
        (
            (1..100).fold("a0: &a0 [x]\n".to_owned(), |text, n| format!("{text}a{n}: &a{n} [*a{}]\n", n - 1)),
            "nested deeper than 64",
        ),
        (format!("{BASE}# {}\n", "x".repeat(1024 * 1024)), "the limit is 1048576"),
        // Deep, but allowed: the policy is at fault.
        (
            format!("{BASE}policies: [{{name: p, document: {{Statement: {}x{}}}}}]\n", "[".repeat(58), "]".repeat(58)),
            "policies[0].document: Statement",
        ),
        ((0..60_000).fold(String::new(), |text, n| format!("{text}k{n}: 1\n")), "k0: unknown key"),
        (format!("{BASE}{}: 1\n", "k".repeat(900)), "unknown key"),
    ];
    for (text, message) in cases {
        let error = error_of(&text);
        assert!(error.message().contains(message), "{message}: {}", error.message());
        assert!(format!("{error:#}").len() < 2000, "{}", format!("{error:#}").len());
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Grant::from_json(&deep).is_err());
}

#[test]
fn files_are_read_by_extension() {
    let folder = std::env::temp_dir().join(format!("podrole-grant-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let two = format!("{BASE}---\n{BASE}");
    assert_eq!(Grant::from_file(write("a.yaml", two.as_bytes())).expect("yaml").len(), 2);
    assert_eq!(Grant::from_file(write("a.YML", BASE.as_bytes())).expect("yml"), [base()]);
    assert_eq!(Grant::from_file(write("a.json", base().to_json().as_bytes())).expect("json"), [base()]);
    let fails = |path: &std::path::Path| Grant::from_file(path).expect_err("an error");
    let bad = fails(&write("bad.yaml", b"clustr: c\n"));
    assert!(bad.get_resource().is_some_and(|name| name.ends_with("bad.yaml")));
    assert!(bad.message().contains("line 1, column 1: clustr"), "{bad}");
    assert!(fails(&write("a.toml", b"")).message().contains(".yaml, .yml or .json"));
    assert!(
        fails(&write("latin.yaml", b"cluster: c\nrole: \xe9\n")).message().contains("line 2: the text is not UTF-8")
    );
    assert!(fails(&write("huge.yaml", &vec![b'#'; 3_000_000])).message().contains("the file has 3000000 bytes"));
    assert_eq!(fails(&folder.join("none.yaml")).kind(), ErrorKind::NotFound);
    std::fs::create_dir_all(folder.join("folder.yaml")).expect("a folder");
    assert_eq!(fails(&folder.join("folder.yaml")).kind(), ErrorKind::InvalidInput);
    std::fs::remove_dir_all(&folder).expect("removed");
}

/// A grant that uses everything.
fn full() -> Grant {
    let mut grant = Grant::new(
        "arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora",
        "apps/web",
        "arn:aws:iam::204393242335:role/team/web",
    )
    .policy("AmazonS3FullAccess")
    .policy("arn:aws:iam::aws:policy/ReadOnlyAccess")
    .customer_policy("mine")
    .policy_document("managed", document())
    .inline_policy("inline", document())
    .s3("preset", ["bucket"], S3Access::Write)
    .deployment("a")
    .stateful_set("b")
    .daemon_set("c")
    .kustomization("k/kustomization.yaml", "a")
    .data_sync("sync")
    .data_sync_grant(DataSyncGrant {
        role: "other".into(),
        source_account: Some("012345678901".into()),
        external_id: Some("0123".into()),
    })
    .description("a: b # c")
    .tag("n", "no");
    grant.token.expiration = Some(3600);
    grant.token.regional_endpoints = Some(false);
    grant.role.permissions_boundary = Some("arn:aws:iam::204393242335:policy/b".into());
    grant.trust.service_accounts.push("jobs/*".into());
    grant
        .trust
        .conditions
        .entry("StringEquals".into())
        .or_default()
        .insert("aws:SourceIp".into(), vec!["1".into(), "on".into()]);
    grant
}

#[test]
fn the_canonical_form_is_read_back() {
    for grant in [base(), full()] {
        assert_eq!(Grant::from_yaml(&grant.to_yaml()).expect("yaml"), grant, "{}", grant.to_yaml());
        assert_eq!(Grant::from_json(&grant.to_json()).expect("json"), grant, "{}", grant.to_json());
        let plain: Grant = serde_json::from_str(&grant.to_json()).expect("serde");
        assert_eq!(plain, grant);
    }
}

#[test]
fn the_reader_and_serde_agree_on_the_canonical_form() {
    // Every optional key of the canonical form left out: both fill in the same defaults.
    let text = r#"{"cluster": {"name": "c"}, "serviceAccount": {"namespace": "a", "name": "b"}, "role": {"name": "r"}, "trust": {},
        "token": {}, "provider": {}, "policies": [{"source": "s3", "name": "p", "s3": {"buckets": ["bucket"], "access": "read"}}],
        "workloads": [{"kind": "deployment", "name": "w"}], "kustomizations": [{"path": "p", "kind": "deployment", "name": "w"}],
        "dataSyncs": [{"role": "s"}]}"#;
    let plain: Grant = serde_json::from_str(text).expect("serde");
    assert_eq!(Grant::from_json(text).expect("the reader"), plain);
}

/// Text that writers of YAML must quote, and some that they need not.
fn tricky() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "yes",
            "NO",
            "on",
            "~",
            "null",
            "true",
            "012",
            "1_000",
            "0x1f",
            "1e3",
            "-",
            "- a",
            ":",
            "a: b",
            "=",
            ".inf",
            "2024-01-01",
            "<<",
            "@a",
            " a",
            "a ",
            "",
            "...",
            "---",
            "y",
            "n",
            "+1",
            "1.",
            "-.5",
            "1:30",
        ])
        .prop_map(str::to_owned),
        "[ a-zA-Z0-9_.:/=+@-]{0,40}",
    ]
}

proptest! {
    #[test]
    fn any_text_survives_the_round_trip(key in tricky(), value in tricky(), description in "[ -~\n\t\u{e9}]{0,60}") {
        let mut grant = full().tag(format!("k{key}"), value).description(description);
        grant.trust.conditions.entry("StringLike".into()).or_default().insert(format!("aws:{key}"), vec![key.clone()]);
        if grant.check().is_ok() {
            prop_assert_eq!(&Grant::from_yaml(&grant.to_yaml()).map_err(|error| format!("{error:#}\n{}", grant.to_yaml())).expect("yaml"), &grant);
            prop_assert_eq!(&Grant::from_json(&grant.to_json()).expect("json"), &grant);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\PC\n\t]{0,80}", cut in 0..400_usize, insert in "[\\]\\[{}:,&*!|>'\"%@`#?\n\t -]{0,4}") {
        let _ = Grant::all_from_yaml(&text);
        let _ = Grant::all_from_json(&text);
        let mut broken = full().to_yaml();
        let at = broken.char_indices().nth(cut).map_or(broken.len(), |(at, _)| at);
        broken.insert_str(at, &insert);
        if let Err(error) = Grant::all_from_yaml(&broken) {
            prop_assert!(!error.message().contains('\n'));
        }
        let mut broken = full().to_json();
        let at = broken.char_indices().nth(cut).map_or(broken.len(), |(at, _)| at);
        broken.insert_str(at, &insert);
        let _ = Grant::all_from_json(&broken);
    }
}

#[cfg(feature = "schema")]
mod schema {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::super::grant_schema;
    use super::*;

    /// The committed schema, for editors and for readers of the repository.
    #[test]
    fn the_committed_schema_is_the_one_of_the_types() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/schema/grant.schema.json");
        let made = serde_json::to_string_pretty(&grant_schema()).expect("json") + "\n";
        if std::env::var_os("PODROLE_BLESS").is_some() {
            std::fs::write(path, &made).expect("the schema is written");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(committed, made, "run this test with PODROLE_BLESS=1 to write tests/schema/grant.schema.json anew");
    }

    fn properties(schema: &Value) -> BTreeSet<String> {
        schema["properties"].as_object().map(|keys| keys.keys().cloned().collect()).unwrap_or_default()
    }

    /// The part of a definition that describes a mapping.
    fn mapping(schema: &Value) -> &Value {
        let choices = schema["anyOf"].as_array().map_or(&[][..], Vec::as_slice);
        choices.iter().find(|choice| choice["type"] == "object").unwrap_or(schema)
    }

    #[test]
    fn schema_and_reader_know_the_same_keys() {
        let root = grant_schema();
        // An unknown key in each mapping makes the reader list all legal ones.
        let places = [
            ("", "@: 1"),
            ("Cluster", "cluster: {@: 1}"),
            ("ServiceAccount", "serviceAccount: {@: 1}"),
            ("Role", "role: {@: 1}"),
            ("Provider", "provider: {@: 1}"),
            ("Trust", "trust: {@: 1}"),
            ("Token", "token: {@: 1}"),
            ("Policy", "policies: [{@: 1}]"),
            ("S3", "policies: [{s3: {@: 1}}]"),
            ("NamedWorkload", "deployments: [{@: 1}]"),
            ("NamedWorkload", "statefulSets: [{@: 1}]"),
            ("NamedWorkload", "daemonSets: [{@: 1}]"),
            ("Workload", "workloads: [{@: 1}]"),
            ("Kustomization", "kustomizations: [{@: 1}]"),
            ("DataSync", "dataSyncs: [{@: 1}]"),
        ];
        for (name, text) in places {
            let error = error_of(&text.replace('@', "unknown-key-of-the-test"));
            let remedy = error.get_remedy().unwrap_or_default().lines().next().unwrap_or_default().to_owned();
            let (_, keys) = remedy.split_once("legal keys here: ").expect("the legal keys");
            let known: BTreeSet<String> = keys.split(", ").map(str::to_owned).collect();
            let definition = if name.is_empty() { &root } else { mapping(&root["$defs"][name]) };
            assert_eq!(properties(definition), known, "{name}");
            assert_eq!(definition["additionalProperties"], json!(false), "{name}");
            for (key, property) in definition["properties"].as_object().expect("properties") {
                assert!(property["description"].is_string(), "{name}.{key} has no description");
            }
        }
        let covered: BTreeSet<&str> = places.iter().map(|(name, _)| *name).collect();
        for (name, definition) in root["$defs"].as_object().expect("definitions") {
            assert!(
                properties(mapping(definition)).is_empty() || covered.contains(name.as_str()),
                "{name} is not compared"
            );
        }
    }

    /// Whether a value fits a schema, as far as the words go that our schema uses.
    fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
        let Some(schema) = schema.as_object() else { return schema == &json!(true) };
        schema.iter().all(|(word, rule)| match word.as_str() {
            "$ref" => {
                let name = rule.as_str().and_then(|path| path.strip_prefix("#/$defs/")).expect("a definition");
                fits(root, &root["$defs"][name], value)
            }
            "anyOf" | "oneOf" => rule.as_array().expect("choices").iter().any(|choice| fits(root, choice, value)),
            "type" => match rule.as_str().expect("one type") {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_u64(),
                "boolean" => value.is_boolean(),
                other => panic!("type {other}"),
            },
            "properties" => value.as_object().is_none_or(|object| {
                object.iter().all(|(key, inner)| rule.get(key).is_none_or(|schema| fits(root, schema, inner)))
            }),
            "additionalProperties" => value.as_object().is_none_or(|object| {
                let named = schema.get("properties").and_then(Value::as_object);
                let others = object.iter().filter(|(key, _)| named.is_none_or(|named| !named.contains_key(*key)));
                others.into_iter().all(|(_, inner)| rule != &json!(false) && fits(root, rule, inner))
            }),
            "required" => {
                rule.as_array().expect("keys").iter().all(|key| value.get(key.as_str().expect("a key")).is_some())
            }
            "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(root, rule, item))),
            "enum" => rule.as_array().expect("values").contains(value),
            "const" => rule == value,
            "minimum" => value.as_u64() >= rule.as_u64(),
            "maximum" => value.as_u64() <= rule.as_u64(),
            "$id" | "$schema" | "$defs" | "title" | "description" | "default" => true,
            other => panic!("the schema uses {other}, which this test does not know"),
        })
    }

    #[test]
    fn what_the_reader_takes_fits_the_schema() {
        let root = grant_schema();
        let short = json!({
            "cluster": "c", "serviceAccount": "a/b", "role": "r",
            "policies": [
                "AmazonS3FullAccess", {"awsManaged": "X"}, {"customer": "c", "path": "/x/"}, {"arn": "arn:aws:iam::aws:policy/Y"},
                {"name": "p", "document": serde_json::from_str::<Value>(DOCUMENT).expect("json")},
                {"name": "q", "document": DOCUMENT, "inline": true},
                {"name": "s", "s3": {"buckets": ["bucket"], "access": "read"}},
            ],
            "deployments": ["a", {"name": "b", "restart": false}], "statefulSets": ["c"], "daemonSets": [{"name": "d", "manage": "own"}],
            "kustomizations": [{"path": "p", "deployment": "a"}], "dataSyncs": ["s", {"role": "t", "externalId": "ab"}],
            "trust": {"conditions": {"StringEquals": {"aws:SourceIp": "1", "aws:UserAgent": ["a"]}}},
            "token": {"expiration": 3600},
        });
        for value in
            [short.clone(), serde_json::to_value(full()).expect("json"), serde_json::to_value(base()).expect("json")]
        {
            Grant::from_json(&value.to_string()).expect("a legal grant");
            assert!(fits(&root, &root, &value), "{value:#}");
        }
        for (pointer, wrong) in [
            ("/cluster", json!(["c"])),
            ("/policies/6/s3/access", json!("reed")),
            ("/policies/6/s3", json!({"acces": "read"})),
            ("/deployments", json!("a")),
            ("/deployments/1/restart", json!("yes")),
            ("/kustomizations/0", json!({"deployment": "a"})),
            ("/dataSyncs/1", json!({"role": "t", "external": "x"})),
            ("/token/expiration", json!(5)),
        ] {
            let mut value = short.clone();
            *value.pointer_mut(pointer).expect("the place") = wrong;
            assert!(Grant::from_json(&value.to_string()).is_err(), "{pointer}");
            assert!(!fits(&root, &root, &value), "{pointer}");
        }
    }

    #[test]
    fn editors_see_what_a_grant_needs_and_its_defaults() {
        let root = grant_schema();
        assert_eq!(root["required"], json!(["cluster", "serviceAccount", "role"]));
        assert_eq!(root["properties"]["scope"]["default"], "both");
        assert_eq!(mapping(&root["$defs"]["ServiceAccount"])["properties"]["manage"]["default"], "merge");
        assert_eq!(mapping(&root["$defs"]["NamedWorkload"])["properties"]["restart"]["default"], true);
        assert_eq!(root["$defs"]["Trust"]["properties"]["audience"]["default"], "sts.amazonaws.com");
        let sources = mapping(&root["$defs"]["Policy"])["properties"]["source"]["enum"].clone();
        let sources: Vec<PolicySource> = serde_json::from_value(sources).expect("every source is one");
        assert_eq!(sources.len(), 5);
    }
}

#[test]
fn a_value_of_a_program_is_read_as_a_file_is_but_its_numbers_are_no_text() {
    let grant = Grant::from_yaml(BASE).expect("a grant");
    let value: serde_json::Value = serde_json::from_str(&grant.to_json()).expect("JSON");
    assert_eq!(Grant::from_value(&value).expect("the long form"), grant);
    let with = |key: &str, item: serde_json::Value| {
        let mut value = serde_json::json!({"cluster": "c", "serviceAccount": "a/b", "role": "r"});
        value[key] = item;
        Grant::from_value(&value).map_err(|error| error.message().to_owned())
    };
    assert_eq!(with("scope", serde_json::json!("iam")).expect("a word").scope, Scope::Iam);
    let null = with("policies", serde_json::json!(null));
    assert!(null.clone().expect_err("nothing").starts_with("policies: expected a list, found nothing"), "{null:?}");
    for (key, item, message) in [
        ("role", serde_json::json!(7), "role: expected"),
        ("scope", serde_json::json!(7), "scope: expected one of"),
        ("scope", serde_json::json!(true), "scope: expected one of"),
        ("policies", serde_json::json!([true]), "policies[0]: expected"),
        ("role", serde_json::json!({"name": 7}), "role.name: expected text, found 7"),
        (
            "role",
            serde_json::json!({"name": "r", "maxSessionDuration": "3600"}),
            "role.maxSessionDuration: expected a whole",
        ),
        ("token", serde_json::json!({"expiration": -1}), "token.expiration"),
    ] {
        let found = with(key, item.clone()).expect_err("it is refused");
        assert!(found.starts_with(message), "{key}: {item}: {found}");
    }
}
