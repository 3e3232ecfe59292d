//! The settings of a client of real services as data: what the other languages hand over.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::grant::file::read_value;
use crate::kubernetes::{Kubeconfig, KubeconfigText};
use crate::model::Region;
use crate::real::ClientBuilder;

/// What a [`ClientBuilder`] can be set to by data alone, in the words of its methods. Everything may be left out.
///
/// ```
/// use podrole::Settings;
/// use serde_json::json;
///
/// let settings = Settings::from_value(&json!({"region": "ca-central-1", "kubeconfig": {"context": "production"}}))?;
/// let builder = settings.into_builder()?;
/// # drop(builder);
/// let error = Settings::from_value(&json!({"regoin": "ca-central-1"})).unwrap_err();
/// assert_eq!(error.message(), "regoin: unknown key; did you mean `region`?");
/// # Ok::<(), podrole::Error>(())
/// ```
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// [`ClientBuilder::owner`].
    pub owner: Option<String>,
    /// [`ClientBuilder::propagation`], in seconds.
    pub propagation: Option<f64>,
    /// [`ClientBuilder::file_root`].
    pub file_root: Option<PathBuf>,
    /// [`ClientBuilder::region`].
    pub region: Option<String>,
    /// [`ClientBuilder::profile`].
    pub profile: Option<String>,
    /// [`ClientBuilder::endpoint_url`].
    pub endpoint_url: Option<String>,
    /// [`ClientBuilder::aws_timeout`], in seconds.
    pub aws_timeout: Option<f64>,
    /// [`ClientBuilder::aws_attempts`].
    pub aws_attempts: Option<u32>,
    /// A kubeconfig: `true` for that of the environment, a path, or `{path, context}`; `{text, context}` for one that is no file.
    #[serde(deserialize_with = "kubeconfig")]
    pub kubeconfig: Option<KubeconfigSettings>,
    /// [`ClientBuilder::in_cluster`].
    pub in_cluster: bool,
    /// [`ClientBuilder::allow_any_endpoint`].
    pub allow_any_endpoint: bool,
    /// [`ClientBuilder::kubernetes_timeout`], in seconds.
    pub kubernetes_timeout: Option<f64>,
}

/// Which kubeconfig.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct KubeconfigSettings {
    /// The file; else `KUBECONFIG`, else `~/.kube/config`.
    pub path: Option<PathBuf>,
    /// The context; else the current one.
    pub context: Option<String>,
    /// The kubeconfig itself, instead of a file.
    pub text: Option<String>,
}

impl Settings {
    /// Reads settings that a program made.
    ///
    /// # Errors
    /// `invalid_input` with the path: an unknown key (with the nearest legal one) or a wrong value.
    pub fn from_value(value: &Value) -> Result<Self> {
        read_value("settings of a client", value)
    }

    /// A builder with these settings.
    ///
    /// # Errors
    /// `invalid_input` for an illegal region or length of time, and for ways to the API server that exclude each other.
    pub fn into_builder(self) -> Result<ClientBuilder> {
        let mut builder = ClientBuilder::default();
        if let Some(owner) = self.owner {
            builder = builder.owner(owner);
        }
        if let Some(limit) = self.propagation {
            builder = builder.propagation(seconds("propagation", limit)?);
        }
        if let Some(root) = self.file_root {
            builder = builder.file_root(root);
        }
        if let Some(region) = self.region {
            builder = builder.region(Region::new(region).map_err(|error| Error::invalid(format!("region: {error}")))?);
        }
        if let Some(profile) = self.profile {
            builder = builder.profile(profile);
        }
        if let Some(url) = self.endpoint_url {
            builder = builder.endpoint_url(url);
        }
        if let Some(limit) = self.aws_timeout {
            builder = builder.aws_timeout(positive("awsTimeout", limit)?);
        }
        if let Some(attempts) = self.aws_attempts {
            if attempts == 0 {
                return Err(Error::invalid("awsAttempts: a call must be tried at least once").remedy("write 1 or more"));
            }
            builder = builder.aws_attempts(attempts);
        }
        if self.in_cluster && self.kubeconfig.is_some() {
            return Err(Error::invalid("inCluster: it excludes `kubeconfig`").remedy("remove one of the two"));
        }
        if self.in_cluster {
            builder = builder.in_cluster();
        }
        match self.kubeconfig {
            Some(KubeconfigSettings { text: Some(_), path: Some(_), .. }) => {
                return Err(Error::invalid("kubeconfig.text: it excludes `path`").remedy("remove one of the two"));
            }
            Some(KubeconfigSettings { text: Some(text), context, .. }) => {
                let kubeconfig = KubeconfigText::new(text);
                builder = builder.kubeconfig_text(match context {
                    Some(context) => kubeconfig.context(context),
                    None => kubeconfig,
                });
            }
            Some(KubeconfigSettings { path, context, .. }) => {
                builder = builder.kubeconfig(Kubeconfig { path, context });
            }
            None => {}
        }
        if self.allow_any_endpoint {
            builder = builder.allow_any_endpoint();
        }
        if let Some(limit) = self.kubernetes_timeout {
            builder = builder.kubernetes_timeout(positive("kubernetesTimeout", limit)?);
        }
        Ok(builder)
    }
}

/// Not derived: endpoints and texts may hold secrets.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("region", &self.region).field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for KubeconfigSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubeconfigSettings")
            .field("path", &self.path)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

fn seconds(key: &str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|error| Error::invalid(format!("{key}: {seconds} is not a length of time in seconds: {error}")))
}

fn positive(key: &str, limit: f64) -> Result<Duration> {
    let limit = seconds(key, limit)?;
    if limit.is_zero() {
        return Err(Error::invalid(format!("{key}: no call ends in no time")).remedy("write seconds, more than 0"));
    }
    Ok(limit)
}

fn kubeconfig<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<KubeconfigSettings>, D::Error> {
    struct Forms;

    impl<'de> serde::de::Visitor<'de> for Forms {
        type Value = Option<KubeconfigSettings>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a kubeconfig: true, a path, or a mapping with `path` and `context`")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_bool<E: serde::de::Error>(self, environment: bool) -> Result<Self::Value, E> {
            Ok(environment.then(KubeconfigSettings::default))
        }

        fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<Self::Value, E> {
            if path.is_empty() {
                return Err(E::custom("the path is empty; write `true` for the kubeconfig of the environment"));
            }
            Ok(Some(KubeconfigSettings { path: Some(path.into()), ..KubeconfigSettings::default() }))
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            KubeconfigSettings::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Some)
        }
    }

    deserializer.deserialize_any(Forms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use serde_json::json;

    fn refused(value: &Value) -> String {
        let error = Settings::from_value(value).and_then(Settings::into_builder).err().map(|error| {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
            error.message().to_owned()
        });
        error.unwrap_or_else(|| panic!("{value} is taken"))
    }

    #[test]
    fn everything_may_be_left_out_and_everything_may_be_set() {
        for value in [
            json!({}),
            json!({"kubeconfig": null, "region": null}),
            json!({"kubeconfig": true, "allowAnyEndpoint": true}),
            json!({"kubeconfig": "config"}),
            json!({"kubeconfig": {"path": "config", "context": "a"}}),
            json!({"kubeconfig": {"text": "{}", "context": "a"}}),
            json!({
                "owner": "me", "propagation": 0, "fileRoot": "/", "region": "eu-west-1", "profile": "p",
                "endpointUrl": "http://127.0.0.1:1", "awsTimeout": 0.5, "awsAttempts": 1, "inCluster": true,
                "allowAnyEndpoint": false, "kubernetesTimeout": 7,
            }),
        ] {
            assert!(Settings::from_value(&value).and_then(Settings::into_builder).is_ok(), "{value}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        for (value, message) in [
            (json!({"in_cluster": true}), "in_cluster: unknown key; did you mean `inCluster`?"),
            (json!({"kubeconfig": {"contxt": "a"}}), "kubeconfig.contxt: unknown key; did you mean `context`?"),
            (json!({"kubeconfig": 7}), "kubeconfig: expected a kubeconfig"),
            (json!({"kubeconfig": ""}), "kubeconfig: the path is empty"),
            (json!({"kubeconfig": {"path": "a", "text": "b"}}), "kubeconfig.text: it excludes `path`"),
            (json!({"kubeconfig": true, "inCluster": true}), "inCluster: it excludes `kubeconfig`"),
            (json!({"region": "nowhere else"}), "region: "),
            (json!({"propagation": -1}), "propagation: -1 is not a length of time"),
            (json!({"awsTimeout": 0}), "awsTimeout: no call ends in no time"),
            (json!({"awsAttempts": 0}), "awsAttempts: a call must be tried"),
            (json!({"awsAttempts": 1.5}), "awsAttempts: expected a whole number"),
        ] {
            let found = refused(&value);
            assert!(found.starts_with(message), "{value}: {found}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let value = json!({"endpointUrl": "http://user:hunter2@host", "kubeconfig": {"text": "token: hunter2"}});
        let settings = Settings::from_value(&value).unwrap_or_default();
        assert!(settings.kubeconfig.is_some());
        assert!(!format!("{settings:?} {:?}", settings.kubeconfig).contains("hunter2"));
        assert!(!format!("{:?}", KubeconfigText::new("token: hunter2")).contains("hunter2"));
    }
}
