//! Says whether the module has what the benchmarks need of the core.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Not a feature: `--all-features` must build the module that is tested.
    println!("cargo::rustc-check-cfg=cfg(podrole_bench)");
    println!("cargo::rerun-if-env-changed=PODROLE_PYTHON_BENCH");
    if std::env::var_os("PODROLE_PYTHON_BENCH").is_some() {
        println!("cargo::rustc-cfg=podrole_bench");
    }
}
