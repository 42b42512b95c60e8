//! TLS: certificates are checked against the system's roots, and also against a file that the URL may name.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore_core::{Error, ErrorKind};
use redis::TlsCertificates;
use rustls::RootCertStore;

/// Makes `ring` the cryptography provider of the process, unless the program has installed another one.
pub(crate) fn choose_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Reads a file of certificates to trust in addition to the system's.
pub(crate) fn trusting(ca: &Path) -> Result<TlsCertificates, Error> {
    let refused = |why: String| Error::new(ErrorKind::Refused, format!("read certificates `{}`: {why}", ca.display()));
    let mut roots = fs::read(ca).map_err(|e| refused(e.to_string()))?;
    if !roots.windows(11).any(|text| text == b"-----BEGIN ") {
        return Err(refused("the file contains no PEM certificate".into()));
    }
    roots.push(b'\n');
    // The client uses our roots instead of the system's, so the system's roots are added here. Invalid ones are skipped.
    for certificate in rustls_native_certs::load_native_certs().certs {
        if RootCertStore::empty().add(certificate.clone()).is_ok() {
            let text = STANDARD.encode(&certificate);
            roots.extend_from_slice(
                format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").as_bytes(),
            );
        }
    }
    Ok(TlsCertificates { client_tls: None, root_cert: Some(roots) })
}
