//! Checks of files below a root.

use std::sync::Arc;

use async_trait::async_trait;

use super::expect::{Must as _, There as _, absent, ensure, refused_as, same};
use super::{Check, Context, Found, checks};
use crate::error::ErrorKind;
use crate::ports::{FilesRead, FilesWrite};

/// What the ports cannot do and the checks need. Paths are relative to the root of the ports.
#[async_trait]
pub trait FilesFixture: Send + Sync {
    /// Makes or replaces a file, with its folders.
    async fn put(&self, path: &str, text: &str) -> Result<(), String>;
    /// Every file below the root.
    async fn paths(&self) -> Result<Vec<String>, String>;
    /// Removes everything below the root.
    async fn clear(&self) -> Result<(), String>;
}

/// A root folder of which the checks are the only users.
pub struct FilesContext {
    /// The reading half.
    pub read: Arc<dyn FilesRead>,
    /// The writing half.
    pub write: Arc<dyn FilesWrite>,
    /// What the checks need besides.
    pub fixture: Arc<dyn FilesFixture>,
}

#[async_trait]
impl Context for FilesContext {
    async fn clean_up(&self) -> Vec<String> {
        self.fixture.clear().await.err().into_iter().collect()
    }
}

/// The behaviour of [`FilesRead`] and [`FilesWrite`].
pub fn files_checks() -> Vec<Check<FilesContext>> {
    checks![
        a_file_that_does_not_exist_is_none,
        a_text_is_read_byte_for_byte,
        a_write_replaces_the_text_and_leaves_no_other_file,
        a_write_over_another_text_is_plan_stale_and_keeps_it,
        a_write_of_a_file_that_is_gone_is_plan_stale_and_makes_none,
        dots_inside_the_root_lead_to_the_same_file,
        a_path_that_leads_outside_is_invalid_input_to_read,
        a_path_that_leads_outside_is_invalid_input_to_write,
    ]
}

const TEXT: &str = "# été\r\nkey: \"value\"\r\n\tlast line without an end";

async fn a_file_that_does_not_exist_is_none(context: &FilesContext) -> Found {
    absent("a file", context.read.read("a.yaml").await)?;
    context.fixture.put("a.yaml", TEXT).await?;
    absent("a file in a folder that does not exist", context.read.read("b/a.yaml").await)
}

async fn a_text_is_read_byte_for_byte(context: &FilesContext) -> Found {
    context.fixture.put("a/b/c.yaml", TEXT).await?;
    context.fixture.put("empty", "").await?;
    same("the text", &context.read.read("a/b/c.yaml").await.there("read")?.as_str(), &TEXT)?;
    same("the empty text", &context.read.read("empty").await.there("read")?.as_str(), &"")
}

async fn a_write_replaces_the_text_and_leaves_no_other_file(context: &FilesContext) -> Found {
    context.fixture.put("a/b.yaml", TEXT).await?;
    let after = format!("{TEXT}\n# more\n");
    context.write.write("a/b.yaml", TEXT, &after).await.must("write")?;
    same("the text", &context.read.read("a/b.yaml").await.there("read")?, &after)?;
    same("the files", &context.fixture.paths().await?, &vec!["a/b.yaml".to_owned()])
}

async fn a_write_over_another_text_is_plan_stale_and_keeps_it(context: &FilesContext) -> Found {
    context.fixture.put("a.yaml", TEXT).await?;
    refused_as("the write", context.write.write("a.yaml", "an older text", "new").await, ErrorKind::PlanStale)?;
    same("the text", &context.read.read("a.yaml").await.there("read")?.as_str(), &TEXT)?;
    same("the files", &context.fixture.paths().await?, &vec!["a.yaml".to_owned()])
}

async fn a_write_of_a_file_that_is_gone_is_plan_stale_and_makes_none(context: &FilesContext) -> Found {
    refused_as("the write", context.write.write("a.yaml", TEXT, "new").await, ErrorKind::PlanStale)?;
    refused_as("the write", context.write.write("a.yaml", "", "new").await, ErrorKind::PlanStale)?;
    same("the files", &context.fixture.paths().await?, &Vec::new())
}

async fn dots_inside_the_root_lead_to_the_same_file(context: &FilesContext) -> Found {
    context.fixture.put("a/b.yaml", TEXT).await?;
    context.fixture.put("c/d.yaml", "other").await?;
    for path in ["./a/b.yaml", "a/./b.yaml", "c/../a/b.yaml"] {
        same(path, &context.read.read(path).await.there(path)?.as_str(), &TEXT)?;
    }
    context.write.write("c/../a/b.yaml", TEXT, "new").await.must("write")?;
    same("the text", &context.read.read("a/b.yaml").await.there("read")?.as_str(), &"new")
}

/// Paths that lead outside the root, whatever the system.
const OUTSIDE: [&str; 6] = ["../a.yaml", "a/../../a.yaml", "/etc/hostname", "..", ".", ""];

async fn a_path_that_leads_outside_is_invalid_input_to_read(context: &FilesContext) -> Found {
    context.fixture.put("a/b.yaml", TEXT).await?;
    for path in OUTSIDE {
        let error = refused_as(&format!("reading {path:?}"), context.read.read(path).await, ErrorKind::InvalidInput)?;
        ensure(error.get_remedy().is_some(), format!("{path:?}: the error has no remedy"))?;
    }
    Ok(())
}

async fn a_path_that_leads_outside_is_invalid_input_to_write(context: &FilesContext) -> Found {
    context.fixture.put("a/b.yaml", TEXT).await?;
    for path in OUTSIDE {
        let answer = context.write.write(path, "", "new").await;
        refused_as(&format!("writing {path:?}"), answer, ErrorKind::InvalidInput)?;
    }
    same("the files", &context.fixture.paths().await?, &vec!["a/b.yaml".to_owned()])
}
