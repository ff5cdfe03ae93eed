//! The bytes of TensorBoard's event files: scalars by step, and what is needed to go on after an interruption.
//!
//! Place in the flow: `experiment` encodes the metrics of a training with it while the training goes on. It opens no
//! file and reads no clock: the caller appends the bytes where it likes and says what time it is.
//!
//! An event file is a sequence of records, each a protocol buffer `Event` between checksums. TensorBoard reads the files
//! of one folder in the order of their names, as one run; the folder's path is the run's name, and a file's name must
//! contain `tfevents`. Each file begins with [`Event::FileVersion`] and [`Event::SessionStart`].
//!
//! ```
//! use pavlov_tensorboard::{Event, encode};
//!
//! let mut file = Vec::new();
//! let noon = 1_577_880_000.0;
//! encode(&mut file, noon, 0, &Event::FileVersion);
//! encode(&mut file, noon, 0, &Event::SessionStart);
//! encode(&mut file, noon + 1.0, 8_192, &Event::Scalars(&[("train/loss", 0.25), ("episode/profit", 12.5)]));
//! assert_eq!(&file[..8], &24_u64.to_le_bytes(), "the length of the first event");
//! ```

use crc::{CRC_32_ISCSI, Crc};

/// The checksum CRC-32C (Castagnoli), as in RFC 3720.
const CRC_32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// The format of the file: the first event of each.
    FileVersion,
    /// A process begins to write. If the run has such an event already, what earlier files say of this step and of later
    /// ones is dropped: it is of a process that died, and will be written again.
    SessionStart,
    /// Values by tag; TensorBoard shows tags with the same text before the first `/` as a group.
    Scalars(&'a [(&'a str, f32)]),
}

/// Appends an event to the bytes of a file.
///
/// `wall_time` is in seconds since 1970-01-01 UTC; `step` is the position on the horizontal axis.
pub fn encode(file: &mut Vec<u8>, wall_time: f64, step: u64, event: &Event<'_>) {
    let mut message = Vec::new();
    field(&mut message, 1, FIXED_64);
    message.extend(wall_time.to_le_bytes());
    if step > 0 {
        field(&mut message, 2, VARINT);
        varint(&mut message, step);
    }
    match event {
        Event::FileVersion => nested(&mut message, 3, b"brain.Event:2"),
        Event::SessionStart => nested(&mut message, 7, &session_start()),
        Event::Scalars(values) => nested(&mut message, 5, &summary(values)),
    }
    record(file, &message);
}

/// A record of the format TFRecord: length and content, each followed by its masked checksum.
fn record(file: &mut Vec<u8>, content: &[u8]) {
    let length = (content.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked_checksum(&length).to_le_bytes());
    file.extend(content);
    file.extend(masked_checksum(content).to_le_bytes());
}

/// Rotated and shifted, so that the checksum of bytes that contain their own checksum stays meaningful.
fn masked_checksum(bytes: &[u8]) -> u32 {
    CRC_32C.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// `SessionLog { status: START }`.
fn session_start() -> Vec<u8> {
    let mut message = Vec::new();
    field(&mut message, 1, VARINT);
    varint(&mut message, 1);
    message
}

/// `Summary { value: [Value { tag, simple_value }] }`.
fn summary(values: &[(&str, f32)]) -> Vec<u8> {
    let mut message = Vec::new();
    for (tag, number) in values {
        let mut value = Vec::new();
        nested(&mut value, 1, tag.as_bytes());
        field(&mut value, 2, FIXED_32);
        value.extend(number.to_le_bytes());
        nested(&mut message, 1, &value);
    }
    message
}

// The wire types of protocol buffers.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED_32: u64 = 5;

fn field(message: &mut Vec<u8>, number: u64, wire_type: u64) {
    varint(message, number << 3 | wire_type);
}

fn nested(message: &mut Vec<u8>, number: u64, content: &[u8]) {
    field(message, number, LENGTH);
    varint(message, content.len() as u64);
    message.extend(content);
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        // Appendix B.4.
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        assert_eq!(CRC_32C.checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(CRC_32C.checksum(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(CRC_32C.checksum(&ascending), 0x46dd_794e);
        assert_eq!(CRC_32C.checksum(&descending), 0x113f_db5c);
    }

    /// Made with TensorBoard 2.21.0: its `event_pb2.Event`, serialised, through its `RecordWriter`.
    #[test]
    fn the_bytes_are_those_of_tensorboards_own_writer() {
        let theirs = "1800000000000000a37f4b220900002040f882d7411a0d627261696e2e4576656e743a325d9a1f07\
            100000000000000095fbfe180900002040f882d74110ac023a0208016d0067ec\
            3a000000000000001295eae20900008040f882d741108080808080202a280a110a0a747261696e2f6c6f7373\
            15000080be0a130a0c616374696f6e732f686f6c64150000000057aa0f16";
        let mut ours = Vec::new();
        encode(&mut ours, 1_577_836_800.5, 0, &Event::FileVersion);
        encode(&mut ours, 1_577_836_800.5, 300, &Event::SessionStart);
        let scalars = [("train/loss", -0.25), ("actions/hold", 0.0)];
        encode(&mut ours, 1_577_836_802.0, 1 << 40, &Event::Scalars(&scalars));
        let hex: String = ours.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, theirs);
    }

    #[test]
    fn numbers_of_several_bytes_read_back() {
        for number in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            varint(&mut bytes, number);
            let (last, before) = bytes.split_last().unwrap();
            assert!(*last < 0x80 && before.iter().all(|byte| *byte >= 0x80), "{number}: {bytes:x?}");
            let read = bytes.iter().rev().fold(0, |read, byte| read << 7 | u64::from(byte & 0x7f));
            assert_eq!(read, number);
        }
    }
}
