//! Converts a command's standard output to a result.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use longshore_core::Output;
use serde::de::IgnoredAny;

use crate::spool::Spooled;

/// Converts the output to a result of the declared media type. Without a declared type, the output is JSON if it is
/// valid JSON, else text if it is UTF-8, else bytes. Empty output means no result. Output in a file is never loaded
/// into memory as a whole. The inner error describes output that is not of its declared type.
///
/// # Errors
///
/// If the file of the output cannot be read.
pub(crate) fn of(output: Spooled, declared: Option<&str>) -> io::Result<Result<Output, String>> {
    let (content_type, trims) = match media(&output, declared)? {
        Ok(Some(media)) => media,
        Ok(None) => return Ok(Ok(Output::new("application/json", "null"))),
        Err(wrong) => return Ok(Err(wrong)),
    };
    match output {
        Spooled::Held(held) => Ok(Ok(Output::new(content_type, if trims { trimmed(held) } else { held }))),
        Spooled::File(file, size) => {
            if trims {
                file.set_len(trimmed_size(&file, size)?)?;
            }
            Output::file(content_type, file).map(Ok)
        }
    }
}

const JSON: &str = "application/json";

/// Returns the media type, and whether whitespace at the end is removed; `None` if there is no output.
fn media(output: &Spooled, declared: Option<&str>) -> io::Result<Result<Option<(String, bool)>, String>> {
    if matches!(output, Spooled::Held(held) if held.is_empty()) {
        return Ok(Ok(None));
    }
    Ok(Ok(Some(match declared {
        Some(declared) if is_json(declared) => match check_json(output)? {
            Ok(()) => (declared.to_owned(), true),
            Err(why) => return Ok(Err(format!("standard output is not valid {declared}: {why}"))),
        },
        Some(declared) => (declared.to_owned(), false),
        None if check_json(output)?.is_ok() => (JSON.to_owned(), true),
        None if is_text(output)? => ("text/plain; charset=utf-8".to_owned(), false),
        None => ("application/octet-stream".to_owned(), false),
    })))
}

/// The inner error says why the output is not JSON. The parser alone does not check that strings are UTF-8.
fn check_json(output: &Spooled) -> io::Result<Result<(), String>> {
    let checked = match output {
        Spooled::Held(held) => serde_json::from_slice::<IgnoredAny>(held),
        Spooled::File(file, _) => serde_json::from_reader(BufReader::new(from_start(file)?)),
    };
    match checked {
        Err(e) if e.is_io() => Err(e.into()),
        Err(e) => Ok(Err(e.to_string())),
        Ok(_) if is_text(output)? => Ok(Ok(())),
        Ok(_) => Ok(Err("it is not UTF-8".into())),
    }
}

fn is_text(output: &Spooled) -> io::Result<bool> {
    let mut file = match output {
        Spooled::Held(held) => return Ok(std::str::from_utf8(held).is_ok()),
        Spooled::File(file, _) => from_start(file)?,
    };
    let mut chunk = vec![0; CHUNK];
    // The number of bytes at the start of `chunk` that are an incomplete character from the previous chunk.
    let mut begun = 0;
    loop {
        let read = file.read(&mut chunk[begun..])?;
        if read == 0 {
            return Ok(begun == 0);
        }
        let end = begun + read;
        begun = match std::str::from_utf8(&chunk[..end]) {
            Ok(_) => 0,
            Err(e) if e.error_len().is_none() => {
                chunk.copy_within(e.valid_up_to()..end, 0);
                end - e.valid_up_to()
            }
            Err(_) => return Ok(false),
        };
    }
}

/// The size of the chunks that a file is checked in.
const CHUNK: usize = 64 * 1024;

fn from_start(mut file: &File) -> io::Result<&File> {
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Returns the size without whitespace at the end.
fn trimmed_size(file: &File, mut size: u64) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    while size > 0 {
        let chunk = &mut chunk[..size.min(CHUNK as u64) as usize];
        file.read_exact_at(chunk, size - chunk.len() as u64)?;
        let kept = chunk.trim_ascii_end().len();
        size -= (chunk.len() - kept) as u64;
        if kept > 0 {
            break;
        }
    }
    Ok(size)
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence == "application/json" || essence.ends_with("+json")
}

/// Removes whitespace at the end, because most programs print a line feed last.
fn trimmed(mut output: Vec<u8>) -> Vec<u8> {
    let end = output.trim_ascii_end().len();
    output.truncate(end);
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Returns the result for output in memory, and checks that the same output in a file gives the same result.
    fn both(output: &[u8], declared: Option<&str>) -> Result<(String, Vec<u8>), String> {
        let held = of(Spooled::Held(output.to_vec()), declared).unwrap();
        let held = held.map(|output| (output.content_type, output.body.to_vec()));
        if !output.is_empty() {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(output).unwrap();
            let kept = file.try_clone().unwrap();
            let spooled = of(Spooled::File(file, output.len() as u64), declared).unwrap();
            let spooled = spooled.map(|output| {
                let mut all = vec![0; output.size() as usize];
                kept.read_exact_at(&mut all, 0).unwrap();
                assert_eq!(kept.metadata().unwrap().len(), output.size());
                (output.content_type, all)
            });
            assert!(spooled == held);
        }
        held
    }

    fn typed(output: &[u8], declared: Option<&str>) -> (String, Vec<u8>) {
        both(output, declared).unwrap()
    }

    #[test]
    fn large_output_is_checked_in_chunks() {
        let text = "xé🌍 ".repeat(CHUNK / 3);
        for shift in 0..8 {
            let text = format!("{}{text}", "-".repeat(shift));
            assert_eq!(typed(text.as_bytes(), None), ("text/plain; charset=utf-8".into(), text.into_bytes()));
        }
        let cut = &text.as_bytes()[..text.len() - 3];
        assert_eq!(typed(cut, None).0, "application/octet-stream");
        let json = format!("[\"{}\"]", "x".repeat(3 * CHUNK));
        let padded = format!("{json}{}", "\n".repeat(2 * CHUNK + 1));
        assert_eq!(typed(padded.as_bytes(), None), ("application/json".into(), json.into_bytes()));
    }

    #[test]
    fn the_type_of_undeclared_output_is_detected() {
        assert_eq!(typed(b"{\"a\": 1}\n", None), ("application/json".into(), b"{\"a\": 1}".to_vec()));
        assert_eq!(typed(b"3 files\n", None), ("text/plain; charset=utf-8".into(), b"3 files\n".to_vec()));
        assert_eq!(typed(b"GIF89a\xff", None), ("application/octet-stream".into(), b"GIF89a\xff".to_vec()));
        assert_eq!(typed(b"", None), ("application/json".into(), b"null".to_vec()));
    }

    #[test]
    fn json_must_be_utf8() {
        let latin1 = b"{\"name\":\"J\xf6rg\"}\n";
        assert_eq!(typed(latin1, None), ("application/octet-stream".into(), latin1.to_vec()));
        for declared in ["application/json", "application/problem+json"] {
            let message = both(latin1, Some(declared)).unwrap_err();
            assert_eq!(message, format!("standard output is not valid {declared}: it is not UTF-8"));
        }
        assert_eq!(typed("{\"name\":\"Jörg\"}".as_bytes(), None).0, "application/json");
        let mut long = format!("[\"{}\"]", "x".repeat(3 * CHUNK)).into_bytes();
        long[2 * CHUNK] = 0xf6;
        assert_eq!(typed(&long, None).0, "application/octet-stream");
    }

    #[test]
    fn a_declared_type_is_kept_and_json_must_be_json() {
        assert_eq!(typed(b"42\n", Some("text/plain")), ("text/plain".into(), b"42\n".to_vec()));
        assert_eq!(typed(b"42\n", Some("application/json")), ("application/json".into(), b"42".to_vec()));
        assert!(both(b"oh", Some("application/json")).unwrap_err().contains("not valid application/json"));
        assert!(both(b"oh", Some("application/problem+json")).is_err());
    }
}
