//! The examples as programs, in surroundings of their own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use crate::environment::{environment, folder};
use crate::front::Front;

/// What became of a program.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it printed to standard error.
    pub stderr: String,
}

/// A Rust example that is about to be run: without credentials, configuration or a terminal.
pub struct Program {
    command: Command,
    home: tempfile::TempDir,
}

/// The folder of the built examples: they are built with the features of the tests, so that nothing is compiled twice.
fn examples() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root = folder().parent().unwrap();
        let arguments = ["build", "--quiet", "--locked", "--workspace", "--all-features", "--examples"];
        let status = Command::new(env!("CARGO")).args(arguments).current_dir(root).status().expect("cargo");
        assert!(status.success(), "the examples do not build");
        // Beside the folder of the test program itself.
        std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples")
    })
}

impl Program {
    /// An example by its name.
    pub fn example(name: &str) -> Self {
        Self::of(Command::new(examples().join(name)))
    }

    /// An example at a terminal of so many columns: what it prints there is its standard output.
    pub fn at_terminal(name: &str, columns: u16) -> Self {
        const TERMINAL: &str = "
import fcntl, os, pty, struct, subprocess, sys, termios
ours, theirs = pty.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 50, int(sys.argv[1]), 0, 0))
child = subprocess.Popen(sys.argv[2:], stdin=theirs, stdout=theirs, stderr=theirs)
os.close(theirs)
while True:
    try:
        piece = os.read(ours, 65536)
    except OSError:
        break
    if not piece:
        break
    os.write(1, piece)
sys.exit(child.wait())
";
        let mut command = Command::new(&environment().python);
        command.args(["-c", TERMINAL, &columns.to_string()]).arg(examples().join(name));
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let home = tempfile::tempdir().unwrap();
        command.env_clear().current_dir(home.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("HOME", home.path()).env("TMPDIR", home.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        Self { command, home }
    }

    /// With arguments.
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// With a standard output that nobody reads: the other end of the pipe is closed already.
    pub fn without_reader(mut self) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        self.command.stdout(writer);
        self
    }

    /// With a variable of the environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// In an account, by the variables that every AWS tool reads.
    pub fn in_account(self, front: &Front) -> Self {
        let keys = front.keys();
        self.env("AWS_ENDPOINT_URL", &front.url)
            .env("AWS_REGION", crate::REGION)
            .env("AWS_ACCESS_KEY_ID", &keys.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &keys.secret_key)
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Ended {
        let output = self.command.output().expect("the program can be started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let mut child = self.command.spawn().expect("the program can be started");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Running { child, stdout, stderr, _home: self.home }
    }
}

/// A program that runs.
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    _home: tempfile::TempDir,
}

impl Running {
    /// Reads standard error until a line has this in it.
    pub fn complains(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "it ended without {text:?} on standard error");
        }
    }

    /// Fails when it has ended: for loops that wait for what it does.
    pub fn goes_on(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            let mut stderr = String::new();
            self.stderr.read_to_string(&mut stderr).unwrap();
            panic!("it ended with {status}\n{stderr}");
        }
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().expect("kill");
        assert!(status.success());
    }

    /// Waits for its end; what was read from standard error before is not in the answer.
    pub fn end(mut self) -> Ended {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        // Neither is long enough to fill a pipe.
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.stderr.read_to_string(&mut stderr).unwrap();
        Ended { code: self.child.wait().unwrap().code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
