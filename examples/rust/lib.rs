//! What the examples share: the command line, the client it asks for, Ctrl-C, and a progress display.

mod interrupts;
mod options;
mod output;

use std::collections::BTreeMap;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use podrole::{ErrorKind, Event, Outcome, Receipt, Result, Run};

pub use interrupts::Interrupts;
pub use options::{Options, no_options};
pub use output::{color, heading, print, width};

/// The values of the written procedure.
pub const CLUSTER: &str = "devops_aurora";
/// `namespace/name` of its service account.
pub const SERVICE_ACCOUNT: &str = "devops-aurora-1/connections-serviceaccount-s3";
/// Its role.
pub const ROLE: &str = "connections-role-test";
/// Its policy.
pub const POLICY: &str = "AmazonS3FullAccess";
/// Its deployment.
pub const DEPLOYMENT: &str = "connections-app";

/// Ends a program: an error is told with its remedy, what is left behind and the receipt. 130 after Ctrl-C, as a shell says it.
pub fn end(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if let Some(receipt) = error.get_receipt() {
        print(receipt);
    }
    eprintln!("{error:#}");
    if error.kind() == ErrorKind::Cancelled { ExitCode::from(130) } else { ExitCode::FAILURE }
}

/// Shows a run until it ends: finished steps on standard output, and on a terminal what is under way on standard error. Ctrl-C cancels
/// gently, a second one at once.
///
/// # Errors
/// What the run met.
pub async fn show(mut run: Run, interrupts: &mut Interrupts) -> Result<Receipt> {
    let bar = if output::is_live() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let template =
        if color() { "{spinner:.green} [{pos}/{len}] {wide_msg}" } else { "{spinner} [{pos}/{len}] {wide_msg}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let mut summaries = BTreeMap::new();
    loop {
        let event = tokio::select! {
            () = interrupts.next() => {
                bar.suspend(|| eprintln!("cancelling: the step under way finishes (Ctrl-C again to leave at once)"));
                run.cancel();
                continue;
            }
            event = run.next_event() => event,
        };
        match event {
            None => break,
            Some(Event::Started { steps }) => bar.set_length(u64::from(steps)),
            Some(Event::StepStarted { step, summary }) => {
                bar.set_message(summary.clone());
                summaries.insert(step, summary);
            }
            Some(Event::Waiting { reason, .. }) => bar.set_message(format!("waiting: {reason}")),
            Some(Event::StepFinished { step, outcome, duration_ms }) => {
                bar.inc(1);
                let summary = summaries.remove(&step).unwrap_or_default();
                let mark = if matches!(outcome, Outcome::Done | Outcome::AlreadyDone) { "✓" } else { "✗" };
                bar.suspend(|| print(format!("  {mark} {summary} ({duration_ms} ms)")));
            }
            Some(_) => {}
        }
    }
    bar.finish_and_clear();
    run.finish().await
}
