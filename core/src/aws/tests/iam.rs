//! IAM: requests as AWS documents them, answers with all their traps.

use std::collections::BTreeMap;

use super::{Answer, Wire, pairs, refusal, xml};
use crate::error::ErrorKind;
use crate::model::{Arn, IamPath, Issuer, NewPolicy, NewRole, PolicyName, Quotas, RoleName};
use crate::policy::Document;

const PROVIDER: &str =
    "arn:aws:iam::204393242335:oidc-provider/oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B";
const ISSUER: &str = "https://oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:PrincipalTag/a":"x+y 100%"}}}]}"#;

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn name(name: &str) -> RoleName {
    RoleName::new(name).expect("a role name")
}

fn arn(arn: &str) -> Arn {
    Arn::new(arn).expect("an ARN")
}

fn document(text: &str) -> Document {
    Document::parse(text).expect("a document")
}

fn role(name: &str, trust: &str) -> String {
    format!(
        "<Path>/team/</Path><RoleName>{name}</RoleName><RoleId>AROAX</RoleId><Arn>arn:aws:iam::204393242335:role/team/{name}</Arn>\
         <CreateDate>2026-11-23T19:16:21Z</CreateDate><AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument>",
        encoded(trust)
    )
}

#[tokio::test]
async fn a_role_is_read_with_its_document_decoded() {
    let body = role("connections-role-test", TRUST);
    let wire = Wire::new([xml(
        "GetRole",
        &format!(
            "<Role>{body}<Description></Description><MaxSessionDuration>7200</MaxSessionDuration><PermissionsBoundary>\
             <PermissionsBoundaryType>Policy</PermissionsBoundaryType><PermissionsBoundaryArn>arn:aws:iam::aws:policy/Bound\
             </PermissionsBoundaryArn></PermissionsBoundary><Tags><member><Key>k</Key><Value>v</Value></member></Tags></Role>"
        ),
    )]);
    let role = wire.iam().await.role(&name("connections-role-test")).await.expect("an answer").expect("a role");
    assert_eq!(role.trust.as_value(), document(TRUST).as_value());
    assert_eq!((role.unique_id.as_str(), role.path.as_str()), ("AROAX", "/team/"));
    assert_eq!((role.description, role.max_session_duration), (None, 7200));
    assert_eq!(role.permissions_boundary, Some(arn("arn:aws:iam::aws:policy/Bound")));
    assert_eq!(role.tags, BTreeMap::from([("k".to_owned(), "v".to_owned())]));
    assert_eq!(wire.forms(), [pairs(&[("Action", "GetRole"), ("RoleName", "connections-role-test")])]);
}

#[tokio::test]
async fn what_does_not_exist_is_none_and_a_denial_is_not() {
    let absent = || refusal(404, "NoSuchEntity", "The role with name r cannot be found.");
    let wire = Wire::new([absent(), absent(), absent(), absent(), absent(), absent(), absent(), absent()]);
    let iam = wire.iam().await;
    let policy = arn("arn:aws:iam::204393242335:policy/p");
    assert_eq!(iam.role(&name("r")).await.expect("no error"), None);
    assert_eq!(iam.attached_policies(&name("r")).await.expect("no error"), None);
    assert_eq!(iam.inline_policies(&name("r")).await.expect("no error"), None);
    assert_eq!(iam.inline_policy(&name("r"), &PolicyName::new("i").expect("a name")).await.expect("no error"), None);
    assert_eq!(iam.policy(&policy).await.expect("no error"), None);
    assert_eq!(iam.policy_versions(&policy).await.expect("no error"), None);
    assert_eq!(iam.policy_document(&policy, "v1").await.expect("no error"), None);
    assert_eq!(iam.oidc_provider(&arn(PROVIDER)).await.expect("no error"), None);

    let denied = "User: arn:aws:iam::204393242335:user/u is not authorized to perform: iam:GetRole on resource: role r";
    let wire = Wire::new([refusal(403, "AccessDenied", denied)]);
    let error = wire.iam().await.role(&name("r")).await.expect_err("a denial");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(error.get_action(), Some("iam:GetRole"));
    assert_eq!((error.get_operation(), error.get_resource()), (Some("iam:GetRole"), Some("role r")));
    assert_eq!(error.get_remedy(), Some("allow iam:GetRole to the caller"));
}

#[tokio::test]
async fn every_page_is_read_and_a_page_that_points_to_itself_is_refused() {
    let page = |policy: &str, more: &str| {
        let policies = format!(
            "<AttachedPolicies><member><PolicyName>{policy}</PolicyName><PolicyArn>arn:aws:iam::aws:policy/{policy}</PolicyArn>\
             </member></AttachedPolicies>{more}"
        );
        xml("ListAttachedRolePolicies", &policies)
    };
    let more = "<IsTruncated>true</IsTruncated><Marker>m1</Marker>";
    // A marker without the flag is the end.
    let wire = Wire::new([page("A", more), page("B", "<IsTruncated>false</IsTruncated><Marker>m2</Marker>")]);
    let read = wire.iam().await.attached_policies(&name("r")).await.expect("an answer");
    assert_eq!(read, Some(vec![arn("arn:aws:iam::aws:policy/A"), arn("arn:aws:iam::aws:policy/B")]));
    let first = [("Action", "ListAttachedRolePolicies"), ("RoleName", "r"), ("MaxItems", "1000")];
    let second = [("Action", "ListAttachedRolePolicies"), ("RoleName", "r"), ("Marker", "m1"), ("MaxItems", "1000")];
    assert_eq!(wire.forms(), [pairs(&first), pairs(&second)]);

    let wire = Wire::new([page("A", more), page("A", more)]);
    let error = wire.iam().await.attached_policies(&name("r")).await.expect_err("a loop");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
}

#[tokio::test]
async fn a_provider_gets_its_scheme_back() {
    let wire = Wire::new([xml(
        "GetOpenIDConnectProvider",
        "<Url>oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B</Url><ClientIDList>\
         <member>sts.amazonaws.com</member></ClientIDList><ThumbprintList><member>0</member></ThumbprintList>",
    )]);
    let provider = wire.iam().await.oidc_provider(&arn(PROVIDER)).await.expect("an answer").expect("a provider");
    assert_eq!(provider.url.as_str(), ISSUER);
    assert!(provider.client_ids.contains("sts.amazonaws.com"));
}

#[tokio::test]
async fn a_provider_is_created_without_a_thumbprint_and_gets_client_ids() {
    let wire = Wire::new([xml("CreateOpenIDConnectProvider", ""), xml("AddClientIDToOpenIDConnectProvider", "")]);
    let iam = wire.iam_write().await;
    let tags = BTreeMap::from([("podrole.dev/created-by".to_owned(), "podrole".to_owned())]);
    let issuer = Issuer::new(ISSUER).expect("an issuer");
    iam.create_oidc_provider(&issuer, &["sts.amazonaws.com".to_owned()], &tags).await.expect("it is created");
    iam.add_client_id(&arn(PROVIDER), "sts.amazonaws.com").await.expect("it is added");
    let create = [
        ("Action", "CreateOpenIDConnectProvider"),
        ("Url", ISSUER),
        ("ClientIDList.member.1", "sts.amazonaws.com"),
        ("Tags.member.1.Key", "podrole.dev/created-by"),
        ("Tags.member.1.Value", "podrole"),
    ];
    let add = [
        ("Action", "AddClientIDToOpenIDConnectProvider"),
        ("OpenIDConnectProviderArn", PROVIDER),
        ("ClientID", "sts.amazonaws.com"),
    ];
    assert_eq!(wire.forms(), [pairs(&create), pairs(&add)]);
}

#[tokio::test]
async fn a_role_and_a_policy_are_created_with_everything_in_one_call() {
    let wire = Wire::new([
        xml("CreateRole", &format!("<Role>{}</Role>", role("r", TRUST))),
        xml("CreatePolicy", "<Policy><Arn>arn:aws:iam::204393242335:policy/team/p</Arn></Policy>"),
        xml("CreatePolicyVersion", "<PolicyVersion><VersionId>v3</VersionId></PolicyVersion>"),
        xml("UpdateRole", ""),
    ]);
    let iam = wire.iam_write().await;
    let new = NewRole {
        name: name("r"),
        path: IamPath::new("/team/").expect("a path"),
        description: Some("testing sa role for pod".to_owned()),
        max_session_duration: 3600,
        permissions_boundary: None,
        trust: document(TRUST),
        tags: BTreeMap::new(),
    };
    assert_eq!(iam.create_role(&new).await.expect("it is created"), "AROAX");
    let policy = arn("arn:aws:iam::204393242335:policy/team/p");
    let tags = BTreeMap::from([("k".to_owned(), String::new())]);
    let policy_document = document(r#"{"Version":"2012-10-17","Statement":[]}"#);
    let new = NewPolicy { arn: policy.clone(), description: None, document: policy_document.clone(), tags };
    iam.create_policy(&new).await.expect("it is created");
    assert_eq!(iam.create_policy_version(&policy, &policy_document).await.expect("it is created"), "v3");
    iam.update_role(&name("r"), None, 7200).await.expect("it is updated");

    let trust = document(TRUST).to_json();
    let json = policy_document.to_json();
    let role = [
        ("Action", "CreateRole"),
        ("Path", "/team/"),
        ("RoleName", "r"),
        ("AssumeRolePolicyDocument", trust.as_str()),
        ("Description", "testing sa role for pod"),
        ("MaxSessionDuration", "3600"),
    ];
    let created = [
        ("Action", "CreatePolicy"),
        ("PolicyName", "p"),
        ("Path", "/team/"),
        ("PolicyDocument", json.as_str()),
        ("Tags.member.1.Key", "k"),
        ("Tags.member.1.Value", ""),
    ];
    let version = [
        ("Action", "CreatePolicyVersion"),
        ("PolicyArn", policy.as_str()),
        ("PolicyDocument", json.as_str()),
        ("SetAsDefault", "true"),
    ];
    let update = [("Action", "UpdateRole"), ("RoleName", "r"), ("Description", ""), ("MaxSessionDuration", "7200")];
    assert_eq!(wire.forms(), [pairs(&role), pairs(&created), pairs(&version), pairs(&update)]);
}

#[tokio::test]
async fn nothing_to_tag_is_no_call() {
    let wire = Wire::new([]);
    let iam = wire.iam_write().await;
    iam.tag_role(&name("r"), &BTreeMap::new()).await.expect("nothing to do");
    iam.untag_role(&name("r"), &[]).await.expect("nothing to do");
    assert!(wire.lines().is_empty());
}

#[tokio::test]
async fn quotas_that_are_not_told_have_their_defaults() {
    let wire = Wire::new([xml(
        "GetAccountSummary",
        "<SummaryMap><entry><key>AssumeRolePolicySizeQuota</key><value>4096</value></entry>\
         <entry><key>AttachedPoliciesPerRoleQuota</key><value>20</value></entry></SummaryMap>",
    )]);
    let quotas = wire.iam().await.quotas().await.expect("an answer");
    assert_eq!(quotas, Quotas { trust_policy_size: 4096, attached_policies_per_role: 20, ..Quotas::default() });
}

#[tokio::test]
async fn a_document_that_cannot_be_read_names_its_role() {
    let list =
        format!("<Roles><member>{}</member></Roles><IsTruncated>false</IsTruncated>", role("broken", "not json"));
    let wire = Wire::new([xml("ListRoles", &list)]);
    let error = wire.iam().await.role_trusts().await.expect_err("not a document");
    assert_eq!((error.kind(), error.get_resource()), (ErrorKind::Unexpected, Some("role broken")));
}

#[tokio::test]
async fn a_document_that_is_not_encoded_keeps_its_percent_signs() {
    let plain = r#"{"Statement":[{"Sid":"a%20b"}]}"#;
    let body = role("r", plain).replace(&encoded(plain), &plain.replace('"', "&quot;"));
    let wire = Wire::new([xml("ListRoles", &format!("<Roles><member>{body}</member></Roles>"))]);
    let trusts = wire.iam().await.role_trusts().await.expect("an answer");
    assert_eq!(trusts[0].1.as_value()["Statement"][0]["Sid"], "a%20b");
}

#[tokio::test]
async fn an_empty_answer_is_not_a_role() {
    let wire = Wire::new([Answer::Http(200, String::new())]);
    let error = wire.iam().await.role(&name("r")).await.expect_err("no role");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
}
