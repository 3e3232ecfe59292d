#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;

const NEW: &str = "connections-serviceaccount-s3";

type Files = BTreeMap<String, String>;

static FIXTURES: OnceLock<Vec<(String, String, Files)>> = OnceLock::new();

fn workload() -> WorkloadTarget {
    WorkloadTarget {
        kind: "Deployment".to_owned(),
        name: "connections-app".to_owned(),
        namespace: Some("devops-aurora-1".to_owned()),
    }
}

/// Every fixture folder with its patch files.
fn fixtures() -> Vec<(String, String, Files)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/kustomize");
    let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    let read = |folder: &Path| {
        let text = fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
        let paths = referenced_files(&text).unwrap();
        let files =
            paths.into_iter().map(|path| (path.clone(), fs::read_to_string(folder.join(path)).unwrap())).collect();
        (folder.file_name().unwrap().to_string_lossy().into_owned(), text, files)
    };
    folders.iter().map(|folder| read(folder)).collect()
}

fn applied(text: &str, files: &Files, edit: &KustomizeEdit) -> (String, Files) {
    let mut files = files.clone();
    files.extend(edit.files.clone());
    (edit.kustomization.clone().unwrap_or_else(|| text.to_owned()), files)
}

fn set(text: &str) -> String {
    let edit = set_service_account(text, &Files::new(), &workload(), NEW).unwrap();
    edit.kustomization.unwrap_or_else(|| text.to_owned())
}

fn op(verb: &str, value: &str) -> String {
    format!("- op: {verb}\n  path: /spec/template/spec/serviceAccountName\n  value: {value}\n")
}

/// A kustomization with one inline patch, its lines indented below the key.
fn inline(target: &str, patch: &str) -> String {
    let lines = patch.lines().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n") + "\n";
    format!("patches:\n  - patch: |-\n{lines}    target: {target}\n")
}

const EXACT: &str = "{kind: Deployment, name: connections-app}";

#[test]
fn the_patch_is_the_seeds_with_add() {
    assert_eq!(service_account_patch(NEW), op("add", NEW));
}

#[test]
fn an_empty_block_before_another_key_is_not_taken_for_that_key() {
    let text = "patches:\n  - patch: |-\nlabels: []\n";
    let after = set(text);
    assert_eq!(service_account_of(&after, &Files::new(), &workload()).unwrap().as_deref(), Some(NEW), "{after}");
    assert!(after.starts_with("patches:\n  - patch: |-\n  - patch:") && after.ends_with("labels: []\n"), "{after}");
}

#[test]
fn every_fixture_sets_stays_and_comes_back() {
    let fixtures = fixtures();
    assert_eq!(fixtures.len(), 23);
    for (name, text, files) in fixtures {
        round_trip(&name, &text, &files, NEW, "other-sa");
    }
}

fn round_trip(name: &str, text: &str, files: &Files, first: &str, second: &str) {
    let workload = workload();
    let edit = set_service_account(text, files, &workload, first).unwrap();
    let (one, one_files) = applied(text, files, &edit);
    assert_eq!(service_account_of(&one, &one_files, &workload).unwrap().as_deref(), Some(first), "{name}\n{one}");
    let again = set_service_account(&one, &one_files, &workload, first).unwrap();
    assert!(again.is_empty(), "{name}: a second set changes something\n{one}\n{again:?}");
    let edit = set_service_account(&one, &one_files, &workload, second).unwrap();
    assert_eq!(edit.former.as_deref(), Some(first), "{name}");
    let (two, two_files) = applied(&one, &one_files, &edit);
    assert_eq!(service_account_of(&two, &two_files, &workload).unwrap().as_deref(), Some(second), "{name}\n{two}");
    for (now, now_files, own) in [(one, one_files, first), (two, two_files, second)] {
        let edit = unset_service_account(&now, &now_files, &workload, own).unwrap();
        let (back, back_files) = applied(&now, &now_files, &edit);
        assert_eq!(back, text, "{name}");
        assert_eq!(&back_files, files, "{name}");
        assert!(unset_service_account(&back, &back_files, &workload, own).unwrap().is_empty(), "{name}");
    }
}

proptest! {
    #[test]
    fn undo_gives_back_every_byte(
        pick in any::<prop::sample::Index>(),
        crlf in any::<bool>(),
        ends in 0..4_usize,
        notes in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize), 0..6),
        first in "[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\\.[a-z0-9]{1,4})?",
        second in "[a-z]{3,9}",
    ) {
        prop_assume!(first != second);
        let all = FIXTURES.get_or_init(fixtures);
        let (name, mut text, mut files) = all[pick.index(all.len())].clone();
        for (at, note) in notes {
            let mut lines: Vec<&str> = text.lines().collect();
            let at = at.index(lines.len());
            let note = ["", "# a note", "    # a deep note", "        # a deeper note"][note];
            // Not inside a block scalar, which a note less deep would end.
            if lines[at].trim() == "target:" || lines[at].starts_with(|first: char| first.is_ascii_lowercase()) {
                lines.insert(at, note);
            }
            text = lines.join("\n") + "\n";
        }
        let shape = |text: &mut String| {
            let end = ["", "\n", "\n\n", "  \n# the end\n"][ends];
            *text = text.trim_end().to_owned() + if text.trim_end().ends_with("...") { "\n" } else { end };
            if crlf {
                *text = text.replace('\n', "\r\n");
            }
        };
        shape(&mut text);
        for text in files.values_mut() {
            // JSON holds no comments.
            if ends < 3 || !text.trim_start().starts_with('[') {
                shape(text);
            }
        }
        // Values the fixtures hold already would not be changes.
        prop_assume!(!["other", "everyone"].contains(&second.as_str()) && !["other", "everyone"].contains(&first.as_str()));
        round_trip(&name, &text, &files, &first, &second);
    }
}

#[test]
fn two_workloads_come_and_go_in_any_order() {
    let text = "resources:\r\n- base\r\n";
    let other = WorkloadTarget { kind: "StatefulSet".to_owned(), name: "queue".to_owned(), namespace: None };
    let none = Files::new();
    for swapped in [false, true] {
        for start in [text, "resources:\r\n- base\r\npatches: [ ]\r\n"] {
            let (a, _) = applied(start, &none, &set_service_account(start, &none, &workload(), NEW).unwrap());
            let (b, _) = applied(&a, &none, &set_service_account(&a, &none, &other, NEW).unwrap());
            let order = if swapped { [&other, &workload()] } else { [&workload(), &other] };
            let (c, _) = applied(&b, &none, &unset_service_account(&b, &none, order[0], NEW).unwrap());
            assert_eq!(service_account_of(&c, &none, order[1]).unwrap().as_deref(), Some(NEW));
            let (d, _) = applied(&c, &none, &unset_service_account(&c, &none, order[1], NEW).unwrap());
            assert_eq!(d, start);
        }
    }
}

#[test]
fn an_entry_the_user_extended_keeps_the_users_part() {
    let text = set("resources:\n- base\n");
    let text = text.replace("    - op: add\n", "    - op: remove\n      path: /metadata/annotations\n    - op: add\n");
    let edit = unset_service_account(&text, &Files::new(), &workload(), NEW).unwrap();
    let left = edit.kustomization.unwrap();
    assert!(left.contains("path: /metadata/annotations"), "{left}");
    assert!(!left.contains(NEW) && !left.contains("entry added"), "{left}");
}

#[test]
fn a_value_changed_since_is_not_undone() {
    let text = set("resources:\n- base\n").replace(NEW, "third");
    let error = unset_service_account(&text, &Files::new(), &workload(), NEW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "kustomization.yaml, line 4: podrole set serviceAccountName to \"connections-serviceaccount-s3\" here, but now it is \
         \"third\"; change it back or remove the mark"
    );
}

#[test]
fn a_users_own_patch_with_the_value_stays() {
    let text = inline(EXACT, &op("add", NEW));
    assert!(set_service_account(&text, &Files::new(), &workload(), NEW).unwrap().is_empty());
    assert!(unset_service_account(&text, &Files::new(), &workload(), NEW).unwrap().is_empty());
}

#[test]
fn the_seeds_own_patch_is_right_already() {
    let text = inline(EXACT, &op("replace", NEW));
    let edit = set_service_account(&text, &Files::new(), &workload(), NEW).unwrap();
    assert_eq!(edit, KustomizeEdit { former: Some(NEW.to_owned()), ..KustomizeEdit::default() });
}

#[test]
fn operations_after_the_value_are_outdone_by_a_later_one() {
    for later in [
        "- op: remove\n  path: /spec/template/spec/serviceAccountName\n",
        "- op: replace\n  path: /spec/template/spec\n  value: {containers: []}\n",
        "- op: copy\n  from: /metadata/name\n  path: /spec/template/spec/serviceAccountName\n",
    ] {
        let text = inline(EXACT, &(op("add", "old") + later));
        let new = set(&text);
        let added = new.find("# podrole: op added").unwrap();
        assert!(added > new.find(later.lines().next().unwrap()).unwrap(), "{new}");
        round_trip(later, &text, &Files::new(), NEW, "second");
    }
}

#[test]
fn values_that_cannot_be_changed_in_place_are_outdone() {
    for value in ["&sa old", "|-\n    old", "\"o\n    ld\""] {
        let text = inline(EXACT, &op("add", value));
        assert!(set(&text).contains("# podrole: op added"), "{value}");
        round_trip(value, &text, &Files::new(), NEW, "second");
    }
    let folded =
        inline(EXACT, "[{\"op\": \"add\", \"path\": \"/spec/template/spec/serviceAccountName\", \"value\": \"x\"}]")
            .replace("|-", ">-");
    assert!(set(&folded).contains("# podrole: entry added"));
    round_trip("folded", &folded, &Files::new(), NEW, "second");
}

#[test]
fn names_that_yaml_would_misread_are_quoted() {
    for name in ["123", "1e3", "true", "null", "0x1f", "no"] {
        round_trip(name, "resources: [base]\n", &Files::new(), name, "second");
        round_trip(name, &inline(EXACT, &op("add", "old")), &Files::new(), name, "second");
    }
    let edit = set_service_account("resources: [base]\n", &Files::new(), &workload(), "123").unwrap();
    assert!(edit.kustomization.unwrap().contains("value: \"123\""));
}

#[test]
fn targets_are_judged_as_kustomize_does() {
    use super::selector::{literal, matches};
    for (pattern, value, expected) in [
        ("", "x", Some(true)),
        ("connections-.*", "connections-app", Some(true)),
        ("connections", "connections-app", Some(false)),
        ("^a|b$", "b", Some(true)),
        ("[a-c]+-x?", "abc-", Some(true)),
        ("[^a]", "a", Some(false)),
        ("a.c", "abc", Some(true)),
        ("a\\.c", "abc", Some(false)),
        ("a*", "", Some(true)),
        ("(a|b)c", "ac", None),
        ("a{2}", "aa", None),
        ("\\w+", "aa", None),
    ] {
        assert_eq!(matches(pattern, value), expected, "{pattern} {value}");
    }
    assert_eq!(literal("a\\.b").as_deref(), Some("a.b"));
    assert_eq!(literal("a.*"), None);
}

#[test]
fn what_only_labels_decide_is_not_guessed() {
    let text = inline("{kind: Deployment, labelSelector: app=x}", &op("add", "old"));
    let error = service_account_of(&text, &Files::new(), &workload()).unwrap_err();
    assert!(matches!(&error, KustomizeError::Unsupported { line: 2, .. }), "{error:?}");
    assert_eq!(set_service_account(&text, &Files::new(), &workload(), NEW).unwrap().former, None);
}

#[test]
fn patches_of_other_workloads_do_not_count() {
    for target in [
        "{kind: StatefulSet, name: connections-app}",
        "{kind: Deployment, name: connections}",
        "{kind: Deployment, name: connections-app, namespace: elsewhere}",
        "{group: batch, kind: Deployment, name: connections-app}",
    ] {
        let text = inline(target, &op("add", "old"));
        assert_eq!(service_account_of(&text, &Files::new(), &workload()).unwrap(), None, "{target}");
        assert!(set(&text).contains("# podrole: entry added"), "{target}");
    }
}

#[test]
fn strategic_merge_patches_conflict_where_they_stand() {
    let merge = "kind: Deployment\nmetadata:\n  name: connections-app\nspec:\n  template:\n    spec:\n      serviceAccountName: old\n";
    let files = Files::from([("m.yaml".to_owned(), format!("kind: Service\nmetadata: {{name: x}}\n---\n{merge}"))]);
    let cases = [
        (inline(EXACT, merge), "kustomization.yaml", 2),
        ("patches:\n- path: m.yaml\n".to_owned(), "m.yaml", 10),
        ("patchesStrategicMerge:\n- m.yaml\n".to_owned(), "m.yaml", 10),
        (inline(EXACT, merge).replace(&format!("    target: {EXACT}\n"), ""), "kustomization.yaml", 2),
    ];
    for (text, place, at) in cases {
        let error = set_service_account(&text, &files, &workload(), NEW).unwrap_err();
        let KustomizeError::Conflict { file, line, .. } = &error else { panic!("{error:?}") };
        assert_eq!((file.as_str(), *line), (place, at), "{text}");
        assert_eq!(service_account_of(&text, &files, &workload()).unwrap().as_deref(), Some("old"));
        assert!(set_service_account(&text, &files, &workload(), "old").unwrap().is_empty());
    }
}

#[test]
fn faults_name_file_line_and_column() {
    let error = |text: &str, files: &Files| set_service_account(text, files, &workload(), NEW).unwrap_err().to_string();
    let none = Files::new();
    assert_eq!(
        error("resources: []\nresources: []\n", &none),
        "kustomization.yaml, line 2, column 1: duplicate mapping key: resources"
    );
    assert!(error("resources:\n\t- a\n", &none).starts_with("kustomization.yaml, line 2, column 2: tabs disallowed"));
    assert!(error("resources: [a\n", &none).starts_with("kustomization.yaml, line 1, column "));
    let twice = inline(EXACT, "- op: add\n  op: add\n");
    assert_eq!(error(&twice, &none), "kustomization.yaml, line 4, column 9: duplicate mapping key: op");
    let path = format!("patches:\n- path: p.json\n  target: {EXACT}\n");
    assert_eq!(error(&path, &none), "kustomization.yaml, line 2: the patch file p.json is missing");
    let files = Files::from([("p.json".to_owned(), "[\n  {\"op\": \"add\",\n".to_owned())]);
    assert!(error(&path, &files).starts_with("p.json, line "), "{}", error(&path, &files));
    assert_eq!(error("kind: Deployment\n", &none), "not a kustomization: kind Deployment");
    assert_eq!(error("", &none), "not a kustomization: an empty file");
    assert_eq!(error("- a\n", &none), "not a kustomization: no mapping at the top level");
    assert_eq!(error("a: 1\n---\nb: 1\n", &none), "not a kustomization: more than one YAML document");
    assert_eq!(
        error("patches:\n- a.yaml\n", &none),
        "kustomization.yaml, line 2: this entry of `patches` is not written out here"
    );
    let bad = set_service_account("resources: []\n", &none, &workload(), "Bad Name").unwrap_err().to_string();
    assert_eq!(bad, "service account \"Bad Name\" is not valid");
}

#[test]
fn a_byte_order_mark_stays() {
    round_trip("bom", "\u{feff}resources:\r\n- base\r\n", &Files::new(), NEW, "second");
}

#[test]
fn files_outside_the_folder_are_left_alone() {
    let text = format!("patches:\n- path: ../shared/p.yaml\n  target: {EXACT}\n");
    let files = Files::from([("../shared/p.yaml".to_owned(), op("replace", "old"))]);
    let edit = set_service_account(&text, &files, &workload(), NEW).unwrap();
    assert!(edit.files.is_empty() && edit.kustomization.is_some());
    assert_eq!(edit.former.as_deref(), Some("old"));
    round_trip("outside", &text, &files, NEW, "second");
}

#[test]
fn referenced_files_are_listed_once_in_order() {
    let text = "patchesStrategicMerge: [m.yaml]\npatches:\n- path: b.json\n- path: a.yaml\n- path: b.json\n- patch: '[]'\n\
                patchesJson6902:\n- path: c.yaml\n";
    assert_eq!(referenced_files(text).unwrap(), ["m.yaml", "b.json", "a.yaml", "c.yaml"]);
}
