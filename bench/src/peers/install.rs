//! Installs a peer into its own folder, when it is first used and whenever its versions change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::peers::peer::{Package, Peer};
use crate::store::Result;

/// The file that contains the installed versions.
const STAMP: &str = "installed";

/// A peer that can be run.
pub struct Installed {
    /// The program with its first arguments.
    pub command: Vec<PathBuf>,
    /// The file for its error output.
    pub log: PathBuf,
}

/// Writes a peer's script and all that it needs into its own folder of the cache, and returns how to run it.
///
/// Programs of the system are installed if the user is root on Debian.
///
/// # Errors
///
/// If a program is missing, with the command that installs it; or if an installation fails, with its output.
pub fn install(peer: &Peer, cache: &Path) -> Result<Installed> {
    let script = peer.files[0].0;
    let folder = cache.join(Path::new(script).with_extension(""));
    fs::create_dir_all(&folder)?;
    for (name, text) in peer.files {
        fs::write(folder.join(name), text)?;
    }
    let program = match peer.package {
        Package::Npm => {
            demand(peer, &["node", "--version"], "nodejs")?;
            once(peer, &folder, |folder| {
                demand(peer, &["npm", "--version"], "npm")?;
                // This follows the lock file; `npm ci` requires the optional packages of all other systems to be in it.
                run(Command::new("npm")
                    .args(["install", "--ignore-scripts", "--no-audit", "--no-fund"])
                    .current_dir(folder))
            })?;
            "node".into()
        }
        Package::Pip => {
            once(peer, &folder, |folder| {
                demand(peer, &["python3", "-c", "import venv, ensurepip"], "python3-venv")?;
                run(Command::new("python3").args(["-m", "venv", "--clear", "venv"]).current_dir(folder))?;
                let install = ["install", "--no-deps", "--requirement", "requirements.txt"];
                run(Command::new(folder.join("venv/bin/pip")).args(install).current_dir(folder))
            })?;
            folder.join("venv/bin/python")
        }
        Package::Apt(package) => {
            demand(peer, &["ruby", "-e", "require 'sidekiq'"], package)?;
            "ruby".into()
        }
    };
    Ok(Installed { command: vec![program, folder.join(script)], log: folder.join("log") })
}

/// Installs unless these versions are already installed.
fn once(peer: &Peer, folder: &Path, install: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let lock = peer.package.lock().expect("these packages have a lock file");
    let (lock, stamp) = (fs::read_to_string(folder.join(lock))?, folder.join(STAMP));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    eprintln!("installing {}", peer.title);
    install(folder)?;
    Ok(fs::write(stamp, lock)?)
}

/// Checks that a command of the system succeeds; installs its package if allowed.
fn demand(peer: &Peer, command: &[&str], package: &str) -> Result<()> {
    let works = || {
        let (out, err) = (Stdio::null(), Stdio::null());
        Command::new(command[0])
            .args(&command[1..])
            .stdout(out)
            .stderr(err)
            .status()
            .is_ok_and(|status| status.success())
    };
    if works() {
        return Ok(());
    }
    let install = format!("apt-get install -y --no-install-recommends {package}");
    if rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists() {
        eprintln!("{install}");
        let script = format!("apt-get update -q && {install}");
        run(Command::new("sh").args(["-c", &script]).env("DEBIAN_FRONTEND", "noninteractive"))?;
        if works() {
            return Ok(());
        }
    }
    Err(format!("{} needs `{}`; on Debian: {install}", peer.title, command.join(" ")).into())
}

/// Runs a command to its end. An error contains its output.
fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{command:?}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&said)).into())
}
