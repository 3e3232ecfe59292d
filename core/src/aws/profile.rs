//! The chosen profile of the shared configuration. The SDK passes over one that does not exist or cannot be read, and reports whatever
//! source of credentials it tried last.

use aws_config::profile;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use super::errors::chain;
use crate::error::{Error, ErrorKind, Result};
use crate::grant::file::nearest;

/// Refuses a profile that was asked for and is not there, and configuration files that cannot be read where they are needed.
///
/// A profile of the environment is passed over where its keys decide, as the SDKs do.
pub(super) async fn check(fs: &Fs, env: &Env, asked: Option<&str>) -> Result<()> {
    let set = |name: &str| env.get(name).ok().filter(|value| !value.is_empty());
    let keys = set("AWS_ACCESS_KEY_ID").is_some();
    let Some(name) = asked.map(str::to_owned).or_else(|| set("AWS_PROFILE").filter(|_| !keys)) else { return Ok(()) };
    let found = profile::load(fs, env, &EnvConfigFiles::default(), Some(name.clone().into())).await;
    let found = found.map_err(|error| {
        Error::new(ErrorKind::ConfigInvalid, format!("the AWS configuration cannot be read: {}", chain(&error)))
            .remedy("mend the file, or set AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE to others")
    })?;
    if name == "default" || found.get_profile(&name).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = found.profiles().collect();
    let hint = nearest(&name, &known).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
    let source = if asked.is_some() { "" } else { " (AWS_PROFILE)" };
    Err(Error::new(ErrorKind::ConfigInvalid, format!("there is no AWS profile {name:?}{source}{hint}"))
        .remedy("choose one that `aws configure list-profiles` shows, or add it to ~/.aws/config"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[profile platform]\nregion = ca-central-1\n[default]\nregion = us-east-1\n";

    async fn refused(config: &str, environment: &[(&str, &str)], asked: Option<&str>) -> Option<String> {
        let mut variables = environment.to_vec();
        variables.push(("AWS_CONFIG_FILE", "/aws"));
        variables.push(("AWS_SHARED_CREDENTIALS_FILE", "/none"));
        let files = Fs::from_slice(&[("/aws", config)]);
        let error = check(&files, &Env::from_slice(&variables), asked).await.err()?;
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
        assert!(error.get_remedy().is_some());
        Some(error.message().to_owned())
    }

    #[tokio::test]
    async fn a_profile_that_is_not_there_is_named_with_the_nearest() {
        let wrong = refused(CONFIG, &[], Some("platfrom")).await;
        assert_eq!(wrong.as_deref(), Some("there is no AWS profile \"platfrom\"; did you mean \"platform\"?"));
        let wrong = refused(CONFIG, &[("AWS_PROFILE", "nobody")], None).await;
        assert_eq!(wrong.as_deref(), Some("there is no AWS profile \"nobody\" (AWS_PROFILE)"));
    }

    #[tokio::test]
    async fn what_the_sdk_takes_is_taken() {
        for (environment, asked) in [
            (&[][..], None),
            (&[], Some("platform")),
            (&[], Some("default")),
            (&[("AWS_PROFILE", "platform")], None),
            (&[("AWS_PROFILE", "")], None),
            (&[("AWS_PROFILE", "nobody"), ("AWS_ACCESS_KEY_ID", "AKIDTEST")], None),
            (&[("AWS_PROFILE", "nobody")], Some("platform")),
        ] {
            assert_eq!(refused(CONFIG, environment, asked).await, None, "{environment:?} {asked:?}");
        }
        assert_eq!(refused("", &[("AWS_PROFILE", "default")], None).await, None);
        assert_eq!(refused("[profile broken", &[], None).await, None, "nobody asked for it");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_is_named_with_the_line() {
        let wrong = refused("[profile platform]\nregion = a\n[profile broken", &[], Some("platform")).await;
        assert!(wrong.as_deref().is_some_and(|text| text.contains("/aws") && text.contains("line 3")), "{wrong:?}");
    }
}
