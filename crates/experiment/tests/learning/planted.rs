//! R11: a market whose next move is visible.

use crate::game::{Game, SIGNIFICANT, SPANS, agents, figures, least, markets, random, t_statistics};
use crate::oracle::{Arena, Oracle};

#[test]
fn a_planted_signal_is_found_on_every_seed_with_and_without_commission() {
    let mode = ("planted_signal", "hit_rate = 0.9");
    for (market, commission) in markets().into_iter().flat_map(|market| [(market, 0.0), (market, 0.00075)]) {
        let game = Game { mode, volatility: 0.005, market, commission, spans: SPANS, body: "lstm", updates: 200 };
        let oracle = Arena::new(&game).oracle(0, 0.9);
        let report = game.run();
        let shares = game.shares(&report, oracle.best());
        let random = random(&report) / oracle.best();
        let Oracle { rule, plan, foresight, .. } = oracle;
        let what = format!("planted signal, market {market}, commission {commission}");
        println!("R11: {what}: oracle {:.3} (rule {rule:.3}, plan {plan:.3}; foresight {foresight:.3})", oracle.best());
        println!("R11: {what}: part of the oracle: {}; random {random:.3}", figures(&shares));
        assert!(oracle.best() > 0.5 && random < 0.2, "{what}: random makes {random:.3} of {:.3}", oracle.best());
        assert_eq!(shares.len() as u64, agents());
        assert!(least(&shares) >= 0.9, "PROMISE=R11 {what}: {shares:.3?}");
        assert!(!report.subject.notes.iter().any(|n| n.starts_with("Collapsed")), "{:?}", report.subject.notes);
        assert!(least(&t_statistics(&report)) > SIGNIFICANT, "{what}: {:?}", t_statistics(&report));
    }
}
