use super::super::aws_managed::entries;
use super::super::{BucketRef, DocumentKind, S3Access, aws_managed_policy_arn, s3_policy, suggest};
use super::doc;

fn narrowed(bucket: &str, prefixes: &[&str]) -> BucketRef {
    BucketRef { bucket: bucket.into(), prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect() }
}

#[test]
fn reading_a_whole_bucket_needs_three_actions() {
    let policy = s3_policy("aws", &[BucketRef::whole("connections-data")], S3Access::Read).expect("a policy");
    assert_eq!(
        policy,
        doc(r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"s3:GetBucketLocation","Resource":"arn:aws:s3:::connections-data"},
            {"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::connections-data"},
            {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::connections-data/*"}]}"#)
    );
}

#[test]
fn prefixes_narrow_objects_and_listing() {
    let buckets = [narrowed("connections-data", &["in", "in/", "out/a/"]), BucketRef::whole("other-bucket")];
    let policy = s3_policy("aws-cn", &buckets, S3Access::ReadWrite).expect("a policy");
    assert_eq!(
        policy,
        doc(r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"s3:GetBucketLocation","Resource":["arn:aws-cn:s3:::connections-data","arn:aws-cn:s3:::other-bucket"]},
            {"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws-cn:s3:::other-bucket"},
            {"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws-cn:s3:::connections-data","Condition":{"StringLike":{"s3:prefix":["in/*","out/a/*"]}}},
            {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts"],"Resource":["arn:aws-cn:s3:::connections-data/in/*","arn:aws-cn:s3:::connections-data/out/a/*","arn:aws-cn:s3:::other-bucket/*"]}]}"#)
    );
    policy.check(DocumentKind::Identity).expect("a legal policy");
}

#[test]
fn writing_does_not_read() {
    let policy = s3_policy("aws", &[narrowed("connections-data", &["in/"])], S3Access::Write).expect("a policy");
    let actions: Vec<_> = policy.statements().into_iter().flat_map(|statement| statement.actions).collect();
    assert_eq!(
        actions,
        ["s3:GetBucketLocation", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    );
}

#[test]
fn buckets_and_prefixes_that_cannot_be_are_refused() {
    let long = "a".repeat(64);
    for bucket in [
        "ab",
        long.as_str(),
        "Upper",
        "under_score",
        "-edge",
        "edge.",
        "a..b",
        "192.168.1.1",
        "xn--abc",
        "name-s3alias",
        "arn:aws:s3:::bucket",
        "bucket/*",
        "zone--x-s3",
    ] {
        let error = s3_policy("aws", &[BucketRef::whole(bucket)], S3Access::Read).expect_err(bucket);
        assert_eq!(error.path, "buckets[0].bucket", "{error}");
    }
    for prefix in ["", "/", "/in", "in/*", "i?", "${aws:username}/", "ключ/"] {
        let error = s3_policy("aws", &[narrowed("bucket", &["a/", prefix])], S3Access::Read).expect_err(prefix);
        assert_eq!(error.path, "buckets[0].prefixes[1]", "{error}");
    }
    let twice = [BucketRef::whole("bucket"), BucketRef::whole("bucket")];
    assert!(s3_policy("aws", &twice, S3Access::Read).expect_err("twice").rule.contains("named twice"));
    assert_eq!(s3_policy("aws", &[], S3Access::Read).expect_err("none").path, "buckets");
    assert_eq!(s3_policy("AWS", &[BucketRef::whole("bucket")], S3Access::Read).expect_err("AWS").path, "partition");
    let many: Vec<_> = (0..200).map(|number| BucketRef::whole(format!("bucket-number-{number}"))).collect();
    assert!(s3_policy("aws", &many, S3Access::Read).expect_err("too large").rule.contains("the limit is 6144"));
}

#[test]
fn access_is_written_in_snake_case() {
    assert_eq!(serde_json::to_string(&S3Access::ReadWrite).expect("JSON"), "\"read_write\"");
    let bucket: BucketRef = serde_json::from_str(r#"{"bucket":"b"}"#).expect("a bucket");
    assert_eq!(bucket, BucketRef::whole("b"));
    assert!(serde_json::from_str::<BucketRef>(r#"{"bucket":"b","prefix":"x"}"#).is_err());
}

#[test]
fn bare_names_get_the_path_they_live_under() {
    for (partition, name, arn) in [
        ("aws", "AmazonS3FullAccess", "arn:aws:iam::aws:policy/AmazonS3FullAccess"),
        ("aws-cn", "AmazonEBSCSIDriverPolicy", "arn:aws-cn:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"),
        (
            "aws",
            "service-role/AmazonEBSCSIDriverPolicy",
            "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
        ),
        ("aws", "ViewOnlyAccess", "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"),
        ("aws", "PolicyOfNextYear", "arn:aws:iam::aws:policy/PolicyOfNextYear"),
        ("aws", "service-role/PolicyOfNextYear", "arn:aws:iam::aws:policy/service-role/PolicyOfNextYear"),
    ] {
        assert_eq!(aws_managed_policy_arn(partition, name).as_deref(), Ok(arn));
    }
    for (name, part) in [
        ("AmazonEKSServiceRolePolicy", "only service-linked roles"),
        ("aws-service-role/PolicyOfNextYear", "only service-linked roles"),
        ("job-function/AmazonS3FullAccess", "write AmazonS3FullAccess"),
        ("", "1 to 128 letters"),
        ("Amazon S3", "1 to 128 letters"),
        ("arn:aws:iam::aws:policy", "1 to 128 letters"),
    ] {
        let error = aws_managed_policy_arn("aws", name).expect_err(name).to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn slips_of_the_fingers_are_recognised() {
    assert_eq!(suggest("AmazonS3FullAcess"), Some("AmazonS3FullAccess"));
    assert_eq!(suggest("amazons3readonlyaccess"), Some("AmazonS3ReadOnlyAccess"));
    assert_eq!(suggest("AmazonS3FullAccess"), None);
    assert_eq!(suggest("connections-data-policy"), None);
}

#[test]
fn the_list_of_policies_is_sorted_and_without_repeats() {
    let all: Vec<_> = entries().collect();
    assert!(all.len() > 1_000);
    assert!(all.is_sorted());
    let names: std::collections::BTreeSet<_> = all.iter().map(|(_, name)| name).collect();
    assert_eq!(names.len(), all.len());
    assert!(all.iter().all(|(path, _)| path.starts_with('/') && path.ends_with('/')));
}
