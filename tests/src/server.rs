//! A program that prints one line of JSON when it is ready, and ends when its standard input does.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::environment::{environment, folder};

pub(crate) struct Server {
    /// What it said when it was ready.
    pub(crate) ready: Value,
    /// Its end is the program's end: it is closed with the test process, however that dies.
    pub(crate) input: ChildStdin,
    pub(crate) output: BufReader<ChildStdout>,
    _child: Child,
}

impl Server {
    /// Starts a Python program of `tests/` and waits until it is ready.
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Self {
        let environment = environment();
        let mut child = Command::new(&environment.python)
            .arg(folder().join(program))
            .args(arguments)
            .env("PODROLE_CONTROL_PLANE", &environment.control_plane)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", environment.python.display()));
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("{program} did not get ready: {line:?}; see its messages above"));
        Self { ready, input, output, _child: child }
    }

    /// A text of the ready line.
    pub(crate) fn text(&self, key: &str) -> String {
        self.ready[key].as_str().unwrap_or_else(|| panic!("no {key} in {}", self.ready)).to_owned()
    }
}
