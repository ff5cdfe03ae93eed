//! The configs that the project ships know nothing too early: on generated and on real bars.

mod common;

use std::path::Path;

use common::{options, sorted, with_hooks};
use pavlov_experiment::{ExperimentError, Options, audit};

#[test]
fn every_config_passes_the_audit() {
    let configs = sorted(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs"));
    assert!(configs.len() >= 3, "{configs:?}");
    let data_dir = pavlov_testkit::data_dir();
    let place = tempfile::tempdir().unwrap();
    let options = Options { data_dir: data_dir.clone(), ..options(place.path(), 1) };
    let mut audited = 0;
    for config in configs {
        match with_hooks(|hooks| audit::config(&config, &[], &options, hooks)) {
            Ok(audit) => {
                assert!(audit.is_clean(), "{}", audit.table());
                audited += 1;
            }
            Err(ExperimentError::Data(error)) if data_dir.is_none() && error.is_unavailable() => {}
            Err(error) => panic!("{}: {error}", config.display()),
        }
    }
    assert!(audited >= 1, "the quickstart needs no data");
}

#[test]
fn an_audit_that_cannot_begin_says_why() {
    let place = tempfile::tempdir().unwrap();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/quickstart.toml");
    let run = |change: &str| {
        let overrides = [change.to_owned()];
        let result = with_hooks(|hooks| audit::config(&config, &overrides, &options(place.path(), 1), hooks));
        let error = result.expect_err("a wrong config");
        (error.exit_code(), error.to_string())
    };
    let (code, message) = run("environment.ruin_frac=2.0");
    assert!(code == 2 && message.contains("ruin_frac must lie in 0..1, got 2"), "{code}: {message}");
    let (code, message) = run("data.test=[\"2030-01-01\", \"2030-02-01\"]");
    assert!(code == 2 && message.contains("data.test"), "{code}: {message}");
}
