//! Market data: validated bars, CSV import, a hashed Parquet cache, dataset manifests and providers.
