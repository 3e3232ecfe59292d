//! The files of the written procedure from values alone: no client, no call.

use podrole::policy::S3Access;
use podrole::{Result, artifacts};
use podrole_examples::{ROLE, SERVICE_ACCOUNT, heading, no_options};

fn main() -> Result<()> {
    no_options()?;
    let provider = "arn:aws:iam::204393242335:oidc-provider/oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B";
    let role = format!("arn:aws:iam::204393242335:role/{ROLE}");
    heading("trust-relationship.json");
    println!("{}", artifacts::trust_document(provider, SERVICE_ACCOUNT)?.to_pretty());
    heading("my-service-account.yaml");
    print!("{}", artifacts::service_account_yaml(SERVICE_ACCOUNT, &role)?);
    heading("The trust of a data-sync role");
    println!("{}", artifacts::data_sync_statement(&role, None, None)?.to_pretty());
    heading("Least-privilege S3 access");
    println!("{}", artifacts::s3_policy("aws", &["connections-data"], S3Access::Read)?.to_pretty());
    heading("The kustomize patch");
    print!("{}", artifacts::kustomize_patch("connections-serviceaccount-s3")?);
    Ok(())
}
