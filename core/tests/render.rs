//! What people read: plans in a wide and a narrow terminal, and errors.

use podrole::memory::{Memory, World};
use podrole::{Client, Error, ErrorKind, Grant, Leftovers};

fn grant() -> Grant {
    Grant::new("devops_aurora", "devops-aurora-1/connections-serviceaccount-s3", "connections-role-test")
        .description("testing sa role for pod")
        .policy("AmazonS3FullAccess")
        .deployment("connections-app")
}

#[tokio::test]
async fn a_plan_prints_what_changes_from_what_to_what_and_why() {
    let client = Client::in_memory(&Memory::new(World::seed()));
    let plan = client.plan(&grant()).await.expect("the seed's world can be planned for");
    insta::assert_snapshot!(plan.view().width(120));
}

#[tokio::test]
async fn a_narrow_terminal_is_never_overrun() {
    let client = Client::in_memory(&Memory::new(World::seed()));
    let plan = client.plan(&grant()).await.expect("the seed's world can be planned for");
    for width in [40, 60, 80] {
        for line in plan.view().width(width).to_string().lines() {
            assert!(line.chars().count() <= width, "{} columns of {width}: {line}", line.chars().count());
        }
    }
}

#[tokio::test]
async fn colour_only_adds_codes() {
    let client = Client::in_memory(&Memory::new(World::seed()));
    let plan = client.plan(&grant()).await.expect("the seed's world can be planned for");
    let colored = plan.view().color(true).to_string();
    assert!(colored.contains("\u{1b}[32m+\u{1b}[0m"));
    let mut stripped = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        stripped.push_str(before);
        rest = after.split_once('m').expect("a code ends").1;
    }
    stripped.push_str(rest);
    assert_eq!(stripped, plan.to_string());
}

#[tokio::test]
async fn control_characters_from_outside_do_not_reach_the_terminal() {
    let memory = Memory::new(World::seed());
    let client = Client::in_memory(&memory);
    let mut odd = grant();
    odd.service_account.labels.insert("team".to_owned(), "a\u{1b}[2Jb".to_owned());
    let text = match client.plan(&odd).await {
        Ok(plan) => plan.to_string(),
        Err(error) => format!("{error:#}"),
    };
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn an_error_is_one_line_and_has_its_remedy_in_the_alternate_form() {
    let error = Error::new(ErrorKind::PermissionDenied, "not authorized")
        .operation("iam:CreateRole")
        .code("AccessDenied")
        .resource("role app")
        .action("iam:CreateRole")
        .remedy("allow iam:CreateRole")
        .leftovers(Leftovers::Remaining { resources: vec!["create OIDC provider".to_owned()] });
    assert_eq!(error.to_string(), "permission_denied: role app: not authorized (iam:CreateRole: AccessDenied)");
    assert_eq!(
        format!("{error:#}"),
        "permission_denied: role app: not authorized (iam:CreateRole: AccessDenied)\n  missing permission: iam:CreateRole\n  remedy: allow iam:CreateRole\n  left behind: create OIDC provider"
    );
    assert_eq!(format!("{error:?}"), format!("{error:#}"), "without a cause, Debug is the alternate form");
    assert_eq!(error.kind().as_str(), "permission_denied");
}
