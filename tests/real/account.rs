//! The whole of an account's IAM, so that two states of it can be compared.

use podrole_tests::Front;
use serde_json::{Map, Value, json};

use crate::support::text;

/// Roles, customer-managed policies and OIDC providers as boto3 reads them, by name, without ids and times. Of a policy only the document
/// in force counts: another way to the same state may number its versions otherwise.
pub(crate) fn account(front: &Front) -> Value {
    let filter = json!({"Filter": ["Role", "LocalManagedPolicy"], "MaxItems": 1000});
    let details = front.boto("iam", "get_account_authorization_details", &filter);
    let roles = by(&details["RoleDetailList"], "RoleName", |detail| {
        let name = &detail["RoleName"];
        let role = front.boto("iam", "get_role", &json!({"RoleName": name}))["Role"].clone();
        json!({
            "arn": role["Arn"], "description": role["Description"], "session": role["MaxSessionDuration"],
            "boundary": role["PermissionsBoundary"]["PermissionsBoundaryArn"], "trust": role["AssumeRolePolicyDocument"],
            "tags": tags(&role["Tags"]),
            "inline": by(&detail["RolePolicyList"], "PolicyName", |policy| policy["PolicyDocument"].clone()),
            "attached": by(&detail["AttachedManagedPolicies"], "PolicyArn", |_| Value::Null),
        })
    });
    let policies = by(&details["Policies"], "Arn", |policy| {
        let versions = policy["PolicyVersionList"].as_array().unwrap();
        let in_force = versions.iter().find(|version| version["IsDefaultVersion"] == true).unwrap();
        let marks = front.boto("iam", "list_policy_tags", &json!({"PolicyArn": policy["Arn"]}));
        json!({"document": in_force["Document"], "tags": tags(&marks["Tags"])})
    });
    let listed = front.boto("iam", "list_open_id_connect_providers", &json!({}));
    let providers = by(&listed["OpenIDConnectProviderList"], "Arn", |provider| {
        let arn = json!({"OpenIDConnectProviderArn": provider["Arn"]});
        let provider = front.boto("iam", "get_open_id_connect_provider", &arn);
        json!({"url": provider["Url"], "clients": provider["ClientIDList"], "tags": tags(&provider["Tags"])})
    });
    json!({"roles": roles, "policies": policies, "providers": providers})
}

/// The items of a list by one of their fields.
fn by(list: &Value, key: &str, value: impl Fn(&Value) -> Value) -> Value {
    let items = list.as_array().into_iter().flatten();
    Value::Object(items.map(|item| (text(&item[key]), value(item))).collect::<Map<String, Value>>())
}

fn tags(list: &Value) -> Value {
    by(list, "Key", |tag| tag["Value"].clone())
}
