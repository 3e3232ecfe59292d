//! The command line of the examples.

use std::ffi::OsString;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use podrole::memory::{Memory, World};
use podrole::{Client, Error, Grant, Result};

use crate::{CLUSTER, DEPLOYMENT, Interrupts, POLICY, ROLE, SERVICE_ACCOUNT, print};

/// What an example was asked for on its command line.
#[derive(Debug)]
pub struct Options {
    /// Real AWS and Kubernetes instead of the in-memory world.
    pub real: bool,
    /// Only show the plan.
    pub plan: bool,
    /// Leave what was made, instead of revoking it at the end.
    pub keep: bool,
    /// The kubeconfig, instead of a token minted for EKS.
    pub kubeconfig: Option<PathBuf>,
    /// The grant of the written procedure, with what the command line changes in it.
    pub grant: Grant,
    /// Do not ask.
    yes: bool,
}

const USAGE: &str = "\
usage: cargo run --example NAME [-- OPTIONS]
  --real                  work on real AWS and Kubernetes (needs --features real); shows the plan and asks first
  --yes                   with --real: do not ask
  --plan                  show the plan and change nothing
  --keep                  leave the role and everything else in force, instead of revoking it at the end
  --kubeconfig FILE       with --real: reach the API server by a kubeconfig
  --cluster NAME          default devops_aurora
  --service-account NAME  namespace/name, default devops-aurora-1/connections-serviceaccount-s3
  --role NAME             default connections-role-test
  --policy NAME           may be given several times; default AmazonS3FullAccess
  --deployment NAME       may be given several times; default connections-app
With --real and a cluster or role of your own, no policy and no deployment are the default.";

/// Reads the command line of an example that takes no options.
///
/// # Errors
/// `invalid_input` for anything but `--help`.
pub fn no_options() -> Result<()> {
    const NONE: &str = "usage: cargo run --example NAME; it takes no options, and works in memory";
    let mut parser = lexopt::Parser::from_env();
    match parser.next() {
        Ok(None) => Ok(()),
        Ok(Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h'))) => {
            print(NONE);
            std::process::exit(0);
        }
        Ok(Some(other)) => Err(Error::invalid(other.unexpected().to_string()).remedy(NONE)),
        Err(error) => Err(Error::invalid(error.to_string()).remedy(NONE)),
    }
}

impl Options {
    /// Reads the command line; `--help` ends the program.
    ///
    /// # Errors
    /// `invalid_input` with the usage: an unknown option, a missing value, one value too many, an option that has no effect.
    pub fn from_args() -> Result<Self> {
        if let Some(options) = Self::read(std::env::args_os().skip(1))? {
            return Ok(options);
        }
        print(USAGE);
        std::process::exit(0);
    }

    /// Reads arguments; `None` when the usage is asked for.
    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Self>> {
        use lexopt::prelude::*;
        let refused = |what: String| Error::invalid(what).remedy(USAGE);
        let usage = |error: lexopt::Error| refused(error.to_string());
        let (mut real, mut plan, mut keep, mut yes) = (false, false, false, false);
        let (mut cluster, mut service_account, mut role, mut kubeconfig) = (None, None, None, None);
        let (mut policies, mut deployments) = (Vec::new(), Vec::new());
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next().map_err(usage)? {
            let single = match argument {
                Long("real") => {
                    real = true;
                    continue;
                }
                Long("plan") => {
                    plan = true;
                    continue;
                }
                Long("keep") => {
                    keep = true;
                    continue;
                }
                Long("yes") => {
                    yes = true;
                    continue;
                }
                Long("help") | Short('h') => return Ok(None),
                Long("policy") => {
                    policies.push(parser.value().and_then(|value| value.string()).map_err(usage)?);
                    continue;
                }
                Long("deployment") => {
                    deployments.push(parser.value().and_then(|value| value.string()).map_err(usage)?);
                    continue;
                }
                Long("kubeconfig") => {
                    if kubeconfig.replace(parser.value().map_err(usage)?).is_some() {
                        return Err(refused("--kubeconfig is given twice".to_owned()));
                    }
                    continue;
                }
                Long("cluster") => (&mut cluster, "--cluster"),
                Long("service-account") => (&mut service_account, "--service-account"),
                Long("role") => (&mut role, "--role"),
                other => return Err(usage(other.unexpected())),
            };
            let value = parser.value().and_then(|value| value.string()).map_err(usage)?;
            if single.0.replace(value).is_some() {
                return Err(refused(format!("{} is given twice", single.1)));
            }
        }
        for (given, name) in [(kubeconfig.is_some(), "--kubeconfig"), (yes, "--yes")] {
            if given && !real {
                return Err(refused(format!("{name} has no effect without --real")));
            }
        }
        for (given, name) in [(keep, "--keep"), (yes, "--yes")] {
            if given && plan {
                return Err(refused(format!("{name} has no effect with --plan")));
            }
        }
        let or = |value: Option<String>, usual: &str| value.unwrap_or_else(|| usual.to_owned());
        // What the written procedure asks for is not put on roles and workloads of somebody's own.
        let own = real && (cluster.is_some() || role.is_some());
        let several =
            |values: Vec<String>, usual: &str| if values.is_empty() && !own { vec![usual.to_owned()] } else { values };
        let grant = Grant::new(or(cluster, CLUSTER), or(service_account, SERVICE_ACCOUNT), or(role, ROLE));
        let grant = if own { grant } else { grant.description("testing sa role for pod") };
        let grant = several(policies, POLICY).into_iter().fold(grant, Grant::policy);
        let grant = several(deployments, DEPLOYMENT).into_iter().fold(grant, Grant::deployment);
        Ok(Some(Self { real, plan, keep, kubeconfig: kubeconfig.map(PathBuf::from), grant, yes }))
    }

    /// Whether to go on after the plan was shown: asks where the services are real.
    ///
    /// # Errors
    /// `invalid_input` when there is nobody to ask, `cancelled` after Ctrl-C.
    pub async fn confirmed(&self, interrupts: &mut Interrupts) -> Result<bool> {
        if self.plan {
            return Ok(false);
        }
        if !self.real || self.yes {
            return Ok(true);
        }
        if !std::io::stdin().is_terminal() {
            return Err(Error::invalid("there is nobody to ask whether to apply this to real services")
                .remedy("read the plan above, then add --yes; nothing was changed"));
        }
        let _ = write!(std::io::stderr(), "Apply? [y/N] ");
        // On a thread of its own: a read that nobody answers must not keep the program from ending.
        let (sender, answer) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = std::io::stdin().lock().read_line(&mut line);
            let _ = sender.send(line);
        });
        let answer = async { Ok(answer.await.unwrap_or_default()) };
        let line = interrupts.reading(None, answer).await?;
        Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
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
        Err(Error::new(podrole::ErrorKind::Unsupported, "this build only has the in-memory world")
            .remedy("cargo run --features real --example quickstart -- --real"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Option<Options>> {
        Options::read(arguments.iter().map(OsString::from))
    }

    #[test]
    fn what_may_be_given_several_times_is_collected() {
        let options = read(&["--policy", "A", "--deployment", "x", "--policy=B", "--role", "r"]).ok().flatten();
        let grant = options.map(|options| options.grant);
        let wanted = Grant::new(CLUSTER, SERVICE_ACCOUNT, "r")
            .description("testing sa role for pod")
            .policy("A")
            .policy("B")
            .deployment("x");
        assert_eq!(grant, Some(wanted));
        assert!(read(&["--role", "r", "--help"]).is_ok_and(|options| options.is_none()));
    }

    #[test]
    fn real_services_get_nothing_that_was_not_asked_for() {
        let options = read(&["--real", "--cluster", "mine", "--service-account", "a/b", "--role", "r"]).ok().flatten();
        assert_eq!(options.map(|options| options.grant), Some(Grant::new("mine", "a/b", "r")));
    }

    #[test]
    fn what_would_have_no_effect_is_refused_with_the_usage() {
        for (arguments, wanted) in [
            (&["--role", "a", "--role", "b"][..], "--role is given twice"),
            (&["--kubeconfig", "a", "--kubeconfig", "b", "--real"], "--kubeconfig is given twice"),
            (&["--kubeconfig", "a"], "--kubeconfig has no effect without --real"),
            (&["--yes"], "--yes has no effect without --real"),
            (&["--plan", "--keep"], "--keep has no effect with --plan"),
            (&["--polcy", "a"], "--polcy"),
            (&["--policy"], "--policy"),
            (&["extra"], "extra"),
        ] {
            let error = read(arguments).err();
            assert!(error.as_ref().is_some_and(|error| error.message().contains(wanted)), "{arguments:?}: {error:?}");
            assert!(error.is_some_and(|error| error.get_remedy() == Some(USAGE)), "{arguments:?}");
        }
    }
}
