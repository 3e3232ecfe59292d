//! Reads what was stored as JSON: plans, receipts, reports, worlds.

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::grant::file::read_value;

/// A value from JSON text. `what` it should be is for the error (`a plan`).
///
/// ```
/// let error = podrole::stored::read::<podrole::memory::World>("a world", r#"{"schemaVersion": 1, "acounts": {}}"#).unwrap_err();
/// assert_eq!(error.message(), "acounts: unknown key; did you mean `accounts`?");
/// ```
///
/// # Errors
/// `invalid_input` with the line and column of text that is no JSON, and otherwise with the path of what does not fit, and the nearest legal name.
pub fn read<T: DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    let problem = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(problem) => problem,
    };
    // Of text that is JSON the path says more than the column.
    let error = serde_json::from_str(text).ok().and_then(|value| read_value::<T>(what, &value).err());
    Err(error.unwrap_or_else(|| {
        Error::invalid(format!("this is not {what}: {problem}")).remedy("correct it, or make it again as it was made")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Fault, World};
    use crate::plan::Plan;

    fn refused<T: DeserializeOwned>(text: &str) -> String {
        match read::<T>("what it should be", text) {
            Ok(_) => String::new(),
            Err(error) => error.message().to_owned(),
        }
    }

    fn refused_effect(effect: &str) -> String {
        refused::<Fault>(&format!("{{\"operation\": \"*\", \"effect\": {effect}}}"))
    }

    #[test]
    fn a_number_is_the_same_after_it_was_written_and_read() {
        for number in [4_155_650_097.695_704_5, 123_456_789_012_345_680_000.0, 1.158_949_736_785_825_8e-7] {
            let text = serde_json::to_string(&number).unwrap_or_default();
            assert_eq!(read::<f64>("a number", &text).ok(), Some(number), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_path_and_otherwise_by_its_place() {
        for (message, words) in [
            (
                refused::<World>("{\"accounts\": {\"204393242335\": {\"role\": {}}}}"),
                "accounts.204393242335.role: unknown key; did you mean `roles`?",
            ),
            (refused::<World>("{\"accounts\": [1]}"), "accounts: expected a mapping, found a list"),
            (refused::<World>("[]"), "this is not what it should be: expected a mapping, found a list"),
            (
                refused::<World>("{\"accounts\": {}"),
                "this is not what it should be: EOF while parsing an object at line 1 column 15",
            ),
            (refused::<World>("{\"schemaVersion\": 9}"), "schemaVersion: 9 is not known"),
            (
                refused::<Fault>("{\"operation\": \"*\", \"effect\": {\"type\": \"denyed\"}}"),
                "effect.type: unknown value \"denyed\"; did you mean `denied`?",
            ),
            (refused_effect("{\"type\": \"denied\", \"cod\": \"x\"}"), "effect.cod: unknown key; did you mean `code`?"),
            (
                refused_effect("{\"type\": \"denied\", \"code\": \"x\"}"),
                "effect: `error`, `code` and `message` are for",
            ),
            (refused_effect("{\"type\": \"error\", \"error\": \"bogus\"}"), "effect.error: unknown value \"bogus\""),
            (refused_effect("{\"type\": \"error\"}"), "effect: an effect of type `error` needs `error`"),
            (refused_effect("\"denied\""), "effect: expected a mapping, found the text \"denied\""),
            (refused::<Fault>("{\"operation\": \"*\"}"), "this is not what it should be: the key `effect` is missing"),
            (
                refused::<Plan>("{\"steps\": [{\"id\": \"1\"}]}"),
                "steps[0].id: expected a whole number, found the text \"1\"",
            ),
        ] {
            assert!(message.starts_with(words), "{message}\n{words}");
        }
    }
}
