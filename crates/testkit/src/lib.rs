//! Development only: conformance kits, simulated disk, second ledger, golden loader, synthetic worlds.
