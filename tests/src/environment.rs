//! Where the programs are: from the environment, else from the set-up script, which makes them when it must.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The programs that the servers are.
#[derive(Debug)]
pub struct Environment {
    /// Python with the emulators and boto3.
    pub python: PathBuf,
    /// The control plane's program.
    pub control_plane: PathBuf,
}

/// `tests/` of the repository.
pub(crate) fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The environment, made at the first call.
pub fn environment() -> &'static Environment {
    static MADE: OnceLock<Environment> = OnceLock::new();
    MADE.get_or_init(|| {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let (Some(python), Some(control_plane)) = (set("PODROLE_TEST_PYTHON"), set("PODROLE_CONTROL_PLANE")) {
            return Environment { python, control_plane };
        }
        let setup = folder().join("env/setup");
        let output = Command::new(&setup).arg("--print-env").stderr(std::process::Stdio::inherit()).output();
        let output = output.unwrap_or_else(|error| panic!("{} cannot be started: {error}", setup.display()));
        assert!(output.status.success(), "{} failed: {}", setup.display(), output.status);
        // The script quotes for a shell, so a shell reads it.
        let script =
            format!("{}\nprintf '%s\\n%s\\n' \"$PODROLE_TEST_PYTHON\" \"$PODROLE_CONTROL_PLANE\"", utf8(output.stdout));
        let read = Command::new("bash").arg("-c").arg(script).output().expect("bash");
        let lines = utf8(read.stdout);
        let mut lines = lines.lines().map(PathBuf::from);
        let mut next = || lines.next().expect("the set-up script names two programs");
        Environment { python: next(), control_plane: next() }
    })
}

pub(crate) fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("programs print UTF-8")
}
