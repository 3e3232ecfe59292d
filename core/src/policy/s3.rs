//! Decides the least that a policy must allow for working with S3 buckets.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::document::{Document, DocumentError};
use super::trust_request::one_or_many;
use super::{MANAGED_POLICY_SIZE, check};

/// What the workload does with objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum S3Access {
    /// Lists and reads objects.
    Read,
    /// Writes objects, also in parts; sees none.
    Write,
    /// Both.
    ReadWrite,
}

/// A bucket, whole or narrowed to prefixes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BucketRef {
    /// Name of a general purpose bucket.
    pub bucket: String,
    /// Folders that access is narrowed to; none for the whole bucket. `incoming` means the same as `incoming/`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
}

impl BucketRef {
    /// The whole bucket.
    pub fn whole(bucket: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), prefixes: Vec::new() }
    }
}

/// Writes a least-privilege policy for buckets.
///
/// | access | on the bucket | on its objects |
/// |---|---|---|
/// | all | `s3:GetBucketLocation` | |
/// | read | `s3:ListBucket`, with `s3:prefix` where there are prefixes | `s3:GetObject` |
/// | write | | `s3:PutObject`, `s3:AbortMultipartUpload`, `s3:ListMultipartUploadParts` |
///
/// Not included, because not everyone who reads or writes needs it: deleting objects, older versions, tags, ACLs, and the
/// KMS key of an encrypted bucket. A document of one's own adds them.
///
/// # Errors
///
/// No bucket, a bucket twice, a name that S3 does not allow, a prefix with wildcards or a leading slash, or a policy
/// larger than [`MANAGED_POLICY_SIZE`].
pub fn s3_policy(partition: &str, buckets: &[BucketRef], access: S3Access) -> Result<Document, DocumentError> {
    check_partition(partition)?;
    if buckets.is_empty() {
        return Err(DocumentError::new("buckets", "no bucket is named", "name at least one"));
    }
    let mut names = BTreeSet::new();
    let (mut all, mut whole, mut objects) = (Vec::new(), Vec::new(), Vec::new());
    let mut narrowed = Vec::new();
    for (index, BucketRef { bucket, prefixes }) in buckets.iter().enumerate() {
        check_bucket(&format!("buckets[{index}].bucket"), bucket)?;
        if !names.insert(bucket) {
            let path = format!("buckets[{index}].bucket");
            return Err(DocumentError::new(path, format!("{bucket} is named twice"), "join the two into one"));
        }
        let arn = format!("arn:{partition}:s3:::{bucket}");
        all.push(arn.clone());
        if prefixes.is_empty() {
            objects.push(format!("{arn}/*"));
            whole.push(arn);
            continue;
        }
        let mut patterns = Vec::new();
        for (place, prefix) in prefixes.iter().enumerate() {
            check_prefix(&format!("buckets[{index}].prefixes[{place}]"), prefix)?;
            let pattern = format!("{}/*", prefix.strip_suffix('/').unwrap_or(prefix));
            if !patterns.contains(&pattern) {
                objects.push(format!("{arn}/{pattern}"));
                patterns.push(pattern);
            }
        }
        narrowed.push((arn, patterns));
    }
    let (reads, writes) = (access != S3Access::Write, access != S3Access::Read);
    let mut statements = vec![json!({
        "Sid": "Locate",
        "Effect": "Allow",
        "Action": "s3:GetBucketLocation",
        "Resource": one_or_many(all.into_iter()),
    })];
    if reads && !whole.is_empty() {
        statements.push(json!({
            "Sid": "List",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": one_or_many(whole.into_iter()),
        }));
    }
    if reads {
        for (number, (arn, patterns)) in narrowed.into_iter().enumerate() {
            statements.push(json!({
                "Sid": format!("ListPrefixes{number}"),
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": arn,
                "Condition": { "StringLike": { "s3:prefix": one_or_many(patterns.into_iter()) } },
            }));
        }
    }
    let mut actions = Vec::new();
    if reads {
        actions.push("s3:GetObject");
    }
    if writes {
        actions.extend(["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]);
    }
    statements.push(json!({
        "Sid": "Objects",
        "Effect": "Allow",
        "Action": one_or_many(actions.into_iter().map(str::to_owned)),
        "Resource": one_or_many(objects.into_iter()),
    }));
    let document = Document::of(statements);
    document.check(check::DocumentKind::Identity)?;
    document.check_size(MANAGED_POLICY_SIZE)?;
    Ok(document)
}

fn check_partition(partition: &str) -> Result<(), DocumentError> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    if partition.starts_with("aws") && partition.bytes().all(legal) {
        return Ok(());
    }
    let rule = format!("{partition:?} is not an AWS partition");
    Err(DocumentError::new("partition", rule, "take it from the cluster's ARN, such as aws or aws-cn"))
}

/// The rules of "General purpose bucket naming rules" in the Amazon S3 user guide.
fn check_bucket(path: &str, name: &str) -> Result<(), DocumentError> {
    const PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    let rule = if name.starts_with("arn:") {
        "this is an ARN, not a bucket name"
    } else if !(3..=63).contains(&name.len()) {
        "a bucket name has 3 to 63 characters"
    } else if !bytes.iter().all(|byte| edge(Some(byte)) || matches!(byte, b'.' | b'-')) {
        "a bucket name has lower-case letters, digits, dots and hyphens only"
    } else if !edge(bytes.first()) || !edge(bytes.last()) {
        "a bucket name begins and ends with a letter or digit"
    } else if name.contains("..") {
        "a bucket name has no two dots in a row"
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        "a bucket name is not formatted as an IP address"
    } else if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        "bucket names that begin with xn--, sthree- or amzn-s3-demo- are reserved"
    } else if SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
        "this is the name of an access point, directory bucket or table bucket, which need policies of their own"
    } else {
        return Ok(());
    };
    Err(DocumentError::new(path, format!("{rule}: {name:?}"), "give the name of a general purpose bucket"))
}

fn check_prefix(path: &str, prefix: &str) -> Result<(), DocumentError> {
    let rule = if prefix.is_empty() || prefix == "/" {
        "an empty prefix is the whole bucket"
    } else if prefix.len() > 1_024 {
        "an object key has at most 1024 bytes"
    } else if prefix.starts_with('/') {
        "a prefix does not begin with a slash"
    } else if prefix.contains(['*', '?']) {
        "a prefix has no wildcards, everything below it is meant anyway"
    } else if prefix.contains("${") {
        "a prefix has no policy variables"
    } else if prefix.contains(|character: char| !check::is_legal(character)) {
        "a policy can name only characters from U+0020 to U+00FF"
    } else {
        return Ok(());
    };
    Err(DocumentError::new(path, format!("{rule}: {prefix:?}"), "write it as folder/ or folder/subfolder/"))
}
