//! Whether a connection leads to the cluster that EKS means: same host and port, same certificate authority.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use kube::Config;

use super::errors::config_invalid;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Cluster;

/// Certificates in DER.
pub(super) type Certificates = BTreeSet<Vec<u8>>;

/// What is known of the server that a connection leads to.
pub(super) enum Server {
    /// The connection was made from what EKS told.
    Told,
    /// The connection was made from something else.
    Known(Known),
    /// Somebody else made the connection.
    Unknown,
}

pub(super) struct Known {
    url: Uri,
    /// The name that the server's certificate must carry, where it is not the URL's.
    certificate_name: Option<String>,
    /// The authorities that are trusted; `None` when the system's are, or none is needed.
    authorities: Option<Certificates>,
    /// Inside a cluster the URL is the cluster's own service address, which EKS does not tell.
    in_cluster: bool,
}

impl Server {
    pub(super) fn known(url: &str, authorities: Option<Certificates>) -> Result<Self> {
        let uri: Uri = url.parse().map_err(|_| config_invalid(format!("{url:?} is not the URL of an API server")))?;
        if uri.host().is_none() || uri.scheme().is_none() {
            return Err(
                config_invalid(format!("{url:?} is not the URL of an API server")).remedy("give it as https://host")
            );
        }
        Ok(Self::Known(Known { url: uri, certificate_name: None, authorities, in_cluster: false }))
    }

    pub(super) fn of(config: &Config, in_cluster: bool) -> Result<Self> {
        let trusted = config.root_cert.as_ref().filter(|_| !config.accept_invalid_certs);
        let mut server =
            Self::known(&config.cluster_url.to_string(), trusted.map(|certs| certs.iter().cloned().collect()))?;
        if let Self::Known(known) = &mut server {
            known.certificate_name.clone_from(&config.tls_server_name);
            known.in_cluster = in_cluster;
        }
        Ok(server)
    }
}

/// Refuses a server that is not the cluster's.
pub(super) fn same_cluster(cluster: &Cluster, server: &Server) -> Result<()> {
    const REMEDY: &str = "choose this cluster's context, or let podrole connect by itself (without a kubeconfig); if this is a tunnel or \
                          proxy to the right cluster, allow any endpoint";
    let known = match server {
        Server::Told => return Ok(()),
        Server::Known(known) => known,
        Server::Unknown => {
            return Err(config_invalid(format!(
                "whether the ready-made client leads to cluster {} cannot be checked: its server is not known",
                cluster.name
            ))
            .remedy("give its URL and CA with the client, or allow any endpoint"));
        }
    };
    let (Some(endpoint), Some(authority)) = (&cluster.endpoint, &cluster.certificate_authority) else {
        return Err(no_endpoint(cluster));
    };
    let wrong = |why: &str| {
        Err(config_invalid(format!(
            "the Kubernetes connection leads to {}, cluster {} is at {endpoint}: {why}",
            known.url, cluster.name
        ))
        .resource(format!("cluster {}", cluster.name))
        .remedy(REMEDY))
    };
    let told: Option<Uri> = endpoint.parse().ok();
    let Some(told) = told.as_ref().and_then(host_and_port) else { return wrong("EKS's endpoint is not a URL") };
    // A certificate that must carry the cluster's own name proves the same as the host, also through a tunnel.
    let proven_by_name = known.certificate_name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&told.0));
    if !known.in_cluster && !proven_by_name && host_and_port(&known.url) != Some(told) {
        return wrong("another host or port");
    }
    let Some(told) = decoded_certificates(authority) else { return wrong("EKS's CA is not PEM in base64") };
    match &known.authorities {
        // All of them must be the cluster's: one more would let another server in.
        Some(trusted) if !trusted.is_empty() && trusted.is_subset(&told) => Ok(()),
        Some(_) => wrong("it trusts another certificate authority"),
        None => wrong("it does not check the cluster's certificate authority"),
    }
}

/// A cluster of which EKS does not tell where it is.
pub(super) fn no_endpoint(cluster: &Cluster) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("EKS tells no endpoint and CA of cluster {} (its status is {})", cluster.name, cluster.status),
    )
    .resource(format!("cluster {}", cluster.name))
    .remedy("wait until the cluster is ACTIVE")
}

fn host_and_port(uri: &Uri) -> Option<(String, u16)> {
    let default = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    let host = uri.host()?.trim_end_matches('.').to_ascii_lowercase();
    Some((host, uri.port_u16().unwrap_or(default)))
}

/// The certificates in PEM in base64, as EKS tells them; `None` when there is none or it is broken.
pub(super) fn decoded_certificates(base64: &str) -> Option<Certificates> {
    certificates(std::str::from_utf8(&STANDARD.decode(base64.trim()).ok()?).ok()?)
}

/// The certificates in PEM text; `None` when there is none or it is broken.
pub(super) fn certificates(pem: &str) -> Option<Certificates> {
    let mut found = Certificates::new();
    let mut rest = pem;
    while let Some((_, after)) = rest.split_once("-----BEGIN CERTIFICATE-----") {
        let (body, after) = after.split_once("-----END CERTIFICATE-----")?;
        let body: String = body.split_whitespace().collect();
        found.insert(STANDARD.decode(body).ok()?);
        rest = after;
    }
    (!found.is_empty()).then_some(found)
}
