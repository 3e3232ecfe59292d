//! What the examples share: the command line, the client it asks for, and a progress display.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use console::Term;
use indicatif::{ProgressBar, ProgressStyle};
use podrole::memory::{Memory, World};
use podrole::{Client, Error, ErrorKind, Event, Grant, Outcome, Receipt, Result, Run};

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

/// What an example was asked for on its command line.
#[derive(Debug)]
pub struct Options {
    /// Real AWS and Kubernetes instead of the in-memory world.
    pub real: bool,
    /// Leave what was made, instead of revoking it at the end.
    pub keep: bool,
    /// The kubeconfig, instead of a token minted for EKS.
    pub kubeconfig: Option<PathBuf>,
    /// The grant of the written procedure, with what the command line changes in it.
    pub grant: Grant,
}

const USAGE: &str = "\
usage: cargo run --example NAME [-- OPTIONS]
  --real                  work on real AWS and Kubernetes (needs --features real)
  --kubeconfig FILE       reach the API server by a kubeconfig (with --real)
  --cluster NAME          default devops_aurora
  --service-account NAME  namespace/name, default devops-aurora-1/connections-serviceaccount-s3
  --role NAME             default connections-role-test
  --policy NAME           default AmazonS3FullAccess
  --deployment NAME       default connections-app
  --keep                  do not revoke at the end";

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// `invalid_input` with the usage for an unknown option or a missing value.
    pub fn from_args() -> Result<Self> {
        use lexopt::prelude::*;
        let usage = |error: lexopt::Error| Error::invalid(error.to_string()).remedy(USAGE);
        let (mut real, mut keep, mut kubeconfig) = (false, false, None);
        let mut values = [
            ("cluster", CLUSTER),
            ("service-account", SERVICE_ACCOUNT),
            ("role", ROLE),
            ("policy", POLICY),
            ("deployment", DEPLOYMENT),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("real") => real = true,
                Long("keep") => keep = true,
                Long("kubeconfig") => kubeconfig = Some(parser.value().map_err(usage)?.into()),
                Long("help") | Short('h') => {
                    println!("{USAGE}");
                    std::process::exit(0);
                }
                Long(name) if values.iter().any(|(known, _)| *known == name) => {
                    let name = name.to_owned();
                    let value = parser.value().map_err(usage)?.string().map_err(usage)?;
                    if let Some(slot) = values.iter_mut().find(|(known, _)| *known == name) {
                        slot.1 = value;
                    }
                }
                other => return Err(usage(other.unexpected())),
            }
        }
        let [cluster, service_account, role, policy, deployment] = values.map(|(_, value)| value);
        let grant = Grant::new(cluster, service_account, role)
            .description("testing sa role for pod")
            .policy(policy)
            .deployment(deployment);
        Ok(Self { real, keep, kubeconfig, grant })
    }

    /// The client that was asked for.
    ///
    /// # Errors
    /// `unsupported` for `--real` in a build without the feature.
    pub async fn client(&self) -> Result<Client> {
        if !self.real {
            return Ok(Client::in_memory(&Memory::new(World::seed())));
        }
        self.real_client().await
    }

    #[cfg(feature = "real")]
    async fn real_client(&self) -> Result<Client> {
        let mut builder = Client::builder();
        if let Some(path) = &self.kubeconfig {
            builder = builder.kubeconfig(podrole::kubernetes::Kubeconfig { path: Some(path.clone()), context: None });
        }
        builder.build().await
    }

    #[cfg(not(feature = "real"))]
    #[allow(clippy::unused_async)] // The same shape as with the feature.
    async fn real_client(&self) -> Result<Client> {
        Err(Error::new(ErrorKind::Unsupported, "this build only has the in-memory world")
            .remedy("cargo run --features real --example quickstart -- --real"))
    }
}

/// Columns of the terminal; where there is none `COLUMNS`, else 100.
pub fn width() -> usize {
    if std::io::stdout().is_terminal() {
        return usize::from(Term::stdout().size().1);
    }
    std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(100)
}

/// Whether to colour: on a terminal, unless `NO_COLOR` is set.
pub fn color() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A heading.
pub fn heading(text: &str) {
    if color() {
        println!("\n\u{1b}[1m{text}\u{1b}[0m");
    } else {
        println!("\n{text}");
    }
}

/// Ends a program: an error is told with its remedy, what is left behind and the receipt. 130 after Ctrl-C, as a shell says it.
pub fn end(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if let Some(receipt) = error.get_receipt() {
        println!("{receipt}");
    }
    eprintln!("{error:#}");
    if error.kind() == ErrorKind::Cancelled { ExitCode::from(130) } else { ExitCode::FAILURE }
}

/// Shows a run until it ends. Ctrl-C cancels gently, a second one at once.
///
/// # Errors
/// What the run met.
pub async fn show(mut run: Run) -> Result<Receipt> {
    let canceller = run.canceller();
    let interrupts = tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            eprintln!("cancelling: the step under way finishes (Ctrl-C again to leave at once)");
            canceller.cancel();
        }
    });
    let terminal = std::io::stderr().is_terminal();
    let bar = if terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let template =
        if color() { "{spinner:.green} [{pos}/{len}] {wide_msg}" } else { "{spinner} [{pos}/{len}] {wide_msg}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let line = |text: String| if terminal { bar.println(text) } else { println!("{text}") };
    let mut summaries = std::collections::BTreeMap::new();
    while let Some(event) = run.next_event().await {
        match event {
            Event::Started { steps } => bar.set_length(u64::from(steps)),
            Event::StepStarted { step, summary } => {
                bar.set_message(summary.clone());
                summaries.insert(step, summary);
            }
            Event::Waiting { reason, .. } => bar.set_message(format!("waiting: {reason}")),
            Event::StepFinished { step, outcome, duration_ms } => {
                bar.inc(1);
                let summary = summaries.remove(&step).unwrap_or_default();
                let mark = if matches!(outcome, Outcome::Done | Outcome::AlreadyDone) { "✓" } else { "✗" };
                line(format!("  {mark} {summary} ({duration_ms} ms)"));
            }
            _ => {}
        }
    }
    bar.finish_and_clear();
    let result = run.finish().await;
    interrupts.abort();
    result
}
