//! What record.rs promises.

use crate::record::*;

#[test]
fn lines_become_records() {
    let mut ledger = Ledger::default();
    let server = ServerId { region: 1, number: 2 };
    for line in ["S 5 7", "A 6 7 200", "L 6 9", "H 6 9", "P"] {
        ledger.take(server, line);
    }
    assert_eq!(ledger.sights, [Sight { id: 7, server, at: 5 }]);
    assert_eq!(ledger.answers, [(7, server, 200)]);
    assert_eq!((ledger.loads, ledger.halves, ledger.probes), (vec![9], vec![9], 1));
}
