//! Lets the linker leave Node's own symbols to Node, and says where the types of the native module are written down.

use std::path::Path;

fn main() {
    napi_build::setup();
    println!("cargo::rerun-if-changed=build.rs");
    // Not a feature: `--all-features` must build the module that is tested.
    println!("cargo::rustc-check-cfg=cfg(podrole_bench)");
    println!("cargo::rerun-if-env-changed=PODROLE_NODE_BENCH");
    if std::env::var_os("PODROLE_NODE_BENCH").is_some() {
        println!("cargo::rustc-cfg=podrole_bench");
    }
    // Beside what is built, `target/debug/napi-types`: scripts/node-package makes ts/generated.ts of it.
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    if let Some(folder) = Path::new(&out).ancestors().nth(3).map(|profile| profile.join("napi-types"))
        && std::fs::create_dir_all(&folder).is_ok()
    {
        println!("cargo::rustc-env=NAPI_TYPE_DEF_TMP_FOLDER={}", folder.display());
    }
}
