//! The output file of a result. It appears only when it is complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that is first written under a temporary name beside it. If it is dropped unfinished, nothing remains.
///
/// A path that is not a regular file, such as a pipe or `/dev/null`, is written to directly.
#[derive(Debug)]
pub struct Out {
    file: File,
    /// The temporary name and the final name.
    names: Option<(PathBuf, PathBuf)>,
}

impl Out {
    /// Creates the temporary file.
    ///
    /// # Errors
    ///
    /// If the temporary file cannot be created, or the path cannot be written to.
    pub fn create(path: &Path) -> io::Result<Self> {
        // A symbolic link is kept, and its target is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
            return Ok(Out { file: File::options().write(true).open(path)?, names: None });
        }
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(format!(".{}.unfinished", std::process::id()));
        let unfinished = PathBuf::from(unfinished);
        let file = File::create(&unfinished)?;
        Ok(Out { file, names: Some((unfinished, path)) })
    }

    /// Renames the file to its final name.
    ///
    /// # Errors
    ///
    /// If the data cannot be synced to disk, or renaming fails.
    pub fn finish(mut self) -> io::Result<()> {
        if let Some((unfinished, path)) = &self.names {
            self.file.sync_all()?;
            fs::rename(unfinished, path)?;
            self.names = None;
        }
        Ok(())
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if let Some((unfinished, _)) = &self.names {
            let _ = fs::remove_file(unfinished); // an error in `drop` cannot be reported
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn create(path: &Path, text: &str) -> Out {
        let mut out = Out::create(path).unwrap();
        out.write_all(text.as_bytes()).unwrap();
        out
    }

    #[test]
    fn a_file_appears_only_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.gif");
        for text in ["first", "second"] {
            let out = create(&path, text);
            assert_ne!(fs::read(&path).ok().as_deref(), Some(text.as_bytes()));
            out.finish().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        drop(create(&path, "third"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(names(folder.path()), ["out.gif"]);
    }

    #[test]
    fn special_files_and_links_are_kept() {
        create(Path::new("/dev/null"), "x").finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());

        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        create(&link, "new").finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
