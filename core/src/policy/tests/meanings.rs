use super::super::Document;
use super::{BY_HAND, doc};

fn trust(statement: &str) -> Document {
    doc(&format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#))
}

#[test]
fn ways_of_writing_the_same_are_the_same() {
    for (left, right) in [
        (r#"{"Action":"sts:AssumeRole"}"#, r#"{"Action":["STS:assumerole"]}"#),
        (r#"{"Sid":"A","Effect":"Allow"}"#, r#"{"Effect":"Allow"}"#),
        (r#"{"Principal":"*"}"#, r#"{"Principal":{"AWS":["*"]}}"#),
        (r#"{"Principal":{"AWS":"204393242335"}}"#, r#"{"Principal":{"AWS":"arn:aws:iam::204393242335:root"}}"#),
        (r#"{"Resource":["a","b"]}"#, r#"{"Resource":["b","a","b"]}"#),
        (
            r#"{"Condition":{"Bool":{"aws:SecureTransport":true}}}"#,
            r#"{"Condition":{"Bool":{"aws:securetransport":"True"}}}"#,
        ),
        (r#"{"Condition":{"NumericEquals":{"a:b":5}}}"#, r#"{"Condition":{"NumericEquals":{"a:b":["5"]}}}"#),
        (r#"{"Condition":{"ArnEquals":{"a:b":"x"}}}"#, r#"{"Condition":{"ArnLike":{"a:b":"x"}}}"#),
        (r#"{"Condition":{}}"#, "{}"),
        (r#"{"Condition":{"StringEquals":{}}}"#, "{}"),
        (r#"{"Effect":"Allow"},{"Effect":"Deny"}"#, r#"{"Effect":"Deny"},{"Effect":"Allow"},{"Effect":"Deny"}"#),
    ] {
        assert_eq!(trust(left), trust(right));
    }
    assert_eq!(
        doc(r#"{"Statement":{"Effect":"Allow"}}"#),
        doc(r#"{"Id":"x","Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}"#)
    );
}

#[test]
fn what_differs_in_meaning_differs() {
    for (left, right) in [
        (r#"{"Action":"sts:AssumeRole"}"#, r#"{"NotAction":"sts:AssumeRole"}"#),
        (r#"{"Effect":"Allow"}"#, r#"{"Effect":"Deny"}"#),
        (r#"{"Resource":"a"}"#, r#"{"Resource":"A"}"#),
        (r#"{"Principal":{"AWS":"x"}}"#, r#"{"Principal":{"Service":"x"}}"#),
        (r#"{"Condition":{"StringEquals":{"a:b":"x"}}}"#, r#"{"Condition":{"StringLike":{"a:b":"x"}}}"#),
        (r#"{"Condition":{"StringEquals":{"a:b":"x"}}}"#, r#"{"Condition":{"StringEquals":{"a:b":"X"}}}"#),
        (
            r#"{"Condition":{"StringEquals":{"a:b":["x","y"]}}}"#,
            r#"{"Condition":{"StringEquals":{"a:b":"x","A:B":"y"}}}"#,
        ),
        (r#"{"Condition":{"StringEquals":{"a:b":["x, y"]}}}"#, r#"{"Condition":{"StringEquals":{"a:b":["x","y"]}}}"#),
    ] {
        assert_ne!(trust(left), trust(right));
    }
    // The version decides whether ${…} is a variable.
    let variable = r#"{"Version":"2012-10-17","Statement":[{"Resource":"${aws:username}"}]}"#;
    assert_ne!(doc(variable), doc(&variable.replace("2012", "2008")));
    assert_eq!(doc(BY_HAND), doc(&BY_HAND.replace("2012-10-17", "2008-10-17")));
}
