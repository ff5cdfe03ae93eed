//! From bytes to text: strict UTF-8, a byte order mark, the encoding that the manifest states, or the one old Korean
//! or Japanese encoding in which the header makes sense.

use std::borrow::Cow;

use encoding_rs::{EUC_KR, SHIFT_JIS};
use serde::{Deserialize, Serialize};

use super::Source;
use crate::MarketDataError;

/// An encoding by one of the labels of the WHATWG standard, such as `euc-kr` (which is CP949) or `shift_jis`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Encoding(&'static encoding_rs::Encoding);

impl TryFrom<String> for Encoding {
    type Error = String;

    fn try_from(label: String) -> Result<Self, String> {
        // Windows calls its superset of EUC-KR "cp949"; the standard's EUC-KR is that superset.
        let known = if label.eq_ignore_ascii_case("cp949") { "euc-kr" } else { &label };
        let found = encoding_rs::Encoding::for_label_no_replacement(known.as_bytes());
        found.map(Encoding).ok_or_else(|| {
            format!("{label:?} is no encoding; known are \"utf-8\", \"cp949\", \"euc-kr\", \"shift_jis\" and other web labels")
        })
    }
}

impl From<Encoding> for String {
    fn from(encoding: Encoding) -> String {
        encoding.0.name().to_owned()
    }
}

/// How the first bytes of files that are no text begin, and what they are.
const NO_TEXT: [(&[u8], &str); 3] = [
    (b"PAR1", "a Parquet file, whatever its name; write it out as CSV"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook; unpack it, or save the sheet as CSV"),
    (b"\x1f\x8b", "compressed with gzip; unpack it"),
];

/// The text of a file and the name of its encoding.
///
/// `makes_sense` says whether a header of some text can be understood thanks to names that are not ASCII.
pub(super) fn decode<'b>(
    source: &Source<'b>,
    stated: Option<Encoding>,
    makes_sense: &dyn Fn(&str) -> bool,
) -> Result<(Cow<'b, str>, String), MarketDataError> {
    let bytes = source.bytes;
    if let Some((_, what)) = NO_TEXT.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(source.refuse(1, format!("this is no CSV but {what}")));
    }
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        let text = exact(encoding, &bytes[mark..]);
        let text =
            text.ok_or_else(|| source.refuse(1, format!("the text is not {} as its mark says", encoding.name())))?;
        return Ok((text, format!("{} with a byte order mark", encoding.name())));
    }
    if let Some(Encoding(encoding)) = stated {
        let text = exact(encoding, bytes).ok_or_else(|| {
            let line = first_odd_line(encoding, bytes);
            source.refuse(line, format!("the text is not {} (file.encoding)", encoding.name()))
        })?;
        return Ok((text, encoding.name().to_owned()));
    }
    let odd = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok((text.into(), "UTF-8".to_owned())),
        Err(error) => newlines(&bytes[..error.valid_up_to()]) + 1,
    };
    let candidates = [(EUC_KR, "EUC-KR (CP949)"), (SHIFT_JIS, "Shift_JIS")];
    let mut fits = candidates.into_iter().filter_map(|(encoding, name)| Some((exact(encoding, bytes)?, name)));
    let mut fits = fits.by_ref().filter(|(text, _)| makes_sense(text));
    match (fits.next(), fits.next()) {
        (Some((text, name)), None) => Ok((text, name.to_owned())),
        (None, _) => Err(source.refuse(
            odd,
            "the text is not UTF-8, and its header is neither Korean nor Japanese; convert the file, \
             or set file.encoding, such as \"cp949\", \"shift_jis\" or \"windows-1252\"",
        )),
        (Some(_), Some(_)) => Err(source.refuse(
            odd,
            "the text is not UTF-8 and may be EUC-KR (CP949) as well as Shift_JIS; set file.encoding to one of them",
        )),
    }
}

/// The text if every byte has a meaning.
fn exact<'b>(encoding: &'static encoding_rs::Encoding, bytes: &'b [u8]) -> Option<Cow<'b, str>> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes)
}

/// The first line that cannot be decoded by itself.
fn first_odd_line(encoding: &'static encoding_rs::Encoding, bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').position(|line| exact(encoding, line).is_none()).unwrap_or(0) + 1
}

pub(super) fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}
