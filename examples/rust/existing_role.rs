//! A role that others made and use: only our statement goes into its trust, and only that comes out again.

use podrole::memory::{Account, AccountRole, Memory, World};
use podrole::policy::Document;
use podrole::{Client, Grant, Result};
use podrole_examples::{CLUSTER, DEPLOYMENT, POLICY, ROLE, SERVICE_ACCOUNT, heading, no_options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    no_options()?;
    let theirs = Document::parse(
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#,
    )?;
    let mut world = World::seed();
    if let Some(account) = world.accounts.values_mut().next() {
        *account = std::mem::take::<Account>(account).role(ROLE, AccountRole::new(theirs));
    }
    let memory = Memory::new(world);
    let before = memory.world().comparable();
    let client = Client::in_memory(&memory);
    let grant = Grant::new(CLUSTER, SERVICE_ACCOUNT, ROLE).policy(POLICY).deployment(DEPLOYMENT);

    let plan = client.plan(&grant).await?;
    println!("{plan}");
    let receipt = client.apply(plan).await?;
    println!("{}", client.verify(&grant).await?.into_result()?);

    heading("Revoking, with the receipt: it tells which attachment was ours");
    let receipt = client.revoke(&grant).with_receipt(receipt).await?;
    println!("{receipt}");
    assert_eq!(memory.world().comparable(), before, "the world is as it was");
    Ok(())
}
