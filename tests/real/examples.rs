//! The Rust examples as programs: in memory, and the same against an AWS endpoint and an API server.

use podrole_tests::{Emulator, Ended, Front, Program, ROLE, control_plane};
use serde_json::{Value, json};

use crate::account::account;
use crate::support::{DEPLOYMENT, SERVICE_ACCOUNT, Scene};

#[track_caller]
fn prints(ended: &Ended, wanted: &[&str]) {
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    for line in wanted {
        assert!(ended.stdout.contains(line), "{line:?} is not in\n{}", ended.stdout);
    }
}

#[track_caller]
fn fails(ended: &Ended, wanted: &[&str]) {
    assert_eq!(ended.code, Some(1), "{}\n{}", ended.stdout, ended.stderr);
    for line in wanted {
        assert!(ended.stderr.contains(line), "{line:?} is not in\n{}", ended.stderr);
    }
}

#[test]
fn every_example_runs_in_memory() {
    let shown: [(&str, &[&str]); 8] = [
        (
            "quickstart",
            &[
                "nothing outside this process is touched",
                "1 + create role connections-role-test",
                "3 to add, 1 to change, 0 to remove",
                "✓ run deployment devops-aurora-1/connections-app as connections-serviceaccount-s3",
                "system:serviceaccount:devops-aurora-1:connections-serviceaccount-s3",
                "lets system:serviceaccount:devops-aurora-1:connections-serviceaccount-s3 (audience sts.amazonaws.com) in",
                "2 of 2 pods were given arn:aws:iam::204393242335:role/connections-role-test",
                "nothing to do",
                "0 steps left to revoke",
            ],
        ),
        ("policies", &["service-role/AmazonEBSCSIDriverPolicy", "read-queue-inline"]),
        ("existing_role", &["Revoking, with the receipt"]),
        ("data_sync", &["data-sync-one", "sts:ExternalId"]),
        (
            "kustomize",
            &["resources:\n  - ../base   # shared by all environments", "After revoke the file is as it was"],
        ),
        ("saved_plan", &["bytes of plan", "plan_stale"]),
        ("artifacts", &["trust-relationship.json", "eks.amazonaws.com/role-arn: ", "op: add"]),
        ("round_trips", &["plan: ", "2 round trips deep", "4 round trips deep", "0 steps"]),
    ];
    let manifest = include_str!("../../examples/Cargo.toml");
    assert_eq!(manifest.matches("[[example]]").count(), shown.len());
    for (name, wanted) in shown {
        let ended = Program::example(name).run();
        println!("{name}: {} lines", ended.stdout.lines().count());
        prints(&ended, wanted);
        assert_eq!(ended.stderr, "", "{name}");
    }
}

#[test]
fn a_typo_or_an_illegal_value_ends_with_the_remedy() {
    let wrong: [(&[&str], &[&str]); 7] = [
        (&["--polcy", "AmazonS3FullAccess"], &["invalid_input", "--polcy", "remedy: usage:", "--policy NAME"]),
        (&["--policy"], &["invalid_input", "--policy", "remedy: usage:"]),
        (&["extra"], &["invalid_input", "extra", "remedy: usage:"]),
        (&["--policy", "AmazonS3FulAccess"], &["AmazonS3FulAccess", "AmazonS3FullAccess"]),
        (&["--role", "no blanks"], &["invalid_input", "no blanks"]),
        (&["--service-account", "no-slash"], &["invalid_input", "no-slash", "namespace/name"]),
        (&["--deployment", "nobody"], &["not_found", "nobody", "remedy: "]),
    ];
    for (arguments, wanted) in wrong {
        fails(&Program::example("quickstart").arguments(arguments).run(), wanted);
    }
    prints(&Program::example("quickstart").arguments(&["--help"]).run(), &["--kubeconfig FILE"]);
}

#[test]
fn an_example_that_takes_no_options_says_so() {
    for name in ["policies", "existing_role", "data_sync", "kustomize", "saved_plan", "artifacts"] {
        let ended = Program::example(name).arguments(&["--polcy"]).run();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{name}");
        assert!(ended.stderr.contains("--polcy") && ended.stderr.contains("takes no options"), "{}", ended.stderr);
    }
    prints(&Program::example("artifacts").arguments(&["--help"]).run(), &["takes no options"]);
}

#[test]
fn a_reader_that_leaves_does_not_stop_the_work() {
    let quickstart = Program::example("quickstart").without_reader().run();
    assert_eq!((quickstart.code, quickstart.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_plan_is_only_shown() {
    let ended = Program::example("quickstart").arguments(&["--plan"]).run();
    prints(&ended, &["3 to add, 1 to change, 0 to remove", "Nothing was changed."]);
    assert!(!ended.stdout.contains("Applying"), "{}", ended.stdout);
}

#[test]
fn real_services_without_region_or_credentials_are_refused_with_the_remedy() {
    let front = Front::new(Emulator::Moto);
    let real = || Program::example("quickstart").arguments(&["--real"]).env("AWS_ENDPOINT_URL", &front.url);
    fails(&real().run(), &["config_invalid", "region", "remedy: set AWS_REGION"]);
    let no_keys = real().env("AWS_REGION", podrole_tests::REGION).run();
    fails(&no_keys, &["credentials: ", "no usable AWS credentials", "remedy: log in"]);
    // One line for the error, one for the remedy.
    assert_eq!(no_keys.stderr.lines().count(), 2, "{}", no_keys.stderr);
    assert_eq!(front.writes(), Vec::<String>::new());
}

/// Lines that could have been broken, and are wider than this.
fn too_wide(text: &str, columns: usize) -> Vec<&str> {
    let plan = text.split("\nApplying").next().unwrap();
    let wide = |line: &&str| line.chars().count() > columns && line.trim_start().contains(' ');
    plan.lines().skip(1).filter(wide).filter(|line| !unbreakable(line, columns)).collect()
}

/// Whether the last word alone makes a line too wide.
fn unbreakable(line: &str, columns: usize) -> bool {
    let indent = line.chars().take_while(|c| *c == ' ').count();
    line.rsplit(' ').next().is_some_and(|word| indent + 12 + word.chars().count() > columns)
}

#[test]
fn the_plan_fits_the_columns_there_are() {
    let at = |columns: &str| Program::example("quickstart").env("COLUMNS", columns).run();
    let (narrow, wide) = (at("60"), at("200"));
    prints(&narrow, &["3 to add, 1 to change, 0 to remove"]);
    prints(
        &wide,
        &[
            "trust           + system:serviceaccount:devops-aurora-1:connections-serviceaccount-s3 (audience sts.amazonaws.com)",
        ],
    );
    assert_eq!(too_wide(&narrow.stdout, 60), Vec::<&str>::new());
    assert!(narrow.stdout.lines().count() > wide.stdout.lines().count());
}

#[test]
fn colours_are_for_terminals_and_no_color_turns_them_off() {
    let coloured = |text: &str| {
        text.split("\u{1b}[")
            .skip(1)
            .any(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
    };
    let terminal = |columns| Program::at_terminal("quickstart", columns).env("TERM", "xterm-256color");
    let plain = Program::example("quickstart").env("TERM", "xterm-256color").run();
    prints(&plain, &["0 steps left to revoke"]);
    assert!(!plain.stdout.contains('\u{1b}') && !plain.stderr.contains('\u{1b}'), "{plain:?}");
    let at_terminal = terminal(60).run();
    prints(&at_terminal, &["✓ create role connections-role-test", "0 steps left to revoke"]);
    assert!(coloured(&at_terminal.stdout), "{at_terminal:?}");
    let no_color = terminal(60).env("NO_COLOR", "1").run();
    prints(&no_color, &["✓ create role connections-role-test", "0 steps left to revoke"]);
    assert!(!coloured(&no_color.stdout), "{no_color:?}");
    assert_eq!(too_wide(&no_color.stdout.replace('\r', ""), 60), Vec::<&str>::new());
}

/// The quickstart on an account and an API server.
fn real(scene: &Scene, name: &str, more: &[&str]) -> Program {
    let subject = format!("{}/{SERVICE_ACCOUNT}", scene.namespace);
    Program::example(name)
        .in_account(&scene.front)
        .arguments(&["--real", "--yes", "--service-account", &subject])
        .arguments(more)
}

#[tokio::test]
async fn without_anybody_to_ask_real_services_stay_as_they_are() {
    let scene = Scene::new("nobody-asked").await;
    scene.deployment(None);
    let subject = format!("{}/{SERVICE_ACCOUNT}", scene.namespace);
    let arguments = ["--real", "--service-account", &subject];
    scene.front.clear_log();
    let ended = Program::example("quickstart").in_account(&scene.front).arguments(&arguments).run();
    fails(&ended, &["there is nobody to ask", "add --yes"]);
    assert!(ended.stdout.contains("4 to add, 1 to change, 0 to remove"), "{}", ended.stdout);
    assert_eq!(scene.front.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn the_quickstart_does_the_same_on_an_aws_endpoint_and_an_api_server() {
    for kubeconfig in [None, Some(control_plane().kubeconfig.as_str())] {
        let scene = Scene::new("quickstart").await;
        scene.deployment(None);
        let before = (account(&scene.front), scene.workload_as_set("deployment", DEPLOYMENT));
        let more: Vec<&str> = kubeconfig.iter().flat_map(|path| ["--kubeconfig", path]).collect();
        scene.front.clear_log();
        let ended = real(&scene, "quickstart", &more).run();
        println!("{}", ended.stdout);
        prints(
            &ended,
            &[
                "1 + create OIDC provider",
                "4 to add, 1 to change, 0 to remove",
                "✓ create role connections-role-test",
                &format!("system:serviceaccount:{}:{SERVICE_ACCOUNT}\"", scene.namespace),
                "nothing to do",
                "0 steps left to revoke",
            ],
        );
        assert!(!ended.stdout.contains("✗") && !ended.stdout.contains("simulated"), "{}", ended.stdout);
        let writes = scene.front.writes();
        for action in ["iam:CreateRole", "iam:AttachRolePolicy", "iam:DeleteRole"] {
            assert!(writes.iter().any(|write| write == action), "{writes:?}");
        }
        let mut after = account(&scene.front);
        // The provider stays, as the plan of the revoke says.
        after["providers"] = json!({});
        assert_eq!((after, scene.workload_as_set("deployment", DEPLOYMENT)), before);
        assert_eq!(scene.service_account(), Value::Null);
    }
}

#[tokio::test]
async fn the_round_trips_of_the_real_components_are_within_the_budget() {
    let scene = Scene::new("round-trips").await;
    scene.deployment(None);
    let ended = real(&scene, "round_trips", &[]).run();
    println!("{}", ended.stdout);
    // Observe 2; then 1 to see that nothing moved, 1 for the new provider, role, attachment beside service account, deployment.
    prints(&ended, &["2 round trips deep", "5 round trips deep (one of them", "iam:CreateRole", "0 steps"]);
    let again = real(&scene, "round_trips", &[]).run();
    prints(&again, &["2 round trips deep", "4 round trips deep (one of them", "0 steps"]);
}

#[tokio::test]
async fn ctrl_c_finishes_the_step_under_way_and_tells_what_is_left() {
    let scene = Scene::new("ctrl-c").await;
    scene.deployment(None);
    let workload = scene.workload_as_set("deployment", DEPLOYMENT);
    let before = account(&scene.front);
    scene.front.faults(&json!([{"action": "CreateRole", "hang_seconds": 1}]));
    scene.front.clear_log();
    let mut running = real(&scene, "quickstart", &[]).start();
    while !scene.front.log().iter().any(|call| call == "iam:CreateRole") {
        running.goes_on();
    }
    running.interrupt();
    running.complains("cancelling: the step under way finishes");
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    for line in [
        "  ✓ create role connections-role-test",
        "✓ create role connections-role-test\n",
        "· attach AmazonS3FullAccess to role connections-role-test (not started)",
        "2 of 5 steps",
    ] {
        assert!(ended.stdout.contains(line), "{line:?} is not in\n{}", ended.stdout);
    }
    for line in ["cancelled: ", "left behind: create OIDC provider", "create role connections-role-test", "remedy: "] {
        assert!(ended.stderr.contains(line), "{line:?} is not in\n{}", ended.stderr);
    }
    assert_ne!(scene.role(ROLE), Value::Null);
    assert_eq!(scene.service_account(), Value::Null);

    prints(&real(&scene, "quickstart", &[]).run(), &["2 to add, 1 to change", "0 steps left to revoke"]);
    let mut after = account(&scene.front);
    after["providers"] = json!({});
    assert_eq!((after, scene.workload_as_set("deployment", DEPLOYMENT)), (before, workload));
}

#[tokio::test]
async fn a_second_ctrl_c_leaves_at_once_and_says_what_is_not_known() {
    let scene = Scene::new("ctrl-c-twice").await;
    scene.deployment(None);
    // Longer than any test: only leaving at once ends it in time.
    scene.front.faults(&json!([{"action": "CreateRole", "hang_seconds": 25, "status": 500}]));
    scene.front.clear_log();
    let mut running = real(&scene, "quickstart", &[]).start();
    while !scene.front.log().iter().any(|call| call == "iam:CreateRole") {
        running.goes_on();
    }
    running.interrupt();
    running.complains("cancelling");
    running.interrupt();
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(ended.stdout.contains("? create role connections-role-test (outcome not known)"), "{}", ended.stdout);
    assert!(ended.stderr.contains("perhaps left behind: create role connections-role-test"), "{}", ended.stderr);
}
