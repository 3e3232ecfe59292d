//! Checks of OIDC providers and of the account's quotas.

use std::collections::{BTreeMap, BTreeSet};

use super::expect::{Must as _, There as _, absent, ensure, refused, same};
use super::iam::{IamContext, tags, tells};
use super::{Check, Found};
use crate::error::ErrorKind;

pub(super) fn checks() -> Vec<Check<IamContext>> {
    super::checks![
        a_provider_that_does_not_exist_is_none,
        a_provider_reads_back_with_its_scheme_audience_and_tags,
        creating_a_provider_twice_is_already_exists,
        a_client_id_is_added_to_those_that_are_there,
        adding_a_client_id_again_succeeds,
        adding_a_client_id_to_no_provider_is_not_found,
        deleting_a_provider_removes_it_and_again_is_not_found,
        quotas_are_those_of_an_account,
    ]
}

const AUDIENCE: &str = "sts.amazonaws.com";

async fn a_provider_that_does_not_exist_is_none(context: &IamContext) -> Found {
    absent("the provider", context.read.oidc_provider(&context.provider("absent")?.1).await)
}

async fn a_provider_reads_back_with_its_scheme_audience_and_tags(context: &IamContext) -> Found {
    let (url, arn) = context.provider("FULL")?;
    let marks = tags([("podrole.dev/created-by", "podrole")]);
    context.write.create_oidc_provider(&url, &[AUDIENCE.to_owned()], &marks).await.must("create")?;
    let found = context.read.oidc_provider(&arn).await.there("read")?;
    same("its ARN", &found.arn, &arn)?;
    same("its URL", &found.url, &url)?;
    same("its client ids", &found.client_ids, &BTreeSet::from([AUDIENCE.to_owned()]))?;
    same("its tags", &found.tags, &marks)
}

async fn creating_a_provider_twice_is_already_exists(context: &IamContext) -> Found {
    let (url, arn) = context.provider("TWICE")?;
    context.write.create_oidc_provider(&url, &[AUDIENCE.to_owned()], &BTreeMap::new()).await.must("create")?;
    let answer = context.write.create_oidc_provider(&url, &["other".to_owned()], &BTreeMap::new()).await;
    let error = refused("creating it again", answer, ErrorKind::AlreadyExists, "EntityAlreadyExists")?;
    tells(&error, "iam:CreateOpenIDConnectProvider")?;
    let found = context.read.oidc_provider(&arn).await.there("read")?;
    same("its client ids", &found.client_ids, &BTreeSet::from([AUDIENCE.to_owned()]))
}

async fn a_client_id_is_added_to_those_that_are_there(context: &IamContext) -> Found {
    let (url, arn) = context.provider("CLIENTS")?;
    context.write.create_oidc_provider(&url, &["other".to_owned()], &BTreeMap::new()).await.must("create")?;
    context.write.add_client_id(&arn, AUDIENCE).await.must("add")?;
    let found = context.read.oidc_provider(&arn).await.there("read")?;
    same("its client ids", &found.client_ids, &BTreeSet::from(["other".to_owned(), AUDIENCE.to_owned()]))
}

async fn adding_a_client_id_again_succeeds(context: &IamContext) -> Found {
    let (url, arn) = context.provider("AGAIN")?;
    context.write.create_oidc_provider(&url, &[AUDIENCE.to_owned()], &BTreeMap::new()).await.must("create")?;
    context.write.add_client_id(&arn, AUDIENCE).await.must("add what is there")?;
    let found = context.read.oidc_provider(&arn).await.there("read")?;
    same("its client ids", &found.client_ids, &BTreeSet::from([AUDIENCE.to_owned()]))
}

async fn adding_a_client_id_to_no_provider_is_not_found(context: &IamContext) -> Found {
    let answer = context.write.add_client_id(&context.provider("absent")?.1, AUDIENCE).await;
    refused("adding it", answer, ErrorKind::NotFound, "NoSuchEntity").map(drop)
}

async fn deleting_a_provider_removes_it_and_again_is_not_found(context: &IamContext) -> Found {
    let (url, arn) = context.provider("GONE")?;
    context.write.create_oidc_provider(&url, &[AUDIENCE.to_owned()], &BTreeMap::new()).await.must("create")?;
    context.write.delete_oidc_provider(&arn).await.must("delete")?;
    absent("the provider", context.read.oidc_provider(&arn).await)?;
    let answer = context.write.delete_oidc_provider(&arn).await;
    refused("deleting it again", answer, ErrorKind::NotFound, "NoSuchEntity").map(drop)
}

async fn quotas_are_those_of_an_account(context: &IamContext) -> Found {
    let quotas = context.read.quotas().await.must("quotas")?;
    let plausible = (2048..=4096).contains(&quotas.trust_policy_size)
        && (10..=20).contains(&quotas.attached_policies_per_role)
        && quotas.managed_policy_size >= 6144
        && quotas.inline_policies_size >= 10240
        && quotas.versions_per_policy >= 5;
    ensure(plausible, format!("{quotas:?}"))
}
