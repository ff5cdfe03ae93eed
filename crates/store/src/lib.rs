//! Durable files: atomic writes, content hashes verified before parsing, run folders with a lock.
