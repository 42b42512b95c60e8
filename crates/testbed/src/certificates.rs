//! A separate certificate authority, and a server certificate for this machine.

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// PEM files in a temporary folder: an authority, and a certificate signed by it for `127.0.0.1` and `localhost`.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Creates new ones.
    ///
    /// # Panics
    ///
    /// Panics if there is no room for them.
    pub fn new() -> Self {
        let folder = crate::server::folder();
        let authority_key = KeyPair::generate().expect("there is randomness");
        let mut authority = CertificateParams::new(Vec::new()).expect("no names");
        authority.distinguished_name.push(DnType::CommonName, "longshore test authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let signed = authority.self_signed(&authority_key).expect("it can be signed");
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().expect("there is randomness");
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let mut certificate = CertificateParams::new(names).expect("they are names");
        certificate.distinguished_name.push(DnType::CommonName, "localhost");
        let certificate = certificate.signed_by(&key, &issuer).expect("it can be signed");
        let certificates = Certificates { folder };
        let write = |path: PathBuf, text: String| fs::write(path, text).expect("the folder can be written");
        write(certificates.authority(), signed.pem());
        write(certificates.certificate(), certificate.pem());
        write(certificates.key(), key.serialize_pem());
        certificates
    }

    /// Returns the file of the authority's certificate, for clients that must trust it.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Returns the file of the server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    /// Returns the file of the server's private key.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Certificates::new()
    }
}
