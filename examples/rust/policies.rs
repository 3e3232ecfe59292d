//! Every way to say what a role may do: AWS-managed, customer-managed, from a document, inline, and the S3 preset.

use podrole::memory::{Account, Memory, World};
use podrole::policy::{Document, S3Access};
use podrole::{Client, Grant, Result};
use podrole_examples::{CLUSTER, ROLE, SERVICE_ACCOUNT, heading, no_options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    no_options()?;
    let read_queue = Document::parse(
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": "*"}]}"#,
    )?;
    let mut world = World::seed();
    if let Some(account) = world.accounts.values_mut().next() {
        *account = std::mem::take::<Account>(account).policy("team-policy", read_queue.clone());
    }
    let client = Client::in_memory(&Memory::new(world));
    let grant = Grant::new(CLUSTER, SERVICE_ACCOUNT, ROLE)
        .policy("AmazonEBSCSIDriverPolicy") // lives under service-role/: the path is looked up
        .customer_policy("team-policy")
        .policy_document("read-queue", read_queue.clone())
        .inline_policy("read-queue-inline", read_queue)
        .s3("data", ["connections-data"], S3Access::ReadWrite);
    println!("{}", client.plan(&grant).await?);
    client.apply(&grant).await?;

    heading("The same grant with less in it: what podrole put there goes");
    let smaller = Grant::new(CLUSTER, SERVICE_ACCOUNT, ROLE).policy("AmazonS3FullAccess");
    println!("{}", client.plan(&smaller).await?);
    client.apply(&smaller).await?;
    println!("{}", client.verify(&smaller).await?.into_result()?);
    Ok(())
}
