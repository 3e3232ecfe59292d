//! Names: the longest, the shortest, with underscores, in other letters, in another case.

use podrole::memory::{Account, AccountRole, Memory, World, WorldCluster, WorldNamespace, WorldWorkload};
use podrole::policy::S3Access;
use podrole::{Client, ErrorKind, Grant};

use crate::support::{
    ACCOUNT, ISSUER, ROLE, account, account_mut, allow, assert_same, bare_grant, crowded, foreign_trust, put_role,
    role, seed_grant,
};

/// A text of so many characters.
fn long(start: &str, length: usize) -> String {
    start.chars().cycle().take(length).collect()
}

async fn comes_and_goes(world: World, grant: Grant) {
    let memory = Memory::new(world);
    let before = memory.world();
    let client = Client::in_memory(&memory);
    client.apply(&grant).await.unwrap_or_else(|error| panic!("{error:#}"));
    let again = client.plan(&grant).await.unwrap();
    assert!(again.is_empty(), "{again}");
    client.verify(&grant).await.unwrap().into_result().unwrap();
    client.revoke(&grant).remove_provider().await.unwrap_or_else(|error| panic!("{error:#}"));
    assert_same(&before.comparable(), &memory.world().comparable(), "revoked");
}

#[tokio::test]
async fn the_longest_legal_names_work_everywhere() {
    let cluster = long("a_b-", 100);
    let (namespace, service_account) = (long("n", 63), long("s", 253));
    let (role, workload) = (long("r+=,.@-_", 64), long("w", 63));
    let arn = format!("arn:aws:eks:ca-central-1:{ACCOUNT}:cluster/{cluster}");
    let names = WorldNamespace::new().deployment(&workload, WorldWorkload::new(1));
    let world = World::new()
        .account(ACCOUNT, Account::new().role("sync", AccountRole::new(foreign_trust())))
        .cluster(&arn, WorldCluster::new(ISSUER).namespace(&namespace, names))
        .filled();
    let mut grant = Grant::new(&cluster, format!("{namespace}/{service_account}"), &role)
        .description(long("é", 1000))
        .tag(long("k", 128), long("v", 256))
        .policy_document(long("p_+@", 128), allow("s3:GetObject"))
        .inline_policy(long("i,=@", 100), allow("s3:GetObject"))
        .s3(long("j", 128), [long("b", 63)], S3Access::Read)
        .data_sync("sync")
        .deployment(&workload);
    grant.trust.service_accounts = vec![format!("{}/{}", long("m", 63), long("t", 176))];
    comes_and_goes(world, grant).await;
}

#[tokio::test]
async fn the_shortest_names_and_those_of_digits_work() {
    let names = WorldNamespace::new().deployment("0", WorldWorkload::new(1));
    let world = World::new()
        .account(ACCOUNT, Account::new())
        .cluster(
            &format!("arn:aws:eks:ca-central-1:{ACCOUNT}:cluster/1"),
            WorldCluster::new(ISSUER).namespace("0", names),
        )
        .filled();
    comes_and_goes(world, Grant::new("1", "0/0", "_").inline_policy("=", allow("s3:*")).deployment("0")).await;
}

#[tokio::test]
async fn tags_in_every_alphabet_are_kept_and_descriptions_that_iam_refuses_are_refused_here() {
    let mut world = crowded();
    account_mut(&mut world).oidc_providers.clear();
    comes_and_goes(
        world,
        bare_grant().tag("Équipe", "Größe 大 ٣").description("Zugriff für Café – nein".replace('–', "-")),
    )
    .await;
    for bad in ["curly “quotes”", "emoji 🎉", "漢字", "long — dash"] {
        let error = bare_grant().description(bad).check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}: {error:#}");
    }
    for (key, value) in [("a\tb", "x"), ("a", "x\ny"), ("a", "x;y"), ("", "x"), ("podrole.dev/x", "y"), ("AWS:x", "y")]
    {
        let error = bare_grant().tag(key, value).check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{key:?}={value:?}: {error:#}");
    }
}

#[tokio::test]
async fn tag_keys_that_differ_in_case_alone_are_refused_before_any_call() {
    let error = bare_grant().tag("Team", "a").tag("team", "b").check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("Team") && error.message().contains("team"), "{error:#}");
}

#[tokio::test]
async fn an_empty_description_is_none() {
    comes_and_goes(crowded_without_provider(), bare_grant().description("")).await;
    // And takes an earlier one away.
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    client.apply(&seed_grant()).await.unwrap();
    let emptied = seed_grant().description("");
    client.apply(&emptied).await.unwrap();
    assert_eq!(role(&memory.world(), ROLE).unwrap().description, None);
    assert!(client.plan(&emptied).await.unwrap().is_empty());
}

fn crowded_without_provider() -> World {
    let mut world = crowded();
    account_mut(&mut world).oidc_providers.clear();
    world
}

#[tokio::test]
async fn a_role_is_the_same_in_another_case() {
    let shouted = |grant: Grant| {
        let mut grant = grant;
        grant.role.name = grant.role.name.to_uppercase();
        grant
    };
    let grant =
        seed_grant().inline_policy("ours", allow("s3:GetObject")).policy_document("made", allow("s3:GetObject"));
    // Ours, made in lower case: another case changes nothing, and takes all of it back.
    let memory = Memory::new(crowded_without_provider());
    let before = memory.world();
    let client = Client::in_memory(&memory);
    client.apply(&grant).await.unwrap();
    let plan = client.plan(&shouted(grant.clone())).await.unwrap();
    assert!(plan.is_empty(), "{plan}");
    client.verify(&shouted(grant.clone())).await.unwrap().into_result().unwrap();
    client.revoke(&shouted(grant.clone())).remove_provider().await.unwrap_or_else(|error| panic!("{error:#}"));
    assert_same(&before.comparable(), &memory.world().comparable(), "revoked");
    // Of others: merged, and what they put there counts.
    let mut world = crowded();
    put_role(
        &mut world,
        ROLE,
        AccountRole::new(foreign_trust()).attached("arn:aws:iam::aws:policy/AmazonS3FullAccess"),
    );
    let memory = Memory::new(world);
    let client = Client::in_memory(&memory);
    let plan = client.plan(&shouted(seed_grant())).await.unwrap();
    assert!(!plan.steps.iter().any(|step| step.summary.starts_with("attach")), "{plan}");
    client.apply(plan).await.unwrap();
    assert_eq!(
        account(&memory.world()).roles.keys().filter(|name| name.as_str().eq_ignore_ascii_case(ROLE)).count(),
        1
    );
}

#[tokio::test]
async fn a_data_sync_role_that_is_named_twice_is_refused() {
    for second in ["their-data-role", "THEIR-DATA-ROLE", "arn:aws:iam::204393242335:role/their-data-role"] {
        let error = seed_grant().data_sync("their-data-role").data_sync(second).check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{second}: {error:#}");
        assert!(error.message().contains("dataSyncs[1]"), "{second}: {error:#}");
    }
}

#[tokio::test]
async fn a_policy_of_the_name_under_another_path_or_in_another_case_is_said_before_the_first_write() {
    let grant = seed_grant().policy_document("Their-Policy", allow("s3:GetObject"));
    let memory = Memory::new(crowded());
    let error = Client::in_memory(&memory).apply(&grant).await.unwrap_err();
    // IAM tells it only when the policy is created; what is said then must not send the reader in circles.
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error:#}");
    assert!(error.get_remedy().is_some_and(|remedy| remedy.contains("another name")), "{error:#}");
}
