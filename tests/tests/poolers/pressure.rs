//! The short form of `make poolers`.

use std::time::Duration;

use manifold_tests::pooled::pressure;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_setting_leaks_and_no_session_misses_anything_under_load() {
    let Some(report) = pressure::run(Duration::from_secs(4)).await else {
        return;
    };
    assert!(report.is_clean(), "{report}");
    let standbys = report
        .answered
        .iter()
        .filter(|(by, _)| by.contains("a standby"));
    assert!(standbys.count() > 1, "several replicas answered: {report}");
    assert!(
        report.answered["writes"] > 10 && report.looks > 10,
        "{report}"
    );
}
