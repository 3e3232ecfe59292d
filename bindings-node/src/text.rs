//! Grants, plans, receipts and reports from text and to text.
#![allow(clippy::needless_pass_by_value, reason = "napi hands strings over by value")]

use napi::Result;
use napi_derive::napi;
use podrole::{Grant, Plan, Receipt, Report};

use crate::failure::{read, thrown, written};

/// Reads an object that a program made, in short or long form, into the long form.
pub(crate) fn grant(value: &str) -> Result<Grant> {
    Grant::from_value(&read("JSON", value)?).map_err(thrown)
}

/// The long form of a grant that a program made.
#[napi]
pub(crate) fn grant_from_value(value: String) -> Result<String> {
    written(&grant(&value)?)
}

/// The grants of a YAML text.
#[napi]
pub(crate) fn grants_from_yaml(text: String) -> Result<String> {
    written(&Grant::all_from_yaml(&text).map_err(thrown)?)
}

/// The grants of a JSON text.
#[napi]
pub(crate) fn grants_from_json(text: String) -> Result<String> {
    written(&Grant::all_from_json(&text).map_err(thrown)?)
}

/// The one grant of a YAML text.
#[napi]
pub(crate) fn grant_from_yaml(text: String) -> Result<String> {
    written(&Grant::from_yaml(&text).map_err(thrown)?)
}

/// The one grant of a JSON text.
#[napi]
pub(crate) fn grant_from_json(text: String) -> Result<String> {
    written(&Grant::from_json(&text).map_err(thrown)?)
}

/// The grants of a file.
#[napi]
#[allow(clippy::unused_async, reason = "the thread of JavaScript does not wait for the disk")]
pub(crate) async fn grants_from_file(path: String) -> Result<String> {
    written(&Grant::from_file(path).map_err(thrown)?)
}

/// A grant as YAML.
#[napi]
pub(crate) fn grant_to_yaml(grant: String) -> Result<String> {
    Ok(read::<Grant>("a grant", &grant)?.to_yaml())
}

/// Checks the JSON text of a plan, and writes it in full.
#[napi]
pub(crate) fn plan_from_json(text: String) -> Result<String> {
    written(&Plan::from_json(&text).map_err(thrown)?)
}

/// A plan for people.
#[napi]
pub(crate) fn plan_text(plan: String, width: Option<u32>, color: bool) -> Result<String> {
    let plan: Plan = read("a plan", &plan)?;
    let view = plan.view().color(color);
    Ok(match width {
        Some(width) => view.width(width as usize).to_string(),
        None => view.to_string(),
    })
}

/// Checks the JSON text of a receipt, and writes it in full.
#[napi]
pub(crate) fn receipt_from_json(text: String) -> Result<String> {
    written(&read::<Receipt>("a receipt that this release can read", &text)?)
}

/// A receipt for people.
#[napi]
pub(crate) fn receipt_text(receipt: String) -> Result<String> {
    Ok(read::<Receipt>("a receipt", &receipt)?.to_string())
}

/// Checks the JSON text of a report, and writes it in full.
#[napi]
pub(crate) fn report_from_json(text: String) -> Result<String> {
    written(&read::<Report>("a report that this release can read", &text)?)
}

/// A report for people.
#[napi]
pub(crate) fn report_text(report: String) -> Result<String> {
    Ok(read::<Report>("a report", &report)?.to_string())
}

/// Fails as `verify` would have it when a check of the report failed.
#[napi]
pub(crate) fn report_into_result(report: String) -> Result<()> {
    read::<Report>("a report", &report)?.into_result().map(drop).map_err(thrown)
}
