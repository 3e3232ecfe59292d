//! The deployment is pointed at the service account in a `kustomization.yaml` on disk, for clusters that a repository describes.

use podrole::memory::{Memory, World};
use podrole::{Client, Grant, Result};
use podrole_examples::{CLUSTER, DEPLOYMENT, POLICY, ROLE, SERVICE_ACCOUNT, heading, no_options};

const PATH: &str = "connections/kustomization.yaml";
const TEXT: &str = "\
# Connections, production
resources:
  - ../base   # shared by all environments
namespace: devops-aurora-1
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    no_options()?;
    let memory = Memory::new(World::seed().file(PATH, TEXT));
    let client = Client::in_memory(&memory);
    let grant = Grant::new(CLUSTER, SERVICE_ACCOUNT, ROLE).policy(POLICY).kustomization(PATH, DEPLOYMENT);
    client.apply(&grant).await?;
    heading(PATH);
    println!("{}", memory.world().files[PATH]);
    assert!(client.plan(&grant).await?.is_empty(), "editing twice changes nothing");

    client.revoke(&grant).await?;
    assert_eq!(memory.world().files[PATH], TEXT, "the undo gives the file back, byte for byte");
    heading("After revoke the file is as it was");
    Ok(())
}
