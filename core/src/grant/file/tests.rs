#[test]
fn look() {
    use crate::Grant;
    let base = "cluster: c\nserviceAccount: n/s\nrole: r\n";
    for bad in [
        "", "# c\n", "---\n---\n", "- a\n- b\n", "hello", "cluster: a\n\trole: b\n", "cluster: [a\n", "cluster: \"a\n", "a: b: c\n",
        &format!("{base}role: x\n"), &format!("{base}policies:\n- name: p\n  s3:\n    buckets: [b]\n    acces: read\n"),
        &format!("{base}policies:\n"), &format!("{base}restart: yes\n"), &format!("{base}deployments: [{{name: a, restart: yes}}]\n"),
        &format!("{base}deployments: x\n"), &format!("{base}token: [3600]\n"), &format!("{base}token: {{expiration: 1h}}\n"),
        &format!("{base}token: {{expiration: -1}}\n"), &format!("{base}scope: Kube\n"), &format!("{base}schemaVersion: 2\n"),
        &format!("{base}<<: *a\n"), &format!("{base}policies: &a [*a]\n"), &format!("{base}role2: !foo x\n"),
        "cluster: a\nrole: b\n", "cluster: {name: a, regoin: b}\nserviceAccount: n/s\nrole: r\n", &format!("{base}---\n{base}deployments: [A_B]\n"),
        &format!("{base}---\n{base}\n---\n{base}x: [\n"),&format!("{base}trust: {{conditions: {{StringEquals: {{'a:b': [x, 1, true]}}}}}}"),
        &format!("{base}policies: [{{name: p, document: '{{]'}}]"), &format!("{base}policies: [{{name: p, document: {{Version: 2012-10-17, Statement: []}}}}]"),
        "\u{feff}cluster: a", "cluster: \u{1}", "cluster: a\r\nrole: b\r\nrole: c\r\n", &"[".repeat(1000), &"- ".repeat(1000), &"a: &a b\n".repeat(3), "? [a]\n: b\n", ": x\n", "%YAML 1.2\n---\na: b\n", "&a a: *a", "a: |\n\tx\n",
    ] {
        println!("--- {:?}\n{:#}", &bad[..bad.len().min(100)].replace(base, "BASE "), match Grant::all_from_yaml(bad) { Err(e) => e, Ok(g) => { println!("OK {g:?}"); continue } });
    }
    let grant = Grant::new("c", "n/s", "r").policy("X").deployment("d").tag("a", "yes").tag("b", "012").tag("c", "").tag("d", "~").tag("e", "true").tag("f", "x: y");
    println!("{}", grant.to_yaml());
}
