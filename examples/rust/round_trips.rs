//! Which calls a grant costs, and how many of them had to wait for one another. Also on real services: see `--help`.

use std::process::ExitCode;

use podrole::Result;
use podrole::ports::CallLog;
use podrole_examples::{Interrupts, Options, end, heading, print, show};

#[tokio::main]
async fn main() -> ExitCode {
    end(run().await)
}

async fn run() -> Result<()> {
    let options = Options::from_args()?;
    let mut interrupts = Interrupts::listen();
    let client = options.client().await?;
    let log = CallLog::new();
    let plan = interrupts.reading(None, log.scope(client.plan(&options.grant))).await?;
    heading(&format!("plan: {} calls, {} round trips deep", log.calls().len(), log.depth()));
    list(&log);
    if options.real {
        print(format!("\n{plan}"));
    }
    if !options.confirmed(&mut interrupts).await? {
        return Ok(());
    }

    let receipt = show(client.apply(plan).start().await?, &mut interrupts).await?;
    heading(&format!(
        "apply a plan made earlier: {} calls, {} round trips deep (one of them to see that the world has not moved)",
        receipt.calls, receipt.depth
    ));
    for step in &receipt.steps {
        for call in &step.calls {
            print(format!("  {:>2}  {}  ({})", call.depth, call.operation, step.summary));
        }
    }
    let log = CallLog::new();
    let again = interrupts.reading(Some(&receipt), log.scope(client.plan(&options.grant))).await?;
    heading(&format!("plan again: {} calls, {} deep, {} steps", log.calls().len(), log.depth(), again.steps.len()));
    if !options.keep {
        show(client.revoke(&options.grant).with_receipt(receipt).start().await?, &mut interrupts).await?;
    }
    Ok(())
}

fn list(log: &CallLog) {
    for call in log.calls() {
        print(format!("  {:>2}  {}", call.depth, call.operation));
    }
}
