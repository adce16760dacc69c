//! A world in a file, so that processes that come one after the other find the same target.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::world::World;

/// What is wrong with the file of a world.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldFileError {
    /// It can be neither read nor written.
    #[error("cannot {operation} {}", .path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// It holds something else, and is left alone.
    #[error("{} is not the file of a target in memory and is left as it is: {reason}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it holds instead.
        reason: String,
    },
}

/// The file of a world.
#[derive(Debug)]
pub(super) struct WorldFile {
    path: PathBuf,
    /// What it held when it was last read or written.
    text: Vec<u8>,
}

/// Keeps other processes from the file until it is dropped; the system gives it back if the process is killed.
#[derive(Debug)]
pub(super) struct Locked {
    _file: File,
}

impl WorldFile {
    /// Opens the file; there is no world in it yet if there is no file.
    pub(super) fn open(path: &Path) -> Result<(Self, Option<World>), WorldFileError> {
        let mut file = Self { path: path.to_owned(), text: Vec::new() };
        let world = file.reload()?;
        Ok((file, world))
    }

    /// Waits until no other process has the file.
    pub(super) fn lock(&self) -> Result<Locked, WorldFileError> {
        let path = self.beside("lock");
        let error = |source| WorldFileError::Io { operation: "lock", path: path.clone(), source };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(error)?;
        file.lock().map_err(error)?;
        Ok(Locked { _file: file })
    }

    /// The world in the file, if another process has changed it.
    pub(super) fn reload(&mut self) -> Result<Option<World>, WorldFileError> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(WorldFileError::Io { operation: "read", path: self.path.clone(), source }),
        };
        if text == self.text && !text.is_empty() {
            return Ok(None);
        }
        let world = serde_json::from_slice(&text)
            .map_err(|error| WorldFileError::Foreign { path: self.path.clone(), reason: error.to_string() })?;
        self.text = text;
        Ok(Some(world))
    }

    /// Writes the world beside the file and moves it into place, so that there is a whole one at any moment.
    pub(super) fn save(&mut self, world: &World) -> Result<(), WorldFileError> {
        let mut text = serde_json::to_vec_pretty(world).map_err(|error| WorldFileError::Io {
            operation: "write",
            path: self.path.clone(),
            source: error.into(),
        })?;
        text.push(b'\n');
        let temporary = self.beside("new");
        fs::write(&temporary, &text)
            .and_then(|()| fs::rename(&temporary, &self.path))
            .map_err(|source| WorldFileError::Io { operation: "write", path: self.path.clone(), source })?;
        self.text = text;
        Ok(())
    }

    fn beside(&self, extension: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(extension);
        self.path.with_file_name(name)
    }
}
