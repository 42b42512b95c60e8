//! Finds a program as a shell does, before it is started, so that the error message is clear.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// The search path if the command has no `PATH`.
const NO_PATH: &str = "/usr/bin:/bin";

/// The reason why a command cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotRunnable {
    /// The program is not in the folders of `PATH`.
    #[error("program not found in PATH ({0})")]
    NotInPath(String),
    /// The file does not exist.
    #[error("file `{}` does not exist", .0.display())]
    NoFile(PathBuf),
    /// The file is not executable.
    #[error("`{}` is not executable; run `chmod +x` on it", .0.display())]
    NotExecutable(PathBuf),
    /// The working directory does not exist.
    #[error("working directory `{}` does not exist", .0.display())]
    NoFolder(PathBuf),
}

/// Returns the file of a program: relative to `directory` if its name has a slash, otherwise in one of the folders of
/// `path`.
pub(crate) fn find(program: &str, directory: &Path, path: Option<&OsStr>) -> Result<PathBuf, NotRunnable> {
    let directory = std::path::absolute(directory).map_err(|_| NotRunnable::NoFolder(directory.to_owned()))?;
    if !directory.is_dir() {
        return Err(NotRunnable::NoFolder(directory));
    }
    if program.contains('/') {
        let file = directory.join(program);
        return match kind_of(&file) {
            File::Executable => Ok(file),
            File::Other => Err(NotRunnable::NotExecutable(file)),
            File::None => Err(NotRunnable::NoFile(file)),
        };
    }
    let path = path.unwrap_or(OsStr::new(NO_PATH));
    let mut other = None;
    for folder in std::env::split_paths(path).filter(|_| !program.is_empty()) {
        let file = directory.join(folder).join(program);
        match kind_of(&file) {
            File::Executable => return Ok(file),
            File::Other => other = other.or(Some(file)),
            File::None => {}
        }
    }
    Err(other.map_or_else(|| NotRunnable::NotInPath(path.to_string_lossy().into_owned()), NotRunnable::NotExecutable))
}

enum File {
    Executable,
    Other,
    None,
}

fn kind_of(path: &Path) -> File {
    match path.metadata() {
        Err(_) => File::None,
        Ok(found) if found.is_file() && access(path, Access::EXEC_OK).is_ok() => File::Executable,
        Ok(_) => File::Other,
    }
}

/// The first bytes of files that operating systems run: scripts that name their interpreter, and programs.
const FORMATS: &[&[u8]] = &[b"#!", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"];

/// Returns whether a file may have a format that the operating system runs. It must be asked before each start, because
/// the C library would run any other file with a shell.
pub(crate) fn has_format(file: &Path) -> bool {
    let mut first = [0; 4];
    match fs::File::open(file).and_then(|mut file| file.read(&mut first)) {
        Ok(read) => FORMATS.iter().any(|format| first[..read].starts_with(format)) || has_further_formats(),
        Err(_) => true, // it need not be readable to be run
    }
}

/// Returns whether Linux was told of further formats.
fn has_further_formats() -> bool {
    let entries = fs::read_dir("/proc/sys/fs/binfmt_misc").into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).any(|name| name != "register" && name != "status")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn setup() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [("tool", 0o755), ("data", 0o644)] {
            fs::write(folder.path().join(name), "#!/bin/sh\n").unwrap();
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        folder
    }

    #[test]
    fn a_name_is_searched_in_path_and_a_path_in_the_folder() {
        let folder = setup();
        let here = folder.path();
        assert_eq!(find("./tool", here, None).unwrap(), here.join("./tool"));
        assert_eq!(find("tool", here, Some(here.as_os_str())).unwrap(), here.join("tool"));
        assert_eq!(find("sh", here, None).unwrap().file_name().unwrap(), "sh");
    }

    #[test]
    fn each_error_has_its_own_variant() {
        let folder = setup();
        let here = folder.path();
        assert_eq!(find("./data", here, None), Err(NotRunnable::NotExecutable(here.join("./data"))));
        assert_eq!(find("./none", here, None), Err(NotRunnable::NoFile(here.join("./none"))));
        assert_eq!(find("data", here, Some(here.as_os_str())), Err(NotRunnable::NotExecutable(here.join("data"))));
        assert_eq!(find("tool", here, Some(OsStr::new("/none"))), Err(NotRunnable::NotInPath("/none".into())));
        assert_eq!(find("", here, None), Err(NotRunnable::NotInPath(NO_PATH.into())));
        let gone = here.join("gone");
        assert_eq!(find("sh", &gone, None), Err(NotRunnable::NoFolder(gone)));
    }

    #[test]
    fn a_file_without_a_format_is_not_given_to_a_shell() {
        let folder = setup();
        let write = |text: &str| {
            let file = folder.path().join("tool");
            fs::write(&file, text).unwrap();
            has_format(&file)
        };
        assert!(write("#!/bin/sh\n") && has_format(&std::env::current_exe().unwrap()));
        assert_eq!(write("echo here\n"), has_further_formats());
        assert_eq!(write(""), has_further_formats());
        assert!(has_format(&folder.path().join("none")), "the start says what is wrong");
    }
}
