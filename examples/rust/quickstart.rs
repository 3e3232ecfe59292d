//! The whole job of the written procedure: plan, apply, verify, apply again, revoke.
//!
//! In memory, with no set-up: `cargo run --example quickstart`. On real services: see `--help`.

use std::process::ExitCode;
use std::time::Duration;

use podrole::Result;
use podrole_examples::{Options, color, end, heading, show, width};

/// How long rollouts may take.
const ROLLOUT: Duration = Duration::from_mins(5);

#[tokio::main]
async fn main() -> ExitCode {
    end(run().await)
}

async fn run() -> Result<()> {
    let options = Options::from_args()?;
    let client = options.client().await?;
    let grant = &options.grant;
    if !options.real {
        println!("A simulated AWS account and EKS cluster: nothing outside this process is touched.");
    }

    let plan = client.plan(grant).await?;
    println!("\n{}", plan.view().width(width()).color(color()));

    heading("Applying");
    let receipt = show(client.apply(plan).wait(ROLLOUT).start().await?).await?;
    println!("  {} calls, {} deep, {} ms", receipt.calls, receipt.depth, receipt.duration_ms);

    heading("The role's trust policy");
    println!("{}", trust(&client, grant).await?);

    heading("Verifying");
    println!("{}", client.verify(grant).await?);

    heading("Planning again");
    println!("{}", client.plan(grant).await?.view().width(width()).color(color()));

    if options.keep {
        return Ok(());
    }
    heading("Revoking");
    show(client.revoke(grant).with_receipt(receipt).wait(ROLLOUT).start().await?).await?;
    let left = client.plan_revoke(grant).await?;
    println!("  {} steps left to revoke", left.steps.len());
    Ok(())
}

/// The role's trust policy as IAM has it now.
async fn trust(client: &podrole::Client, grant: &podrole::Grant) -> Result<String> {
    let iam = client.backend().reads.iam(&podrole::ports::AwsTarget::default()).await?;
    let role = iam.role(&podrole::model::RoleName::new(&grant.role.name)?).await?;
    Ok(role.map(|role| role.trust.to_pretty()).unwrap_or_default())
}
