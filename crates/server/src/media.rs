//! The headers of a result, which a handler may have produced from untrusted input. A browser may show it or save it,
//! and nothing else: it is never a script, a style sheet or a document of this site.

use axum::http::{HeaderName, HeaderValue, header};

/// Keeps a result that is shown as a document from everything else on this site.
const POLICY: &str = "sandbox; default-src 'none'";
/// The type of bytes that a browser does nothing with.
const BYTES: &str = "application/octet-stream";

/// What a browser may do with a media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Show it.
    Show,
    /// Save it.
    Save,
    /// Save it as bytes without a type, because a page could run it or be styled by it.
    SaveAsBytes,
}

/// Returns the headers of a result with this media type.
pub(crate) fn headers(content_type: &str) -> [(HeaderName, HeaderValue); 3] {
    let bytes = HeaderValue::from_static(BYTES);
    let (content_type, disposition) = match (HeaderValue::from_str(content_type), use_of(content_type)) {
        (Ok(content_type), Use::Show) => (content_type, "inline"),
        (Ok(content_type), Use::Save) => (content_type, "attachment"),
        (_, Use::SaveAsBytes) | (Err(_), _) => (bytes, "attachment"),
    };
    [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ]
}

fn use_of(content_type: &str) -> Use {
    // A list of types is read in different ways by different browsers.
    if content_type.contains(',') {
        return Use::SaveAsBytes;
    }
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let Some((class, subtype)) = essence.split_once('/') else { return Use::SaveAsBytes };
    match (class, subtype) {
        _ if subtype.contains("script") || subtype.contains("xslt") => Use::SaveAsBytes,
        ("text", "css" | "xsl" | "jsx" | "livescript" | "vtt") | ("multipart", _) => Use::SaveAsBytes,
        ("application", "wasm" | "manifest+json" | "importmap+json" | "speculationrules+json") => Use::SaveAsBytes,
        ("image", subtype) if !subtype.contains("xml") => Use::Show,
        ("audio" | "video", _) | ("text", "plain" | "csv") | ("application", "json") => Use::Show,
        _ => Use::Save,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_styles_and_documents_are_not_what_they_say() {
        for script in [
            "text/javascript",
            "Text/JavaScript; charset=utf-8",
            " text/javascript",
            "application/javascript",
            "application/x-javascript",
            "application/ecmascript",
            "text/javascript1.5",
            "text/jscript",
            "text/x-ecmascript",
            "text/livescript",
            "text/css",
            "text/xsl",
            "application/xslt+xml",
            "application/wasm",
            "multipart/x-mixed-replace; boundary=x",
            "text/plain, text/javascript",
            "javascript",
            "",
        ] {
            assert_eq!(use_of(script), Use::SaveAsBytes, "{script}");
        }
        for document in [
            "text/html",
            "TEXT/HTML;charset=x",
            "application/xhtml+xml",
            "image/svg+xml",
            "text/xml",
            "application/pdf",
            "x/y",
        ] {
            assert_eq!(use_of(document), Use::Save, "{document}");
        }
        for passive in
            ["image/gif", "image/png", "audio/mpeg", "video/mp4", "text/plain; charset=utf-8", "application/json"]
        {
            assert_eq!(use_of(passive), Use::Show, "{passive}");
        }
    }
}
