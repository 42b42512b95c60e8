//! PostgreSQL, and PgBouncer in front of it.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::Certificates;
use crate::server::{Place, Recipe, Server, folder, from_debian};

/// A PostgreSQL server. By default, everybody on this machine may connect as `postgres`.
#[derive(Debug)]
pub struct Postgres(Server);

/// The settings of a server.
#[derive(Debug, Default)]
pub struct PostgresSetup {
    settings: Vec<(String, String)>,
    hba: Option<String>,
    tls: bool,
    files: Vec<(PathBuf, &'static str)>,
}

impl PostgresSetup {
    /// Sets one setting, as in `postgresql.conf`.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets who may connect and how, as in `pg_hba.conf`. By default everybody on the loopback address, without a
    /// password.
    pub fn access(mut self, hba: &str) -> Self {
        self.hba = Some(hba.to_owned());
        self
    }

    /// Uses TLS with that certificate.
    pub fn tls(mut self, certificates: &Certificates) -> Self {
        self.tls = true;
        self.files = vec![(certificates.certificate(), "server.crt"), (certificates.key(), "server.key")];
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    ///
    /// Panics if PostgreSQL is missing or does not start.
    pub fn start(self) -> Postgres {
        let folder = folder();
        let bin = programs();
        let data = folder.path().join("data");
        give(folder.path());
        let mut init = as_server(&bin.join("initdb"));
        init.extend(
            ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"].map(str::to_owned),
        );
        init.push(data.display().to_string());
        run(&init, folder.path());
        for (from, name) in &self.files {
            let to = data.join(name);
            fs::copy(from, &to).expect("the certificate can be copied");
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).expect("it is ours");
            give(&to);
        }
        if let Some(hba) = &self.hba {
            fs::write(data.join("pg_hba.conf"), hba).expect("the folder can be written");
            give(&data.join("pg_hba.conf"));
        }
        let postgres = bin.join("postgres");
        let command = move |place: &Place| {
            let mut command = as_server(&postgres);
            command.extend(["-D".to_owned(), data.display().to_string()]);
            let own = [
                ("port", place.port.to_string()),
                ("listen_addresses", "127.0.0.1".to_owned()),
                ("unix_socket_directories", place.folder.display().to_string()),
                ("dynamic_shared_memory_type", "mmap".to_owned()),
                ("max_connections", "300".to_owned()),
                ("ssl", if self.tls { "on" } else { "off" }.to_owned()),
            ];
            let own = own.iter().map(|(name, value)| (*name, value.as_str()));
            let settings = own.chain(self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            command.extend(settings.flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]));
            command
        };
        let ready = bin.join("pg_isready");
        let recipe = Recipe {
            program: "postgres",
            install: from_debian("postgresql"),
            command: Box::new(command),
            signal: "QUIT",
            is_up: Box::new(move |place| is_ready(&ready, place)),
        };
        Postgres(Server::start(folder, recipe))
    }
}

impl Postgres {
    /// Returns the server that all tests of this program share. It does not wait for the disk, and does not vacuum the
    /// tests' hundreds of schemas.
    pub fn shared() -> &'static Postgres {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Postgres::start(&[("fsync", "off"), ("full_page_writes", "off"), ("autovacuum", "off")]))
    }

    /// Starts a server with these settings.
    ///
    /// # Panics
    ///
    /// Panics if PostgreSQL is missing or does not start.
    pub fn start(settings: &[(&str, &str)]) -> Postgres {
        settings.iter().fold(Postgres::setup(), |setup, (name, value)| setup.set(name, value)).start()
    }

    /// Starts to configure a server.
    pub fn setup() -> PostgresSetup {
        PostgresSetup::default()
    }

    /// Returns the URL of its database `postgres`, for the user `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.addr())
    }

    /// Runs SQL with psql as the user `postgres`, over the socket in its folder. Returns the unaligned output.
    ///
    /// # Panics
    ///
    /// Panics if that fails.
    pub fn psql(&self, sql: &str) -> String {
        let port = self.addr().port().to_string();
        let socket = self.folder().display().to_string();
        let words = ["-h", &socket, "-p", &port, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-XqAtc", sql];
        let out = Command::new(programs().join("psql")).args(words).arg("postgres").output().expect("psql runs");
        assert!(out.status.success(), "psql: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
    }
}

impl Deref for Postgres {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

/// PgBouncer in transaction mode.
#[derive(Debug)]
pub struct PgBouncer(Server);

impl PgBouncer {
    /// Starts PgBouncer in front of that server.
    ///
    /// # Panics
    ///
    /// Panics if PgBouncer is missing or does not start.
    pub fn start(postgres: &Postgres) -> PgBouncer {
        let folder = folder();
        give(folder.path());
        fs::write(folder.path().join("users.txt"), "\"postgres\" \"\"\n").expect("the folder can be written");
        let server = postgres.addr().port();
        let command = move |place: &Place| {
            let file = place.folder.join("pgbouncer.ini");
            let text = format!(
                "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\n\
                 unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\nmax_client_conn = 1000\n\
                 default_pool_size = 50\n",
                place.port,
                place.folder.join("users.txt").display()
            );
            fs::write(&file, text).expect("the folder can be written");
            let mut command = as_server(Path::new("/usr/sbin/pgbouncer"));
            command.push(file.display().to_string());
            command
        };
        let ready = programs().join("pg_isready");
        let recipe = Recipe {
            program: "pgbouncer",
            install: from_debian("pgbouncer"),
            command: Box::new(command),
            signal: "KILL",
            is_up: Box::new(move |place| is_ready(&ready, place)),
        };
        PgBouncer(Server::start(folder, recipe))
    }

    /// Returns the URL of the database `postgres` through it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.addr())
    }
}

impl Deref for PgBouncer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

/// Returns the folder of the newest PostgreSQL's programs.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).filter(|path| path.join("bin/initdb").exists()).max_by_key(number);
    newest.map(|path| path.join("bin")).expect(
        "this test needs PostgreSQL with its server; on Debian: apt-get install -y --no-install-recommends postgresql",
    )
}

fn is_ready(program: &Path, place: &Place) -> bool {
    let port = place.port.to_string();
    let asked =
        Command::new(program).args(["-q", "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-d", "postgres"]).status();
    asked.is_ok_and(|status| status.success())
}

/// Neither PostgreSQL nor PgBouncer runs as root. Under root they use the user of the package.
fn as_server(program: &Path) -> Vec<String> {
    let mut command = Vec::new();
    if rustix::process::geteuid().is_root() {
        command.extend(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"].map(str::to_owned));
    }
    command.push(program.display().to_string());
    command
}

/// Changes the owner of a file to the user that the server runs as.
fn give(path: &Path) {
    if rustix::process::geteuid().is_root() {
        let users = fs::read_to_string("/etc/passwd").expect("there are users");
        let line = users.lines().find(|line| line.starts_with("postgres:")).expect("PostgreSQL brings a user");
        let ids: Vec<u32> = line.split(':').skip(2).take(2).filter_map(|id| id.parse().ok()).collect();
        chown(path, Some(ids[0]), Some(ids[1])).expect("root may give files away");
    }
}

fn run(command: &[String], folder: &Path) {
    let out = Command::new(&command[0]).args(&command[1..]).current_dir(folder).output();
    let out = out.unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_can_be_killed_and_keeps_what_it_wrote() {
        let postgres = Postgres::start(&[]);
        postgres.psql("CREATE TABLE a AS SELECT 1 AS b");
        postgres.kill();
        postgres.restart();
        assert_eq!(postgres.psql("SELECT b FROM a"), "1");
        postgres.stop();
        postgres.go_on();
        assert_eq!(postgres.psql("SELECT b FROM a"), "1");
    }

    #[test]
    fn pooler_brings_to_the_server() {
        let bouncer = PgBouncer::start(Postgres::shared());
        let out = Command::new(programs().join("psql")).args([&bouncer.url(), "-XqAtc", "SELECT 7"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "7");
    }

    #[test]
    fn server_speaks_tls() {
        let certificates = Certificates::new();
        let postgres = Postgres::setup().tls(&certificates).start();
        let url = format!("{}?sslmode=verify-full&sslrootcert={}", postgres.url(), certificates.authority().display());
        let out = Command::new(programs().join("psql"))
            .args([&url, "-XqAtc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "t", "{}", String::from_utf8_lossy(&out.stderr));
    }
}
