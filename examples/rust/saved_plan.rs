//! A plan is made by one person, saved, read by another, and applied later; when the world moved in between, it is refused.

use podrole::memory::{Memory, World};
use podrole::{Client, ErrorKind, Grant, Plan, Result};
use podrole_examples::{CLUSTER, DEPLOYMENT, POLICY, ROLE, SERVICE_ACCOUNT, heading, no_options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    no_options()?;
    let client = Client::in_memory(&Memory::new(World::seed()));
    let grants = Grant::all_from_yaml(&format!(
        "cluster: {CLUSTER}\nserviceAccount: {SERVICE_ACCOUNT}\nrole: {ROLE}\npolicies: [{POLICY}]\ndeployments: [{DEPLOYMENT}]\n"
    ))?;
    let saved = client.plan(&grants[0]).await?.to_json();
    println!("saved {} bytes of plan", saved.len());

    heading("Applied later");
    println!("{}", client.apply(Plan::from_json(&saved)?).await?);

    heading("Applied once more");
    let error =
        client.apply(Plan::from_json(&saved)?).await.expect_err("the world is no longer what the plan was made from");
    assert_eq!(error.kind(), ErrorKind::PlanStale);
    println!("{error:#}");
    Ok(())
}
