//! Text files inside one folder.

use std::fs;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;

use crate::error::{Error, ErrorKind, Result};
use crate::ports::{FilesRead, FilesWrite};

/// Files up to this size are read: a kustomization is far smaller.
const LARGEST: u64 = 4 << 20;

/// The files below a root folder. Paths that lead outside, also by a symbolic link, are refused.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// The files below this folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The real place of a file that exists; `None` when it does not.
    fn place(&self, path: &str) -> Result<Option<PathBuf>> {
        let outside = || {
            Error::invalid("the path leads outside the root folder")
                .resource(format!("file {path}"))
                .remedy("give a path relative to the root folder")
        };
        let relative = Path::new(path);
        // Also of a file that does not exist: below the root it is absent, elsewhere it is nobody's business.
        let depth = relative.components().try_fold(0_u32, |depth, part| match part {
            Component::Normal(_) => Some(depth + 1),
            Component::CurDir => Some(depth),
            Component::ParentDir => depth.checked_sub(1),
            Component::RootDir | Component::Prefix(_) => None,
        });
        if !matches!(depth, Some(1..)) {
            return Err(outside());
        }
        let root =
            fs::canonicalize(&self.root).map_err(|error| failed(path, "the root folder cannot be opened", &error))?;
        match fs::canonicalize(root.join(relative)) {
            Ok(place) if place.starts_with(&root) => Ok(Some(place)),
            Ok(_) => Err(outside()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(path, "it cannot be opened", &error)),
        }
    }

    fn read_now(&self, path: &str) -> Result<Option<String>> {
        let Some(place) = self.place(path)? else { return Ok(None) };
        let size = fs::metadata(&place).map_err(|error| failed(path, "it cannot be read", &error))?.len();
        if size > LARGEST {
            return Err(Error::invalid(format!("it has {size} bytes; at most {LARGEST} are read"))
                .resource(format!("file {path}")));
        }
        fs::read_to_string(&place).map(Some).map_err(|error| failed(path, "it cannot be read as text", &error))
    }

    fn write_now(&self, path: &str, expected: &str, text: &str) -> Result<()> {
        if self.read_now(path)?.as_deref() != Some(expected) {
            return Err(Error::new(ErrorKind::PlanStale, "the file has changed since it was read")
                .resource(format!("file {path}"))
                .remedy("plan again"));
        }
        let Some(place) = self.place(path)? else { return Ok(()) };
        let unwritable = |error: std::io::Error| failed(path, "it cannot be written", &error);
        // Written beside the file and renamed over it: a crash leaves the old text or the new, never a part.
        let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = place.with_file_name(format!(".{name}.podrole-{}", std::process::id()));
        let result = (|| {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
            file.write_all(text.as_bytes())?;
            file.set_permissions(fs::metadata(&place)?.permissions())?;
            file.sync_all()?;
            fs::rename(&beside, &place)
        })();
        if result.is_err() {
            let _ = fs::remove_file(&beside);
        }
        result.map_err(unwritable)
    }
}

fn failed(path: &str, what: &str, error: &std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::InvalidInput,
    };
    Error::new(kind, format!("{what}: {error}")).resource(format!("file {path}"))
}

#[async_trait]
impl FilesRead for Disk {
    async fn read(&self, path: &str) -> Result<Option<String>> {
        self.read_now(path)
    }
}

#[async_trait]
impl FilesWrite for Disk {
    async fn write(&self, path: &str, expected: &str, text: &str) -> Result<()> {
        self.write_now(path, expected, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("podrole-disk-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a temporary folder can be made");
        folder
    }

    #[tokio::test]
    async fn a_file_is_only_replaced_while_it_holds_what_was_read() {
        let root = folder("replace");
        fs::write(root.join("a.yaml"), "one").expect("writable");
        let disk = Disk::new(&root);
        disk.write("a.yaml", "one", "two").await.expect("it holds what was read");
        assert_eq!(disk.read("a.yaml").await.expect("readable").as_deref(), Some("two"));
        let error = disk.write("a.yaml", "one", "three").await.expect_err("it changed");
        assert_eq!(error.kind(), ErrorKind::PlanStale);
        assert_eq!(disk.read("a.yaml").await.expect("readable").as_deref(), Some("two"));
        assert_eq!(fs::read_dir(&root).expect("listable").count(), 1, "nothing else is left in the folder");
    }

    #[tokio::test]
    async fn paths_that_lead_outside_are_refused() {
        let root = folder("outside");
        let inner = root.join("inner");
        fs::create_dir(&inner).expect("a folder can be made");
        fs::write(root.join("secret"), "secret").expect("writable");
        let disk = Disk::new(&inner);
        for path in ["../secret", "/etc/hostname", ""] {
            let error = disk.read(path).await.expect_err(path);
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.join("secret"), inner.join("link")).expect("a link can be made");
            assert_eq!(disk.read("link").await.expect_err("a link outside").kind(), ErrorKind::InvalidInput);
        }
        assert_eq!(disk.read("absent").await.expect("absence is no error"), None);
    }
}
