//! What the role may do: documents created and updated, inline policies, the S3 preset, and what a grant no longer asks for.

use podrole::ErrorKind;
use podrole::grant::{PolicyGrant, PolicySource, S3Grant};
use podrole::policy::{Document, S3Access};
use podrole_tests::{ACCOUNT, ROLE, S3_FULL};
use serde_json::{Value, json};

use crate::support::{Scene, allow, kinds, shown, text};

fn arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{name}")
}

impl Scene {
    /// Ids of a policy's versions and the document in force.
    fn policy(&self, name: &str) -> (Vec<String>, Document) {
        let arn = arn(name);
        let listed = self.front.boto("iam", "list_policy_versions", &json!({"PolicyArn": arn}));
        let versions = listed["Versions"].as_array().unwrap();
        let default = versions.iter().find(|version| version["IsDefaultVersion"] == true).unwrap();
        let of = json!({"PolicyArn": arn, "VersionId": default["VersionId"]});
        let document = self.front.boto("iam", "get_policy_version", &of)["PolicyVersion"]["Document"].clone();
        let mut ids: Vec<String> = versions.iter().map(|version| text(&version["VersionId"])).collect();
        ids.sort();
        (ids, Document::from_value(document).unwrap())
    }
}

#[tokio::test]
async fn a_customer_policy_is_created_updated_six_times_and_removed() {
    let scene = Scene::new("documents").await;
    let grant = |version: u32| scene.grant().policy_document("connections-data", allow(&format!("s3:Get{version}")));
    scene.applied(&grant(0)).await;
    assert_eq!(scene.policy("connections-data"), (vec!["v1".to_owned()], allow("s3:Get0")));
    for version in 1..=6 {
        let plan = scene.client.plan(&grant(version)).await.unwrap();
        assert_eq!(kinds(&plan), ["update_policy"], "{plan}");
        scene.applied(&grant(version)).await;
        let (ids, document) = scene.policy("connections-data");
        assert!(document.same_meaning(&allow(&format!("s3:Get{version}"))), "{document:?}");
        // IAM keeps five: the oldest that is not in force goes.
        let newest = version + 1;
        let wanted: Vec<String> = (newest.saturating_sub(4).max(1)..=newest).map(|id| format!("v{id}")).collect();
        assert_eq!(ids, wanted);
    }
    scene.verified(&grant(6)).await;
    scene.revoked(&grant(6), None).await;
    assert_eq!(
        scene.front.try_boto("iam", "get_policy", &json!({"PolicyArn": arn("connections-data")})),
        Err("NoSuchEntity".to_owned())
    );
    assert_eq!(scene.role(ROLE), Value::Null);
}

#[tokio::test]
async fn a_policy_of_others_is_attached_by_name_but_not_overwritten() {
    let scene = Scene::new("customer").await;
    let policy = json!({"PolicyName": "team-policy", "PolicyDocument": allow("sqs:SendMessage").to_json()});
    scene.front.boto("iam", "create_policy", &policy);
    let grant = scene.bare_grant().customer_policy("team-policy");
    scene.applied(&grant).await;
    scene.verified(&grant).await;
    assert_eq!(scene.attached(ROLE), [arn("team-policy")]);

    scene.front.clear_log();
    let error =
        scene.client.apply(&scene.bare_grant().policy_document("team-policy", allow("s3:Get"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error:?}");
    assert_eq!(scene.front.writes(), Vec::<String>::new());

    scene.revoked(&grant, None).await;
    assert_eq!(scene.policy("team-policy").1, allow("sqs:SendMessage"));
}

#[tokio::test]
async fn an_inline_policy_and_the_s3_preset_are_written_changed_and_removed() {
    let scene = Scene::new("inline").await;
    let grant = |access| {
        scene.bare_grant().inline_policy("queue", allow("sqs:ReceiveMessage")).policy_grant(PolicyGrant {
            name: Some("data".to_owned()),
            inline: true,
            s3: Some(S3Grant {
                buckets: vec!["connections-data".to_owned()],
                prefixes: vec!["incoming/".to_owned()],
                access,
            }),
            ..PolicyGrant::of(PolicySource::S3)
        })
    };
    scene.applied(&grant(S3Access::Read)).await;
    let mut names = scene.inline(ROLE);
    names.sort();
    assert_eq!(names, ["data", "queue"]);
    let read = |scene: &Scene| {
        scene.front.boto("iam", "get_role_policy", &json!({"RoleName": ROLE, "PolicyName": "data"}))["PolicyDocument"]
            .to_string()
    };
    let first = read(&scene);
    assert!(first.contains("s3:GetObject") && !first.contains("s3:PutObject"), "{first}");
    assert!(first.contains("arn:aws:s3:::connections-data/incoming/*"), "{first}");
    scene.applied(&grant(S3Access::ReadWrite)).await;
    let second = read(&scene);
    assert!(second.contains("s3:GetObject") && second.contains("s3:PutObject"), "{second}");
    scene.verified(&grant(S3Access::ReadWrite)).await;

    scene.applied(&scene.bare_grant()).await;
    assert_eq!(scene.inline(ROLE), Vec::<String>::new());
    scene.revoked(&scene.bare_grant(), None).await;
    assert_eq!(scene.role(ROLE), Value::Null);
}

#[tokio::test]
async fn what_the_grant_no_longer_asks_for_goes_and_what_others_attached_stays() {
    let scene = Scene::new("shrunk").await;
    let larger = scene.grant().policy("AmazonEBSCSIDriverPolicy").policy_document("connections-data", allow("s3:Get"));
    scene.applied(&larger).await;
    let service_role = "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy";
    let mut attached = scene.attached(ROLE);
    attached.sort();
    assert_eq!(attached, [arn("connections-data").as_str(), S3_FULL, service_role]);
    let foreign = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess";
    scene.front.boto("iam", "attach_role_policy", &json!({"RoleName": ROLE, "PolicyArn": foreign}));

    scene.applied(&scene.grant()).await;
    let mut attached = scene.attached(ROLE);
    attached.sort();
    assert_eq!(attached, [S3_FULL, foreign]);
    assert_eq!(
        scene.front.try_boto("iam", "get_policy", &json!({"PolicyArn": arn("connections-data")})),
        Err("NoSuchEntity".to_owned())
    );

    // What others attached blocks the deletion of the role.
    let plan = scene.client.plan_revoke(&scene.grant()).await.unwrap();
    assert!(
        plan.notices.iter().any(|notice| notice.message.contains("unmanaged") && notice.message.contains(foreign)),
        "{plan}"
    );
    scene.client.apply(plan).await.unwrap();
    assert_eq!(scene.attached(ROLE), [foreign]);
    scene.front.boto("iam", "detach_role_policy", &json!({"RoleName": ROLE, "PolicyArn": foreign}));
    scene.revoked(&scene.grant(), None).await;
    assert_eq!(scene.role(ROLE), Value::Null);
}

#[tokio::test]
async fn a_policy_that_is_not_there_is_named_with_the_nearest_before_any_write() {
    let scene = Scene::new("no-policy").await;
    let error = scene.client.apply(&scene.bare_grant().policy("AmazonS3FulAccess")).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput), "{error:?}");
    assert!(shown(&error).contains("AmazonS3FullAccess"), "{error:?}");
    let error = scene.client.apply(&scene.bare_grant().customer_policy("nobody")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    assert!(shown(&error).contains("nobody"), "{error:?}");
    assert_eq!(scene.front.writes(), Vec::<String>::new());
}
