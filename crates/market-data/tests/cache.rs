//! The cache: written once, verified before use, repaired when damaged, safe against any crash.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pavlov_market_data::{Manifest, MarketDataError, Origin, Sources, import, load_dataset, verify};
use pavlov_store::{Disk, OsDisk};
use pavlov_testkit::{Fault, PowerLoss, SimDisk, scale};
use rand_core::{RngCore, SeedableRng};
use support::{DATASET, csv, manifest_with, sources, with_file};

const ROOT: &str = "/w";

fn cached(rows: usize) -> (Arc<SimDisk>, Sources, Manifest) {
    let disk = Arc::new(SimDisk::new());
    with_file(disk.as_ref(), Path::new(ROOT), &csv(rows));
    let sources = sources(disk.clone(), Path::new(ROOT));
    let manifest = manifest_with("");
    let first = load_dataset(&manifest, &sources).unwrap();
    assert!(matches!(first.origin, Origin::File(_)) && first.bars.len() == rows && first.notes.is_empty());
    (disk, sources, manifest)
}

fn cache_files(disk: &SimDisk) -> Vec<PathBuf> {
    let in_cache =
        |path: &PathBuf| path.starts_with("/w/cache") && path.file_name().is_some_and(|name| name != ".lock");
    disk.files().into_iter().filter(in_cache).collect()
}

#[test]
fn the_second_load_comes_from_the_cache_with_the_same_bars_and_history() {
    let (disk, sources, manifest) = cached(50);
    let from_file = load_dataset(&manifest, &Sources { cache_dir: None, ..sources.clone() }).unwrap();
    let from_cache = load_dataset(&manifest, &Sources { data_dir: None, ..sources }).unwrap();
    assert_eq!(from_cache.origin, Origin::Cache);
    assert_eq!(from_cache.notes, Vec::<String>::new());
    assert_eq!((&from_cache.bars, from_cache.hash), (&from_file.bars, from_file.hash));
    assert_eq!(from_cache.provenance, from_file.provenance);
    assert_eq!(cache_files(&disk).len(), 2, "one segment and the manifest");
}

/// R4: damage of any kind is found before a byte is decoded, and mended from the next source.
#[test]
fn no_damage_is_ever_used() {
    let (disk, sources, manifest) = cached(40);
    let sound = load_dataset(&manifest, &sources).unwrap().bars;
    let files = cache_files(&disk);
    let damages = if scale::nightly() { 1_000_000 } else { 2_000 };
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
    for round in 0..damages {
        let file = &files[round % files.len()];
        let original = disk.read(file).unwrap();
        let (what, at) = (rng.next_u32() % 4, rng.next_u64() as usize % original.len());
        disk.damage(file, |bytes| match what {
            0 => bytes.truncate(at),
            1 => bytes[at..].iter_mut().take(64).for_each(|byte| *byte = !*byte),
            2 => bytes[at..].iter_mut().take(16).for_each(|byte| *byte = if *byte == 0 { 1 } else { 0 }),
            _ => bytes[at] ^= 1 << (rng.next_u32() % 8),
        });
        let context = || format!("damage {what} at {at} of {} in round {round}", file.display());
        let alone = Sources { data_dir: None, ..sources.clone() };
        let error = load_dataset(&manifest, &alone).unwrap_err();
        let text = error.to_string();
        assert!(error.is_unavailable() && text.contains(file.to_str().unwrap()), "{}: {text}", context());
        assert!(
            text.contains("damaged") && !text.contains("content hash") && text.contains("delete"),
            "{}: {text}",
            context()
        );
        let repaired = load_dataset(&manifest, &sources).unwrap();
        assert!(matches!(repaired.origin, Origin::File(_)) && repaired.bars == sound, "{}", context());
        assert!(repaired.notes.len() == 1 && repaired.notes[0].contains("damaged"), "{:?}", repaired.notes);
        assert_eq!(disk.read(file).unwrap(), original, "{}", context());
        assert_eq!(load_dataset(&manifest, &alone).unwrap().bars, sound);
    }
}

#[test]
fn every_bit_of_the_cache_manifest_counts() {
    let (disk, sources, manifest) = cached(3);
    let alone = Sources { data_dir: None, ..sources };
    let record = PathBuf::from("/w/cache/example/manifest.json");
    let original = disk.read(&record).unwrap();
    for bit in 0..original.len() * 8 {
        disk.damage(&record, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        let error = load_dataset(&manifest, &alone).unwrap_err().to_string();
        assert!(error.contains("manifest.json: it is damaged"), "bit {bit}: {error}");
        disk.damage(&record, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
    }
    assert_eq!(load_dataset(&manifest, &alone).unwrap().bars.len(), 3);
}

#[test]
fn a_missing_segment_and_a_swapped_one_are_damage() {
    let (disk, sources, manifest) = cached(10);
    let segment = cache_files(&disk).into_iter().find(|path| path.extension().is_some_and(|e| e == "parquet")).unwrap();
    let other_root = Arc::new(SimDisk::new());
    with_file(other_root.as_ref(), Path::new(ROOT), &csv(11));
    load_dataset(&manifest, &support::sources(other_root.clone(), Path::new(ROOT))).unwrap();
    let foreign =
        cache_files(&other_root).into_iter().find(|path| path.extension().is_some_and(|e| e == "parquet")).unwrap();
    let foreign = other_root.read(&foreign).unwrap();
    disk.damage(&segment, |bytes| *bytes = foreign);
    let alone = Sources { data_dir: None, ..sources };
    assert!(load_dataset(&manifest, &alone).unwrap_err().to_string().contains("is damaged: expected hash"));
    disk.remove(&segment).unwrap();
    assert!(load_dataset(&manifest, &alone).unwrap_err().to_string().contains("it does not exist"));
}

#[test]
fn a_cache_of_another_manifest_is_stale_and_made_again() {
    let (disk, sources, _) = cached(10);
    let before = cache_files(&disk);
    let shorter = DATASET.replace("adjustment", "span = [\"2018-01-01\", \"2018-01-01T04:00:00Z\"]\nadjustment");
    let shorter = Manifest::parse(&shorter, Path::new("datasets/example.toml")).unwrap();
    let alone = Sources { data_dir: None, ..sources.clone() };
    let error = load_dataset(&shorter, &alone).unwrap_err().to_string();
    assert!(error.contains("another version of the manifest"), "{error}");
    let fresh = load_dataset(&shorter, &sources).unwrap();
    assert_eq!((fresh.bars.len(), fresh.provenance.cleaning.outside_span), (4, 6));
    let after = cache_files(&disk);
    assert!(after.len() == 2 && after != before, "the old segment is gone: {after:?}");
    assert_eq!(load_dataset(&shorter, &alone).unwrap().origin, Origin::Cache);
}

#[test]
fn the_wrong_symbol_under_the_right_name_is_stale() {
    let (_, sources, _) = cached(10);
    let text = DATASET.replace("BTCUSD", "ETHUSD");
    let other = Manifest::parse(&text, Path::new("datasets/example.toml")).unwrap();
    let error = load_dataset(&other, &Sources { data_dir: None, ..sources }).unwrap_err();
    assert!(error.to_string().contains("another version of the manifest"), "{error}");
}

#[test]
fn unexpected_content_is_an_error_with_both_hashes() {
    let (_, sources, manifest) = cached(10);
    let got = load_dataset(&manifest, &sources).unwrap().hash;
    let expected = pavlov_store::Hash::of(b"other");
    let text = DATASET.replace("adjustment", &format!("expected_hash = \"{expected}\"\nadjustment"));
    let pinned = Manifest::parse(&text, Path::new("datasets/example.toml")).unwrap();
    let error = load_dataset(&pinned, &sources).unwrap_err();
    assert!(matches!(error, MarketDataError::WrongContent { expected: e, got: g, .. } if e == expected && g == got));
    let pinned = text.replace(&expected.to_string(), &got.to_string());
    let pinned = Manifest::parse(&pinned, Path::new("datasets/example.toml")).unwrap();
    assert_eq!(load_dataset(&pinned, &sources).unwrap().origin, Origin::Cache, "a pin alone makes nothing stale");
}

#[test]
fn verify_finds_and_names_damage() {
    let (disk, _, _) = cached(10);
    let datasets = Path::new("/w/datasets");
    disk.create_dir_all(datasets).unwrap();
    disk.write_new(&datasets.join("example.toml"), DATASET.as_bytes()).unwrap();
    let sound = verify(datasets, Path::new("/w/cache"), disk.as_ref()).unwrap();
    assert_eq!(sound.iter().map(|r| r.outcome.as_ref().unwrap().bars).collect::<Vec<_>>(), [10]);
    let segment = cache_files(&disk).into_iter().find(|path| path.extension().is_some_and(|e| e == "parquet")).unwrap();
    disk.damage(&segment, |bytes| bytes[100] ^= 4);
    let found = verify(datasets, Path::new("/w/cache"), disk.as_ref()).unwrap();
    let error = found[0].outcome.as_ref().unwrap_err().to_string();
    assert!(found[0].dataset == "example" && error.contains(segment.to_str().unwrap()), "{error}");
}

/// R2: after a power loss at any disk call, the cache holds the old commit or the new one, and works on.
#[test]
fn power_loss_at_any_call_leaves_the_old_commit_or_the_new_one() {
    let (old, new) = (manifest_with(""), manifest_with("misplaced = \"sort\""));
    let start = || {
        let disk = SimDisk::new();
        let file = with_file(&disk, Path::new(ROOT), &csv(8));
        disk.sync_file(&file).unwrap();
        disk.sync_dir(file.parent().unwrap()).unwrap();
        import(&file, &old, Path::new("/w/cache"), &disk).unwrap();
        disk.write_new(&file, csv(9).as_bytes()).unwrap();
        disk.sync_file(&file).unwrap();
        (disk, file)
    };
    let (disk, file) = start();
    let before = disk.calls();
    import(&file, &new, Path::new("/w/cache"), &disk).unwrap();
    let calls = disk.calls() - before;
    assert!(calls > 8, "{calls} calls");
    for call in 0..calls {
        for loss in PowerLoss::ALL {
            let (disk, file) = start();
            disk.crash_after(disk.calls() + call);
            let committed = import(&file, &new, Path::new("/w/cache"), &disk).is_ok();
            let disk = Arc::new(disk.after_power_loss(loss));
            let alone = Sources { data_dir: None, ..sources(disk.clone(), Path::new(ROOT)) };
            let rows = |manifest: &Manifest| load_dataset(manifest, &alone).ok().map(|dataset| dataset.bars.len());
            let context = format!("crash after call {call}, {loss:?}");
            assert!(matches!((rows(&old), rows(&new)), (Some(8), None) | (None, Some(9))), "{context}");
            assert!(!committed || rows(&new) == Some(9), "{context}");
            import(&file, &new, Path::new("/w/cache"), disk.as_ref()).unwrap();
            assert_eq!((rows(&new), cache_files(&disk).len()), (Some(9), 2), "{context}: nothing is left over");
        }
    }
}

/// R19: a disk that fails at any call gives an error of the import, and the old commit stays.
#[test]
fn a_disk_fault_at_any_call_is_an_error_and_spares_the_old_commit() {
    for fault in Fault::ALL {
        for call in 1.. {
            let (disk, sources, manifest) = cached(8);
            let file = with_file(disk.as_ref(), Path::new(ROOT), &csv(9));
            let changed = manifest_with("misplaced = \"sort\"");
            let before = disk.calls();
            disk.fail_call(before + call, fault);
            let imported = import(&file, &changed, Path::new("/w/cache"), disk.as_ref());
            if disk.calls() - before < call {
                break;
            }
            let alone = Sources { data_dir: None, ..sources };
            let usable = load_dataset(&manifest, &alone).is_ok() || load_dataset(&changed, &alone).is_ok();
            assert!(usable, "{fault:?} at call {call}");
            assert!(imported.is_err() || load_dataset(&changed, &alone).is_ok(), "{fault:?} at call {call}");
        }
    }
}

#[test]
fn a_cache_that_cannot_be_written_does_not_stop_a_load() {
    let disk = Arc::new(SimDisk::new());
    with_file(disk.as_ref(), Path::new(ROOT), &csv(5));
    disk.create_dir_all(Path::new("/w/cache")).unwrap();
    disk.fail_call(disk.calls() + 6, Fault::NoSpace);
    let dataset = load_dataset(&manifest_with(""), &sources(disk, Path::new(ROOT))).unwrap();
    assert_eq!(dataset.bars.len(), 5);
    assert!(dataset.notes.iter().any(|note| note.contains("the cache is not written")), "{:?}", dataset.notes);
}

#[test]
fn a_second_writer_is_refused_while_the_first_is_at_work() {
    let dir = tempfile::tempdir().unwrap();
    let file = with_file(&OsDisk, dir.path(), &csv(5));
    let out = dir.path().join("cache");
    OsDisk.create_dir_all(&out.join("example")).unwrap();
    let guard = OsDisk.lock(&out.join("example/.lock")).unwrap();
    let error = import(&file, &manifest_with(""), &out, &OsDisk).unwrap_err();
    assert!(matches!(&error, MarketDataError::CacheBusy { dir } if *dir == out.join("example")), "{error}");
    drop(guard);
    import(&file, &manifest_with(""), &out, &OsDisk).unwrap();
}
