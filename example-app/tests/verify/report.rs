//! What `verify` says of a cluster.

use manifold_compose::Cluster;
use serde_json::Value;

use crate::app::{App, environment, eventually};
use crate::program::run;

pub type Environment = Vec<(String, String)>;

/// The checks, as JSON has them.
pub struct Report {
    checks: Vec<Value>,
}

/// A cluster with the tables and the albums, and what leads there.
pub fn prepared() -> (Cluster, Environment) {
    let cluster = Cluster::start().unwrap();
    let environment = environment(&cluster);
    drop(App::start_on(&environment));
    (cluster, environment)
}

/// The same environment with this value for one of its variables.
pub fn with(environment: &Environment, name: &str, value: &str) -> Environment {
    let variables = environment.iter().map(|(known, old)| {
        let value = if known == name { value } else { old };
        (known.clone(), value.to_owned())
    });
    variables.collect()
}

impl Report {
    /// Runs it, and compares how it ended with what it reports.
    pub fn of(environment: &Environment) -> Self {
        let ended = run(&["verify", "--json"], environment);
        let report: Value = serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", ended.stdout, ended.stderr));
        let report_of_pass = report["pass"].as_bool().unwrap();
        let checks = report["checks"].as_array().unwrap().clone();
        let all = checks.iter().all(|check| check["outcome"] == "pass");
        assert_eq!(report_of_pass, all, "{report}");
        assert_eq!(ended.status.success(), all, "{report}");
        Self { checks }
    }

    /// Runs it until all checks pass.
    pub fn eventually_passes(environment: &Environment) {
        eventually("all checks pass", || {
            let report = Self::of(environment);
            report.complaints().is_empty().then_some(())
        });
    }

    /// The checks that do not pass: `server check`.
    pub fn complaints(&self) -> Vec<String> {
        let wrong = self
            .checks
            .iter()
            .filter(|check| check["outcome"] != "pass");
        wrong.map(name).collect()
    }

    /// The same without those that another one keeps from being decided.
    pub fn failures(&self) -> Vec<String> {
        let wrong = self
            .checks
            .iter()
            .filter(|check| check["outcome"] == "fail");
        wrong.map(name).collect()
    }

    pub fn detail(&self, check: &str) -> &str {
        self.find(check)["detail"].as_str().unwrap()
    }

    pub fn fix(&self, check: &str) -> &str {
        let found = self.find(check);
        let fix = found["fix"].as_str();
        fix.unwrap_or_else(|| panic!("there is no fix: {found}"))
    }

    /// The SQL of a fix that is a call of psql.
    pub fn statements(&self, check: &str) -> String {
        let fix = self.fix(check);
        let statements = fix.split(" -c \"").skip(1);
        let statements: Vec<_> = statements.map(|sql| sql.trim_end_matches('"')).collect();
        assert!(!statements.is_empty(), "{fix}");
        statements.join("; ")
    }

    fn find(&self, check: &str) -> &Value {
        let found = self.checks.iter().find(|known| name(known) == check);
        found.unwrap_or_else(|| panic!("there is no check {check}"))
    }
}

fn name(check: &Value) -> String {
    let [server, check] = ["server", "check"].map(|key| check[key].as_str().unwrap());
    format!("{server} {check}")
}
