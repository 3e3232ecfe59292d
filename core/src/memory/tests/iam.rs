//! IAM and STS answer as AWS does.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::memory::{Account, AccountRole, WorldServiceAccount};
use crate::model::{NewPolicy, PolicyName, ServiceAccountName};

#[tokio::test]
async fn a_role_reads_back_as_it_was_made() {
    let memory = seed();
    let (reads, writes) = iam(&memory).await;
    let new = NewRole {
        path: "/team/".parse().unwrap(),
        description: Some("testing sa role for pod".to_owned()),
        max_session_duration: 7200,
        tags: [("owner".to_owned(), "me".to_owned())].into(),
        ..new_role("connections-role-test", trust("connections-serviceaccount-s3"))
    };
    let id = writes.create_role(&new).await.unwrap();
    assert!(crate::policy::is_unique_id(&id), "{id}");
    let role = reads.role(&role_name("CONNECTIONS-role-test")).await.unwrap().unwrap();
    assert_eq!(role.arn, arn("arn:aws:iam::204393242335:role/team/connections-role-test"));
    assert_eq!((role.unique_id, role.description, role.max_session_duration), (id, new.description, 7200));
    assert_eq!((role.trust, role.tags, role.path), (new.trust, new.tags, new.path));
    assert_eq!(reads.role(&role_name("other")).await.unwrap(), None);
    assert_eq!(reads.attached_policies(&role_name("other")).await.unwrap(), None);
}

#[tokio::test]
async fn what_iam_refuses_is_refused_with_its_code() {
    let memory = seed();
    let (_, writes) = iam(&memory).await;
    let good = new_role("r", trust("a"));
    writes.create_role(&good).await.unwrap();
    let try_role = |role: NewRole| {
        let writes = writes.clone();
        async move { writes.create_role(&role).await }
    };
    let taken = try_role(new_role("R", trust("a"))).await;
    assert_error(taken, ErrorKind::AlreadyExists, "EntityAlreadyExists", "Role with name R already exists.");
    let typographic = NewRole { description: Some("“x”".to_owned()), ..new_role("d", trust("a")) };
    assert_error(try_role(typographic).await, ErrorKind::InvalidInput, "ValidationError", "description");
    let short = NewRole { max_session_duration: 60, ..new_role("d", trust("a")) };
    assert_error(try_role(short).await, ErrorKind::InvalidInput, "ValidationError", "3600");
    let tags: BTreeMap<String, String> = (0..51).map(|n| (format!("k{n}"), String::new())).collect();
    let tagged = NewRole { tags, ..new_role("d", trust("a")) };
    assert_error(try_role(tagged).await, ErrorKind::LimitExceeded, "LimitExceeded", "50");
    let twice = [("Key".to_owned(), String::new()), ("key".to_owned(), String::new())].into();
    let tagged = NewRole { tags: twice, ..new_role("d", trust("a")) };
    assert_error(try_role(tagged).await, ErrorKind::InvalidInput, "InvalidInput", "case insensitive");
    let resource = document(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},
        "Action":"sts:AssumeRole","Resource":"*"}]}"#,
    );
    let bad = try_role(new_role("d", resource)).await;
    assert_error(bad, ErrorKind::InvalidInput, "MalformedPolicyDocument", "Has prohibited field Resource");
    let long = trust(&"x".repeat(2048));
    let bad = writes.update_trust(&role_name("r"), &long).await;
    assert_error(bad, ErrorKind::LimitExceeded, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048");
    let absent = writes.update_trust(&role_name("nobody"), &trust("a")).await;
    assert_error(absent, ErrorKind::NotFound, "NoSuchEntity", "The role with name nobody cannot be found.");
}

#[tokio::test]
async fn a_trust_policy_may_only_name_roles_that_exist() {
    let memory = seed();
    let (reads, writes) = iam(&memory).await;
    let target = "arn:aws:iam::204393242335:role/late";
    let refused = writes.create_role(&new_role("sync", trust_in(target))).await;
    assert_error(refused, ErrorKind::InvalidInput, "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":");
    let id = writes.create_role(&new_role("late", trust("a"))).await.unwrap();
    writes.create_role(&new_role("sync", trust_in(target))).await.unwrap();

    writes.delete_role(&role_name("late")).await.unwrap();
    let left = reads.role(&role_name("sync")).await.unwrap().unwrap().trust;
    assert_eq!(left, trust_in(&id), "a deleted role leaves its unique id behind");
    let again = writes.create_role(&new_role("late", trust("a"))).await.unwrap();
    assert_ne!(again, id);
    assert_eq!(reads.role(&role_name("sync")).await.unwrap().unwrap().trust, trust_in(&id));
    let stale = writes.update_trust(&role_name("sync"), &trust_in(&id)).await;
    assert_error(stale, ErrorKind::InvalidInput, "MalformedPolicyDocument", &id);
    writes.update_trust(&role_name("sync"), &trust_in(&again)).await.unwrap();
    assert_eq!(reads.role(&role_name("sync")).await.unwrap().unwrap().trust, trust_in(target), "ids read back as ARNs");
    writes.update_trust(&role_name("sync"), &trust_in("arn:aws:iam::999999999999:role/x")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_role_shows_after_the_lag() {
    let memory = seed();
    memory.set_lag(Duration::from_secs(5));
    let (reads, writes) = iam(&memory).await;
    writes.create_role(&new_role("late", trust("a"))).await.unwrap();
    writes.attach_policy(&role_name("late"), &arn(S3_FULL)).await.unwrap();
    let named = new_role("sync", trust_in("arn:aws:iam::204393242335:role/late"));
    let refused = writes.create_role(&named).await;
    assert_error(refused, ErrorKind::InvalidInput, "MalformedPolicyDocument", "Invalid principal in policy");
    assert_eq!(reads.role(&role_name("late")).await.unwrap(), None);
    memory.backend().reads.clock().sleep(Duration::from_secs(5)).await;
    assert!(reads.role(&role_name("late")).await.unwrap().is_some());
    writes.create_role(&named).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_changed_trust_policy_shows_after_the_lag() {
    let memory = seed();
    let (reads, writes) = iam(&memory).await;
    writes.create_role(&new_role("late", trust("a"))).await.unwrap();
    memory.set_lag(Duration::from_secs(5));
    for changed in ["b", "c"] {
        writes.update_trust(&role_name("late"), &trust(changed)).await.unwrap();
        assert_eq!(reads.role(&role_name("late")).await.unwrap().unwrap().trust, trust("a"));
    }
    memory.backend().reads.clock().sleep(Duration::from_secs(5)).await;
    assert_eq!(reads.role(&role_name("late")).await.unwrap().unwrap().trust, trust("c"));
}

#[tokio::test]
async fn attachments_are_checked_and_counted() {
    let memory = seed();
    memory.edit(|world| {
        world.accounts.values_mut().next().unwrap().quotas.attached_policies_per_role = 1;
    });
    let (reads, writes) = iam(&memory).await;
    let role = role_name("r");
    writes.create_role(&new_role("r", trust("a"))).await.unwrap();
    let service = arn("arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy");
    let wrong_path = writes.attach_policy(&role, &arn("arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicy")).await;
    assert_error(wrong_path, ErrorKind::NotFound, "NoSuchEntity", "does not exist or is not attachable");
    writes.attach_policy(&role, &arn(S3_FULL)).await.unwrap();
    writes.attach_policy(&role, &arn(S3_FULL)).await.unwrap();
    let full = writes.attach_policy(&role, &service).await;
    assert_error(full, ErrorKind::LimitExceeded, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 1");
    let linked = arn("arn:aws:iam::aws:policy/aws-service-role/AWSSupportServiceRolePolicy");
    let refused = writes.attach_policy(&role, &linked).await;
    assert_error(refused, ErrorKind::InvalidInput, "PolicyNotAttachable", "Service Role Policy");
    assert_eq!(reads.policy(&arn(S3_FULL)).await.unwrap().unwrap().attachment_count, 1);
    let kept = writes.delete_role(&role).await;
    assert_error(kept, ErrorKind::Conflict, "DeleteConflict", "must detach all policies first");
    writes.detach_policy(&role, &arn(S3_FULL)).await.unwrap();
    assert_error(writes.detach_policy(&role, &arn(S3_FULL)).await, ErrorKind::NotFound, "NoSuchEntity", "not found");

    let name = PolicyName::new("inline").unwrap();
    writes.put_inline_policy(&role, &name, &allow("s3:GetObject")).await.unwrap();
    assert_eq!(reads.inline_policy(&role, &name).await.unwrap(), Some(allow("s3:GetObject")));
    let large = allow(&format!("s3:{}", "x".repeat(10_240)));
    let refused = writes.put_inline_policy(&role, &name, &large).await;
    assert_error(refused, ErrorKind::LimitExceeded, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded");
    assert_error(writes.delete_role(&role).await, ErrorKind::Conflict, "DeleteConflict", "must delete policies first");
    writes.delete_inline_policy(&role, &name).await.unwrap();
    writes.delete_role(&role).await.unwrap();
    assert_error(writes.delete_role(&role).await, ErrorKind::NotFound, "NoSuchEntity", "role");
}

#[tokio::test]
async fn managed_policies_keep_five_versions_and_never_reuse_a_number() {
    let memory = seed();
    let (reads, writes) = iam(&memory).await;
    let policy = arn("arn:aws:iam::204393242335:policy/team/data");
    let new = NewPolicy { arn: policy.clone(), description: None, document: allow("s3:Get1"), tags: [].into() };
    writes.create_policy(&new).await.unwrap();
    let twin = NewPolicy { arn: arn("arn:aws:iam::204393242335:policy/DATA"), ..new };
    assert_error(writes.create_policy(&twin).await, ErrorKind::AlreadyExists, "EntityAlreadyExists", "DATA");
    for n in 2..=5 {
        assert_eq!(writes.create_policy_version(&policy, &allow("s3:Get2")).await.unwrap(), format!("v{n}"));
    }
    let full = writes.create_policy_version(&policy, &allow("s3:Get2")).await;
    assert_error(full, ErrorKind::LimitExceeded, "LimitExceeded", "up to 5 versions");
    let default = writes.delete_policy_version(&policy, "v5").await;
    assert_error(default, ErrorKind::Conflict, "DeleteConflict", "default version");
    writes.delete_policy_version(&policy, "v4").await.unwrap();
    assert_eq!(writes.create_policy_version(&policy, &allow("s3:Get6")).await.unwrap(), "v6");
    let versions = reads.policy_versions(&policy).await.unwrap().unwrap();
    let ids: Vec<&str> = versions.iter().map(|version| version.id.as_str()).collect();
    assert_eq!(ids, ["v6", "v5", "v3", "v2", "v1"]);
    assert_eq!(reads.policy_document(&policy, "v6").await.unwrap(), Some(allow("s3:Get6")));
    assert_eq!(reads.policy_document(&policy, "v4").await.unwrap(), None);
    assert_error(writes.delete_policy(&policy).await, ErrorKind::Conflict, "DeleteConflict", "more than one version");
    let aws = writes.create_policy_version(&arn(S3_FULL), &allow("s3:*")).await;
    assert_error(aws, ErrorKind::PermissionDenied, "AccessDenied", "managed by AWS");
    let misspelt = writes.create_policy_version(&policy, &trust("a")).await;
    assert_error(misspelt, ErrorKind::InvalidInput, "MalformedPolicyDocument", "Principal");
}

#[tokio::test]
async fn providers_are_one_per_issuer() {
    let memory = seed();
    let (reads, writes) = iam(&memory).await;
    let provider = arn(&format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}"));
    let held = reads.oidc_provider(&provider).await.unwrap().unwrap();
    assert_eq!(held.url.as_str(), format!("https://{HOST}"));
    let again = writes.create_oidc_provider(&held.url, &[], &BTreeMap::new()).await;
    assert_error(again, ErrorKind::AlreadyExists, "EntityAlreadyExists", "already exists.");
    writes.add_client_id(&provider, "sts.amazonaws.com").await.unwrap();
    for n in 1..100 {
        writes.add_client_id(&provider, &format!("c{n}")).await.unwrap();
    }
    let full = writes.add_client_id(&provider, "one-more").await;
    assert_error(full, ErrorKind::LimitExceeded, "LimitExceeded", "100");
    writes.delete_oidc_provider(&provider).await.unwrap();
    assert_eq!(reads.oidc_provider(&provider).await.unwrap(), None);
    assert_error(writes.delete_oidc_provider(&provider).await, ErrorKind::NotFound, "NoSuchEntity", "not found");
}

#[test]
fn a_token_becomes_credentials_only_where_provider_audience_and_trust_agree() {
    let memory = seed();
    let role = arn("arn:aws:iam::204393242335:role/r");
    memory.edit(|world| {
        let account = world.accounts.values_mut().next().unwrap();
        let held = std::mem::replace(account, Account::new());
        *account = held.role("r", AccountRole::new(trust("default")));
        let namespace = world.clusters.values_mut().next().unwrap().namespaces.values_mut().next().unwrap();
        namespace.service_accounts.insert(ServiceAccountName::new("other").unwrap(), WorldServiceAccount::default());
    });
    let assume = |account: &str, audience: &str, role: &Arn| {
        let account = ServiceAccountName::new(account).unwrap();
        memory.assume_role_with_web_identity(&arn(CLUSTER), &namespace(), &account, audience, role)
    };
    let assumed = assume("default", "sts.amazonaws.com", &role).unwrap();
    assert_eq!(assumed.arn, "arn:aws:sts::204393242335:assumed-role/r/podrole");
    let denied = ErrorKind::PermissionDenied;
    assert_error(assume("other", "sts.amazonaws.com", &role), denied, "AccessDenied", "Not authorized");
    assert_error(assume("default", "x", &role), denied, "InvalidIdentityToken", "Incorrect token audience");
    let ghost = arn("arn:aws:iam::204393242335:role/ghost");
    assert_error(assume("default", "sts.amazonaws.com", &ghost), denied, "AccessDenied", "Not authorized");
    assert_eq!(assume("ghost", "sts.amazonaws.com", &role).unwrap_err().kind(), ErrorKind::NotFound);
    memory.edit(|world| world.accounts.values_mut().next().unwrap().oidc_providers.clear());
    let none = assume("default", "sts.amazonaws.com", &role);
    assert_error(none, denied, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://");
}
