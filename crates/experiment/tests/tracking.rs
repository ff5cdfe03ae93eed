//! The event files of a run say what its metrics log says, also after interruptions, to a reader that TensorBoard's
//! rules were written into a second time: records, checksums, order of files, restarts.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::{CONFIG, experiment, fingerprint, gaussian_ppo, options, sorted};
use pavlov_experiment::{Event, ExperimentError, Hooks, run};
use serde_json::Value;

/// Runs or resumes the experiment `<place>/small` until its end or until `updates` updates of this process are done.
///
/// The clock moves by a quarter of a second whenever it is read.
fn go(place: &Path, config: &str, updates: u64) -> Result<(), ExperimentError> {
    let (file, out) = (place.join("small.toml"), place.join("small"));
    pavlov_store::write_atomic(&pavlov_store::OsDisk, &file, config.as_bytes()).unwrap();
    let (stop, reads, done) = (AtomicBool::new(false), AtomicU64::new(0), Mutex::new(0));
    let progress = |event: Event<'_>| {
        if matches!(event, Event::Updated { .. }) {
            let mut done = done.lock().unwrap();
            *done += 1;
            stop.store(*done >= updates, Ordering::Relaxed);
        }
    };
    let clock = || 1_600_000_000.0 + reads.fetch_add(1, Ordering::Relaxed) as f64 / 4.0;
    let hooks = Hooks { clock: &clock, progress: &progress, stop: &stop };
    let options = options(place, 1);
    let report = match out.exists() {
        true => run::resume(&out, &options, &hooks),
        false => run::run(&file, &[], &out, &options, &hooks),
    };
    report.map(drop)
}

type Series = BTreeMap<String, BTreeMap<u64, f32>>;

/// What TensorBoard shows of a seed, and the number of points in each file.
fn shown(seed: &Path) -> (Series, Vec<usize>) {
    let (mut series, mut points, mut sessions) = (Series::new(), Vec::new(), 0);
    for file in sorted(seed).iter().filter(|path| path.to_string_lossy().contains("tfevents")) {
        points.push(0);
        for (i, event) in records(&std::fs::read(file).unwrap()).into_iter().enumerate() {
            let event = fields(event);
            let step = event.get(&2).map_or(0, |step| step[0].number());
            assert!(f64::from_bits(event[&1][0].number()) >= 1_600_000_000.0, "the time is missing");
            match i {
                0 => assert_eq!(event[&3][0].bytes(), b"brain.Event:2"),
                1 => {
                    assert_eq!(fields(event[&7][0].bytes())[&1][0].number(), 1, "a session begins");
                    if sessions > 0 {
                        series.values_mut().for_each(|series| series.retain(|before, _| *before < step));
                    }
                    sessions += 1;
                }
                _ => {
                    *points.last_mut().unwrap() += 1;
                    for value in &fields(event[&5][0].bytes())[&1] {
                        let value = fields(value.bytes());
                        let tag = String::from_utf8(value[&1][0].bytes().to_vec()).unwrap();
                        let number = f32::from_bits(value[&2][0].number() as u32);
                        assert_eq!(series.entry(tag).or_default().insert(step, number), None, "step {step} twice");
                    }
                }
            }
        }
    }
    (series, points)
}

/// What the metrics log says: the mean of each figure over `stride` lines.
fn logged(seed: &Path, stride: usize) -> Series {
    let text = std::fs::read_to_string(seed.join("metrics.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut series = Series::new();
    for part in lines.chunks(stride) {
        let step = part.last().unwrap()["env_steps"].as_u64().unwrap();
        let mut put = |tag: &str, numbers: Vec<f64>| {
            if !numbers.is_empty() {
                let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
                series.entry(tag.to_owned()).or_default().insert(step, mean as f32);
            }
        };
        for (i, name) in ["hold", "buy", "sell"].into_iter().enumerate() {
            put(
                &format!("actions/{name}"),
                part.iter().map(|l| l["action_share"][i].as_f64().unwrap_or(0.0)).collect(),
            );
        }
        let of = |key: &str| part.iter().filter_map(|line| line[key].as_f64()).collect::<Vec<_>>();
        put("episode/ended", of("episodes"));
        put("episode/profit", of("episode_profit"));
        put("episode/terminated", of("episode_terminated"));
        let stats = "loss policy_loss value_loss entropy approx_kl clip_frac explained_variance grad_norm learning_rate \
                     advantage_max advantage_min";
        stats.split(' ').for_each(|key| put(&format!("train/{key}"), of(key)));
    }
    series
}

fn assert_shows_the_log(seed: &Path, stride: usize) {
    let (mut shown, _) = shown(seed);
    let rate = shown.remove("time/steps_per_second").unwrap();
    let logged = logged(seed, stride);
    assert_eq!(shown, logged);
    assert_eq!(rate.len(), logged["train/loss"].len());
    assert!(rate.values().all(|rate| *rate > 0.0 && rate.is_finite()), "{rate:?}");
}

#[test]
fn gaussian_ppo_is_also_shown_by_the_names_of_the_notebook() {
    let place = tempfile::tempdir().unwrap();
    go(place.path(), &gaussian_ppo(), u64::MAX).unwrap();
    let (shown, _) = shown(&sorted(&place.path().join("small/runs"))[0]);
    let same = [
        ("Reward", "episode/profit"),
        ("Loss", "train/loss"),
        ("Loss_MSE", "train/value_loss"),
        ("Loss_adv_max", "train/advantage_max"),
        ("Loss_adv_min", "train/advantage_min"),
        ("Trigger", "episode/terminated"),
    ];
    for (name, tag) in same {
        assert!(!shown[name].is_empty() && shown[name] == shown[tag], "{name}");
    }
    let sums = shown["Max_Time"].iter().map(|(step, share)| share + shown["Trigger"][step]);
    assert!(sums.into_iter().all(|sum| sum == 1.0));
}

#[test]
fn event_files_show_every_figure_of_the_metrics_log() {
    let place = tempfile::tempdir().unwrap();
    go(place.path(), CONFIG, u64::MAX).unwrap();
    for seed in ["runs/1", "runs/2"] {
        let seed = place.path().join("small").join(seed);
        assert_shows_the_log(&seed, 1);
        assert_eq!(shown(&seed).1, [12], "one file");
    }
}

#[test]
fn what_a_dead_process_wrote_behind_its_checkpoint_is_shown_once() {
    let place = tempfile::tempdir().unwrap();
    let config = CONFIG.replace("num = 2", "num = 1");
    go(place.path(), &config, u64::MAX).unwrap();
    let seed = place.path().join("small/runs/1");
    let before = logged(&seed, 1);
    // As if it had died after update 12 and before the checkpoint of it.
    std::fs::remove_file(sorted(&seed.join("checkpoints")).pop().unwrap()).unwrap();
    go(place.path(), &config, u64::MAX).unwrap();
    assert_eq!(shown(&seed).1, [12, 2], "a file for each process");
    assert_shows_the_log(&seed, 1);
    assert_eq!(logged(&seed, 1), before);
    // A process that trains nothing writes nothing.
    go(place.path(), &config, u64::MAX).unwrap();
    assert_eq!(shown(&seed).1, [12, 2]);
}

#[test]
fn a_long_run_shows_means_also_over_an_interruption() {
    let place = tempfile::tempdir().unwrap();
    let tiny = [
        ("num = 2", "num = 1"),
        ("updates = 12", "updates = 2_003"),
        ("checkpoint_every = 2", "checkpoint_every = 1_000"),
        ("num_envs = 4", "num_envs = 1"),
        ("rollout_len = 32", "rollout_len = 4"),
        ("fc = 8", "fc = 2"),
        ("hidden = 8", "hidden = 2"),
    ];
    let config = tiny.iter().fold(CONFIG.to_owned(), |text, (from, to)| text.replace(from, to));
    // Stopped in the middle of a mean of three updates.
    assert!(matches!(go(place.path(), &config, 1_001), Err(ExperimentError::Interrupted { .. })));
    go(place.path(), &config, u64::MAX).unwrap();
    let seed = place.path().join("small/runs/1");
    assert_shows_the_log(&seed, 3);
    assert_eq!(shown(&seed).1, [333, 335]);
}

#[test]
fn the_clock_shows_in_event_files_and_nowhere_else() {
    let place = tempfile::tempdir().unwrap();
    go(place.path(), CONFIG, u64::MAX).unwrap();
    experiment(place.path(), "still", CONFIG, 1).unwrap();
    assert_eq!(fingerprint(&place.path().join("small")), fingerprint(&place.path().join("still")));
    for file in sorted(&place.path().join("still/runs/1")).iter().filter(|f| f.to_string_lossy().contains("tfevents")) {
        let bytes = std::fs::read(file).unwrap();
        assert!(bytes.windows(10).any(|text| text == b"train/loss") && !bytes.windows(4).any(|text| text == b"time"));
    }
}

/// The contents of the records of a file, each checksum compared.
fn records(mut file: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !file.is_empty() {
        let (length, rest) = file.split_at(8);
        let (length_sum, rest) = rest.split_at(4);
        let (content, rest) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        let (content_sum, rest) = rest.split_at(4);
        assert_eq!((length_sum, content_sum), (&masked_sum(length)[..], &masked_sum(content)[..]));
        found.push(content);
        file = rest;
    }
    found
}

/// CRC-32C bit by bit, masked.
fn masked_sum(bytes: &[u8]) -> [u8; 4] {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    });
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// A field of a protocol buffer.
#[derive(Debug)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn number(&self) -> u64 {
        if let Self::Number(number) = self { *number } else { panic!("{self:?} is not a number") }
    }

    fn bytes(&self) -> &'a [u8] {
        if let Self::Bytes(bytes) = self { bytes } else { panic!("{self:?} is not text") }
    }
}

/// The fields of a message by number.
fn fields(mut message: &[u8]) -> BTreeMap<u64, Vec<Field<'_>>> {
    let mut found = BTreeMap::<u64, Vec<Field<'_>>>::new();
    while !message.is_empty() {
        let key = number(&mut message);
        let field = match key & 7 {
            0 => Field::Number(number(&mut message)),
            1 => Field::Number(u64::from_le_bytes(message.split_off(..8).unwrap().try_into().unwrap())),
            2 => {
                let length = number(&mut message) as usize;
                Field::Bytes(message.split_off(..length).unwrap())
            }
            5 => Field::Number(u64::from(u32::from_le_bytes(message.split_off(..4).unwrap().try_into().unwrap()))),
            other => panic!("wire type {other}"),
        };
        found.entry(key >> 3).or_default().push(field);
    }
    found
}

fn number(message: &mut &[u8]) -> u64 {
    let end = message.iter().position(|byte| *byte < 0x80).unwrap();
    let bytes = message.split_off(..=end).unwrap();
    bytes.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f))
}
