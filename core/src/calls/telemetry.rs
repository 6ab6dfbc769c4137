//! What is told of a call that was answered: to its span, to metrics, and to whoever observes the task.

use tracing::Span;
use tracing::field::{Empty, debug, display};

use crate::terms::call::Name;
use crate::terms::route::Route;

/// The span of a call that the database answers.
pub fn span(name: Name) -> Span {
    tracing::debug_span!(
        "call",
        call = %name, layer = "database", node = Empty, role = Empty, reason = Empty, need = Empty,
        stamp = Empty, waited = Empty, attempts = Empty
    )
}

/// A node has answered.
pub fn answered(route: Route) {
    record(&route);
    told(|| route);
}

/// A call was answered, in whatever way. The route is made only if somebody listens: a hit in L1 must
/// not pay for a name that nobody reads.
#[cfg(not(feature = "metrics"))]
pub fn told(route: impl FnOnce() -> Route) {
    Route::report(route);
}

/// A call was answered, in whatever way.
#[cfg(feature = "metrics")]
pub fn told(route: impl FnOnce() -> Route) {
    let route = route();
    count(&route);
    Route::report(|| route);
}

fn record(route: &Route) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    span.record("node", display(&route.source))
        .record("reason", route.reason.as_str())
        .record("waited", debug(route.waited))
        .record("attempts", route.attempts);
    if let Some(role) = route.role {
        span.record("role", role.as_str());
    }
    if let Some(need) = route.need {
        span.record("need", display(need));
    }
    if let Some(stamp) = route.stamp {
        span.record("stamp", display(stamp));
    }
}

/// Positions are no numbers to add up: `need` and `stamp` are told by how old the answer is.
#[cfg(feature = "metrics")]
fn count(route: &Route) {
    let role = route
        .role
        .map_or("cache", crate::terms::route::Role::as_str);
    let labels = [
        metrics::Label::new("call", route.name.to_string()),
        metrics::Label::new("node", route.source.to_string()),
        metrics::Label::from_static_parts("role", role),
        metrics::Label::from_static_parts("reason", route.reason.as_str()),
    ];
    metrics::counter!("manifold_calls_total", labels.iter()).increment(1);
    metrics::histogram!("manifold_call_attempts", labels.iter()).record(f64::from(route.attempts));
    let waited = route.waited.as_secs_f64();
    metrics::histogram!("manifold_call_wait_seconds", labels.iter()).record(waited);
    if let Some(age) = route.age {
        metrics::histogram!("manifold_answer_age_seconds", labels.iter()).record(age.as_secs_f64());
    }
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use std::time::Duration;

    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;
    use crate::terms::route::{Reason, Role, Source};

    #[test]
    fn a_call_counts_by_who_answered_and_why() {
        let recorder = DebuggingRecorder::new();
        let seen = recorder.snapshotter();
        let route = Route {
            role: Some(Role::Replica),
            waited: Duration::from_millis(3),
            age: Some(Duration::from_millis(80)),
            attempts: 2,
            ..Route::new(
                Name::new("Albums", "by_id"),
                Source::Node("replica-1".into()),
                Reason::Waited,
            )
        };
        metrics::with_local_recorder(&recorder, || told(|| route));
        let mut told: Vec<String> = seen
            .snapshot()
            .into_vec()
            .into_iter()
            .map(|(key, _, _, value)| {
                let value = match value {
                    DebugValue::Counter(count) => count.to_string(),
                    DebugValue::Histogram(values) => format!("{values:?}"),
                    DebugValue::Gauge(value) => value.to_string(),
                };
                format!("{} = {value}", key.key())
            })
            .collect();
        told.sort();
        let labels = "[call = Albums::by_id, node = replica-1, role = replica, reason = waited]";
        let expected = [
            ("manifold_answer_age_seconds", "[0.08]"),
            ("manifold_call_attempts", "[2.0]"),
            ("manifold_call_wait_seconds", "[0.003]"),
            ("manifold_calls_total", "1"),
        ];
        for (line, (name, value)) in told.iter().zip(expected) {
            assert!(
                line.contains(name) && line.ends_with(&format!("= {value}")),
                "{line}"
            );
            for label in labels.trim_matches(['[', ']']).split(", ") {
                assert!(line.contains(label), "{line} lacks {label}");
            }
        }
        assert_eq!(told.len(), expected.len());
    }
}
