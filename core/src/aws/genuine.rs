//! Tells answers of IAM from other pages with a good status.
//!
//! Most writes answer nothing that is read, so a proxy's login page would pass for a success.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Fails a call whose answer has a good status and is not IAM's XML.
#[derive(Debug)]
pub(super) struct GenuineAnswers;

impl Intercept for GenuineAnswers {
    fn name(&self) -> &'static str {
        "GenuineAnswers"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response();
        if !answer.status().is_success() || answer.body().bytes().is_some_and(is_response) {
            return Ok(());
        }
        Err("the answer is not XML of IAM".into())
    }
}

/// Whether the root element is `<…Response`, as of every answer of the query protocol.
fn is_response(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let mut text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("<?") {
        text = text.split_once("?>").map_or("", |(_, rest)| rest).trim_start();
    }
    let root = text.strip_prefix('<').unwrap_or_default();
    root.split(|c: char| c.is_whitespace() || c == '>' || c == '/')
        .next()
        .is_some_and(|name| name.ends_with("Response"))
}

#[cfg(test)]
mod tests {
    use super::is_response;

    #[test]
    fn only_a_response_element_is_an_answer() {
        for good in [
            "<TagRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ResponseMetadata/></TagRoleResponse>",
            "\u{feff}<?xml version=\"1.0\"?>\n<GetRoleResponse/>",
            " <GetRoleResponse></GetRoleResponse>",
        ] {
            assert!(is_response(good.as_bytes()), "{good}");
        }
        for bad in
            ["", "<html>TagRoleResponse</html>", "{\"Response\": 1}", "<?xml", "<!doctype html><title>Log in</title>"]
        {
            assert!(!is_response(bad.as_bytes()), "{bad}");
        }
    }
}
