use super::super::{Document, DocumentKind, trust_document};
use super::{BY_HAND, doc, request};

fn refusal(text: &str, kind: DocumentKind) -> String {
    doc(text).check(kind).expect_err(text).to_string()
}

#[test]
fn text_that_is_no_document_is_refused() {
    for (text, part) in [
        ("", "this is not JSON"),
        ("Version: 2012-10-17", "this is not JSON"),
        ("{} {}", "this is not JSON"),
        ("[]", "a policy document is a JSON object, this is a list"),
        ("null", "this is null"),
        (r#"{"Version":"2012-10-17","Version":"2008-10-17"}"#, "the key \"Version\" appears twice"),
        (r#"{"Statement":[{"Condition":{"Bool":{"a:b":true,"a:b":false}}}]}"#, "the key \"a:b\" appears twice"),
    ] {
        let error = Document::parse(text).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    let error = serde_json::from_str::<Document>(r#"{"Id":"a","Id":"b"}"#).expect_err("a key twice").to_string();
    assert!(error.contains("appears twice"), "{error}");
}

#[test]
fn documents_that_iam_refuses_are_refused_with_the_place() {
    use DocumentKind::{Identity, Trust};
    let identity = |inner: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{inner}}}]}}"#);
    let s3 = r#""Action":"s3:GetObject","Resource":"*""#;
    let web = r#""Principal":{"Federated":"accounts.google.com"},"Action":"sts:AssumeRoleWithWebIdentity""#;
    let table: Vec<(DocumentKind, String, &str)> = vec![
        (Identity, r#"{"Version":"2012-10-17"}"#.into(), "Statement: a policy has at least one statement"),
        (Identity, r#"{"Statement":[]}"#.into(), "Statement: a policy has at least one statement"),
        (Identity, r#"{"Statement":["x"]}"#.into(), "Statement[0]: a statement is an object, this is a string"),
        (Identity, r#"{"Version":"2012-10-18","Statement":[]}"#.into(), "Version: \"2012-10-18\" is not a version"),
        (
            Identity,
            r#"{"version":"2012-10-17","Statement":[]}"#.into(),
            "version: \"version\" is not an element of the policy grammar (did you mean Version?)",
        ),
        (Identity, identity(&format!(r#"{s3},"Sid":"my-sid""#)), "Statement[0].Sid: a Sid has letters and digits only"),
        (Identity, identity(r#""Resource":"*""#), "Statement[0].Action: a statement has Action or NotAction"),
        (
            Identity,
            identity(r#""Action":"s3:GetObject""#),
            "Statement[0].Resource: a statement has Resource or NotResource",
        ),
        (Identity, identity(r#""Action":[],"Resource":"*""#), "Statement[0].Action: the list is empty"),
        (
            Identity,
            identity(r#""Action":"GetObject","Resource":"*""#),
            "Statement[0].Action: an action is written service:Name",
        ),
        (
            Identity,
            identity(r#""Action":["s3:GetObject",7],"Resource":"*""#),
            "Statement[0].Action[1]: this is a string",
        ),
        (
            Identity,
            identity(r#""Action":"s3:*","NotAction":"s3:*","Resource":"*""#),
            "Statement[0].NotAction: a statement has Action or NotAction, not both",
        ),
        (
            Identity,
            identity(r#""Action":"s3:*","Resource":["bucket"]"#),
            "Statement[0].Resource[0]: a resource is an ARN",
        ),
        (
            Identity,
            identity(&format!(r#"{s3},"Principal":"*""#)),
            "Statement[0].Principal: a policy of a role cannot have a Principal",
        ),
        (
            Identity,
            identity(&format!(r#"{s3},"Resources":"*""#)),
            "Statement[0].Resources: \"Resources\" is not an element",
        ),
        (
            Identity,
            identity(&format!(r#"{s3},"Condition":{{"StringIs":{{"a:b":"c"}}}}"#)),
            "Statement[0].Condition.StringIs: \"StringIs\" is not a condition operator",
        ),
        (
            Identity,
            identity(&format!(r#"{s3},"Condition":{{"StringEquals":"c"}}"#)),
            "Statement[0].Condition.StringEquals: an operator holds an object",
        ),
        (
            Identity,
            identity(&format!(r#"{s3},"Condition":{{"StringEquals":{{"a:b":{{}}}}}}"#)),
            "Statement[0].Condition.StringEquals.a:b: a condition value is",
        ),
        (
            Identity,
            identity(&format!(r#"{s3},"Condition":{{"StringEquals":{{"a:b":[]}}}}"#)),
            "an empty list of values never matches",
        ),
        (
            Identity,
            identity(&format!(r#"{s3},"Condition":{{"StringEquals":{{"a:b":"c","A:B":"d"}}}}"#)),
            "appears twice, in upper and lower case",
        ),
        (
            Identity,
            identity(r#""Action":"s3:*","Resource":"arn:aws:s3:::ключ""#),
            "Statement[0].Resource: the character 'к' (U+043A) is not allowed",
        ),
        (
            Identity,
            format!(r#"{{"Statement":[{{"Sid":"A","Effect":"Allow",{s3}}},{{"Sid":"A","Effect":"Deny",{s3}}}]}}"#),
            "Statement[1].Sid: the Sid \"A\" is used twice",
        ),
        (
            Identity,
            r#"{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}"#.into(),
            "Statement.Effect: an Effect is \"Allow\" or \"Deny\"",
        ),
        (
            Identity,
            r#"{"Statement":{"Action":"*","Resource":"*"}}"#.into(),
            "Statement.Effect: a statement has an Effect",
        ),
        (
            Trust,
            identity(&format!(r#"{web},"Resource":"*""#)),
            "Statement[0].Resource: a trust policy cannot have a Resource: Has prohibited field Resource (remove it)",
        ),
        (
            Trust,
            identity(r#""Action":"sts:AssumeRole""#),
            "Statement[0].Principal: a statement has Principal or NotPrincipal",
        ),
        (
            Trust,
            identity(r#""Action":"s3:GetObject","Principal":"*""#),
            "AssumeRole policy may only specify STS AssumeRole actions",
        ),
        (
            Trust,
            identity(r#""Action":"sts:AssumeRole","Principal":"everyone""#),
            "Statement[0].Principal: a principal is",
        ),
        (
            Trust,
            identity(r#""Action":"sts:AssumeRole","Principal":{"Aws":"*"}"#),
            "Statement[0].Principal.Aws: \"Aws\" is not an element of the policy grammar (did you mean AWS?)",
        ),
        (
            Trust,
            identity(r#""Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::204393242335:role/*"}"#),
            "Invalid principal in policy",
        ),
        (
            Trust,
            identity(r#""Action":"sts:AssumeRole","Principal":{"AWS":"connections-role-test"}"#),
            "Invalid principal in policy",
        ),
        (
            Trust,
            identity(r#""Action":"sts:AssumeRole","Principal":{"Federated":"arn:aws:iam::oidc-provider/x"}"#),
            "Federated principals must be valid domain names or SAML metadata ARNs",
        ),
        (
            Trust,
            identity(r#""Action":"sts:AssumeRole","Principal":{"Service":"s3"}"#),
            "Statement[0].Principal.Service: Invalid principal",
        ),
    ];
    for (kind, text, expected) in table {
        let message = refusal(&text, kind);
        assert!(message.contains(expected), "{text}\n got: {message}\nwant: {expected}");
    }
}

#[test]
fn documents_that_iam_accepts_are_accepted() {
    use DocumentKind::{Identity, Trust};
    for (kind, text) in [
        (Trust, BY_HAND),
        (Trust, r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#),
        (
            Trust,
            r#"{"Version":"2008-10-17","Id":"x","Statement":[{"Sid":"","Effect":"Allow","Principal":{"AWS":["204393242335","arn:aws-cn:iam::204393242335:root","AROAEXAMPLEEXAMPLE12"],"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#,
        ),
        (
            Identity,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotAction":"iam:*","NotResource":"arn:aws:s3:::a/*","Condition":{"ForAnyValue:StringLikeIfExists":{"aws:TagKeys":["a","b"]},"Bool":{"aws:SecureTransport":false},"NumericLessThan":{"aws:MultiFactorAuthAge":3600},"Null":{"aws:TokenIssueTime":"true"}}}]}"#,
        ),
    ] {
        doc(text).check(kind).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn size_counts_no_whitespace() {
    let compact = doc(r#"{"Version":"2012-10-17","Statement":[]}"#);
    assert_eq!(compact.size(), 39);
    let spaced = doc("{ \"Version\" : \"2012-10-17\",\n\t\"Statement\": [ ] }");
    assert_eq!(spaced.size(), 39);
    let inside = doc(r#"{"Version":"2012-10-17","Id":"a b","Statement":[]}"#);
    assert_eq!(inside.size(), 39 + r#""Id":"ab","#.len());
    assert!(compact.check_size(39).is_ok());
    let error = compact.check_size(38).expect_err("too large").to_string();
    assert!(error.contains("39 characters without whitespace, the limit is 38"), "{error}");
}

#[test]
fn json_is_written_in_the_order_of_the_examples() {
    let document = trust_document(&request());
    let pretty = document.to_pretty();
    let places: Vec<_> = ["Version", "Statement", "Sid", "Effect", "Principal", "Action", "Condition", ":aud", ":sub"]
        .iter()
        .map(|name| pretty.find(name).expect(name))
        .collect();
    assert!(places.is_sorted(), "{pretty}");
    assert_eq!(serde_json::to_string(&document).expect("JSON"), document.to_json());
    assert_eq!(doc(&pretty).to_json(), document.to_json());
    // Without its Sid the document is, letter by letter, the one of the procedure.
    let line = format!("      \"Sid\": \"{}\",\n", request().sid());
    assert_eq!(pretty.replace(&line, ""), BY_HAND);
}
