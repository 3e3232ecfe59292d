//! The whole job of the written procedure: plan, apply, verify, apply again, revoke.
//!
//! In memory, with no set-up: `cargo run --example quickstart`. On real services: see `--help`.

use std::process::ExitCode;
use std::time::Duration;

use podrole::{Plan, Result};
use podrole_examples::{Interrupts, Options, color, end, heading, print, show, width};

/// How long rollouts may take.
const ROLLOUT: Duration = Duration::from_mins(5);

#[tokio::main]
async fn main() -> ExitCode {
    end(run().await)
}

async fn run() -> Result<()> {
    let options = Options::from_args()?;
    let mut interrupts = Interrupts::listen();
    let client = options.client().await?;
    let grant = &options.grant;
    if !options.real {
        print("A simulated AWS account and EKS cluster: nothing outside this process is touched.");
    }

    let plan = interrupts.reading(None, client.plan(grant)).await?;
    print(format!("\n{}", shown(&plan)));
    if !options.confirmed(&mut interrupts).await? {
        print("\nNothing was changed.");
        return Ok(());
    }

    heading("Applying");
    let receipt = show(client.apply(plan).wait(ROLLOUT).start().await?, &mut interrupts).await?;
    print(format!("  {} calls, {} deep, {} ms", receipt.calls, receipt.depth, receipt.duration_ms));

    heading("The role's trust policy");
    print(interrupts.reading(Some(&receipt), trust(&client, grant)).await?);

    heading("Verifying");
    print(interrupts.reading(Some(&receipt), client.verify(grant)).await?);

    heading("Planning again");
    print(shown(&interrupts.reading(Some(&receipt), client.plan(grant)).await?));

    if options.keep {
        return Ok(());
    }
    heading("Revoking");
    let undo = client.plan_revoke(grant).with_receipt(receipt.clone());
    let undo = interrupts.reading(Some(&receipt), undo).await?;
    for notice in &undo.notices {
        print(format!("  {}: {}", notice.resource, notice.message));
    }
    let receipt = show(client.apply(undo).wait(ROLLOUT).start().await?, &mut interrupts).await?;
    let left = interrupts.reading(Some(&receipt), client.plan_revoke(grant)).await?;
    print(format!("  {} steps left to revoke", left.steps.len()));
    Ok(())
}

fn shown(plan: &Plan) -> String {
    plan.view().width(width()).color(color()).to_string()
}

/// The role's trust policy as IAM has it now.
async fn trust(client: &podrole::Client, grant: &podrole::Grant) -> Result<String> {
    let iam = client.backend().reads.iam(&podrole::ports::AwsTarget::default()).await?;
    let role = iam.role(&podrole::model::RoleName::new(&grant.role.name)?).await?;
    Ok(role.map(|role| role.trust.to_pretty()).unwrap_or_default())
}
