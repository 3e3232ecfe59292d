//! "Authorize for Data Syncs": another role lets the workload's role, and S3, assume it.

use podrole::grant::DataSyncGrant;
use podrole::memory::{Account, AccountRole, Memory, World};
use podrole::policy::Document;
use podrole::{Client, Grant, Result};
use podrole_examples::{CLUSTER, ROLE, SERVICE_ACCOUNT, heading, no_options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    no_options()?;
    let theirs = Document::parse(
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "transfer.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#,
    )?;
    let mut world = World::seed();
    if let Some(account) = world.accounts.values_mut().next() {
        *account = std::mem::take::<Account>(account)
            .role("data-sync-one", AccountRole::new(theirs.clone()))
            .role("data-sync-two", AccountRole::new(theirs));
    }
    let client = Client::in_memory(&Memory::new(world));
    let grant = Grant::new(CLUSTER, SERVICE_ACCOUNT, ROLE).data_sync("data-sync-one").data_sync_grant(DataSyncGrant {
        role: "data-sync-two".to_owned(),
        source_account: Some("204393242335".to_owned()),
        external_id: Some("connections".to_owned()),
    });
    println!("{}", client.plan(&grant).await?);
    client.apply(&grant).await?;
    println!("{}", client.verify(&grant).await?.into_result()?);

    heading("Revoking");
    println!("{}", client.revoke(&grant).await?);
    Ok(())
}
