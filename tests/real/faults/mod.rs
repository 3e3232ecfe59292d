//! What goes wrong on the wire, and what podrole makes of it: a typed error that names the thing, the rule and the remedy, says honestly what
//! is left behind, and shows no secret; and applying again completes.

mod aws;
mod calls;
mod kubernetes;

use podrole::{Error, Leftovers};
use podrole_tests::Front;

/// Nothing that must stay secret is in what an error shows or serialises.
fn keeps_secrets(front: &Front, error: &Error) {
    let receipt = error.get_receipt().map(|receipt| serde_json::to_string(receipt).unwrap());
    let payload = serde_json::to_string(&error.payload()).unwrap();
    let shown = format!("{error} {error:#} {error:?} {payload} {}", receipt.unwrap_or_default());
    for secret in [front.keys().secret_key.as_str(), "k8s-aws-v1.", "X-Amz-Signature", "Signature=", SESSION_TOKEN] {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
}

/// The session token of callers that have one.
const SESSION_TOKEN: &str = "not-to-be-shown-to-anybody";

/// A failure midway names exactly what its receipt says was done, or may have been.
fn leftovers_are_those_of_the_receipt(error: &Error) {
    let Some(receipt) = error.get_receipt() else {
        assert_eq!(*error.get_leftovers(), Leftovers::None, "nothing was begun: {error:?}");
        return;
    };
    let wanted = match (receipt.unknown(), receipt.done()) {
        (resources, remaining) if !resources.is_empty() => Leftovers::Unknown { resources, remaining },
        (_, resources) if !resources.is_empty() => Leftovers::Remaining { resources },
        _ => Leftovers::None,
    };
    assert_eq!(*error.get_leftovers(), wanted, "{error:?}");
}
