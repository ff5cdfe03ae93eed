//! Everything that can go wrong with a file, and what helps.

use std::io;
use std::path::{Path, PathBuf};

use crate::Hash;

/// What went wrong with which file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused an operation.
    #[error("cannot {operation} {}{}", path.display(), cure(source))]
    Io {
        /// What was tried, as an English verb.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The bytes of a file are not those that were written.
    #[error("{} is damaged: expected hash {expected}, got {got}; delete it and make it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The hash that was promised.
        expected: Hash,
        /// The hash of the bytes that were read.
        got: Hash,
    },
    /// A text is no content hash.
    #[error("{got:?} is no content hash: expected 64 lower-case hexadecimal digits")]
    HashSyntax {
        /// The text.
        got: String,
    },
    /// Another process works in the run folder.
    #[error("run folder {} is in use by another process: wait until it ends or choose another --out", root.display())]
    Locked {
        /// The run folder.
        root: PathBuf,
    },
    /// A new run was asked for where one exists.
    #[error("{} already holds a run: resume it or choose another --out", root.display())]
    RunExists {
        /// The run folder.
        root: PathBuf,
    },
    /// A new run was asked for in a folder with other files.
    #[error("{} is not empty, it holds {}: choose another --out", root.display(), found.display())]
    NotEmpty {
        /// The folder.
        root: PathBuf,
        /// The first unrelated file in it.
        found: PathBuf,
    },
    /// An existing run was asked for where there is none.
    #[error("{} holds no run (no plan.toml): check the path or start a new run", root.display())]
    NoRun {
        /// The folder.
        root: PathBuf,
    },
}

/// Names the operation and the path of an `io::Error`; for `map_err`.
pub(crate) fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { operation, path: path.to_owned(), source }
}

fn cure(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ": the disk is full; free space or choose another folder"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ": no permission; check the owner and mode or choose another folder"
        }
        io::ErrorKind::NotFound => ": it does not exist; check the path",
        io::ErrorKind::NotADirectory => ": a file is where a folder should be; check the path",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: io::ErrorKind) -> String {
        failed("write", Path::new("runs/plan.toml"))(kind.into()).to_string()
    }

    #[test]
    fn messages_name_the_file_the_operation_and_the_cure() {
        assert_eq!(
            message(io::ErrorKind::StorageFull),
            "cannot write runs/plan.toml: the disk is full; free space or choose another folder"
        );
        assert!(message(io::ErrorKind::PermissionDenied).contains("check the owner"));
        assert_eq!(message(io::ErrorKind::BrokenPipe), "cannot write runs/plan.toml");
    }

    #[test]
    fn a_damaged_file_is_reported_with_both_hashes() {
        let (expected, got) = (Hash::of(b"a"), Hash::of(b"b"));
        let text = StoreError::Damaged { path: "x.parquet".into(), expected, got }.to_string();
        assert!(text.contains("x.parquet") && text.contains(&expected.to_string()) && text.contains(&got.to_string()));
    }
}
