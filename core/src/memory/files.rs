//! Text files in the simulation.

use async_trait::async_trait;

use super::Memory;
use super::state::CallRecord;
use crate::error::{Error, ErrorKind, Result};
use crate::ports::{FilesRead, FilesWrite};

/// The files of the world.
pub(super) struct Files(pub(super) Memory);

/// The path below the root, without `.` and `..`.
fn inside(path: &str) -> Result<String> {
    let refuse = || {
        Err(Error::invalid("the path leads outside the root folder")
            .resource(format!("file {path}"))
            .remedy("give a path relative to the root folder"))
    };
    if path.starts_with('/') || path.starts_with('\\') || path.as_bytes().get(1) == Some(&b':') {
        return refuse();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return refuse();
                }
            }
            name => parts.push(name),
        }
    }
    if parts.is_empty() { refuse() } else { Ok(parts.join("/")) }
}

#[async_trait]
impl FilesRead for Files {
    async fn read(&self, path: &str) -> Result<Option<String>> {
        let path = inside(path)?;
        let call = CallRecord::read("files:read", format!("file {path}"));
        self.0.local(call, |state| Ok(state.world.files.get(&path).cloned())).await
    }
}

#[async_trait]
impl FilesWrite for Files {
    async fn write(&self, path: &str, expected: &str, text: &str) -> Result<()> {
        let path = inside(path)?;
        let call = CallRecord::write("files:write", format!("file {path}"));
        self.0
            .local(call, |state| match state.world.files.get_mut(&path) {
                Some(held) if held == expected => {
                    text.clone_into(held);
                    Ok(())
                }
                Some(_) => {
                    Err(Error::new(ErrorKind::PlanStale, "the file has changed since it was read").remedy("plan again"))
                }
                None => {
                    Err(Error::new(ErrorKind::PlanStale, "the file is gone since it was read").remedy("plan again"))
                }
            })
            .await
    }
}
