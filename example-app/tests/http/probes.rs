//! Whether the API does what its description says: it is asked for all that is described, and what is
//! said to be refused is tried, at each bound and just beyond it.

use std::collections::BTreeSet;

use manifold_compose::Cluster;
use serde_json::{Value, json};

use crate::app::{Answer, App, environment};
use crate::document::{Document, Operation, members};

#[test]
fn every_answer_is_one_that_is_described_and_every_status_can_come() {
    let cluster = Cluster::builder().replicas(0).redis(false).start().unwrap();
    let app = App::start_on(&environment(&cluster));
    let document = Document::of(&app);
    let mut probe = Probe {
        app: &app,
        document: &document,
        seen: BTreeSet::new(),
    };
    for operation in document.operations() {
        probe.path(&operation);
        probe.query(&operation);
        probe.body(&operation);
        let body = example(&document, &operation);
        probe.expect(OK, &operation, "1", "", body.as_ref());
    }
    cluster.primary().kill().unwrap();
    for operation in document.operations() {
        if operation.json["responses"].get("503").is_some() {
            // Not the first of each: that one is cached.
            let body = example(&document, &operation);
            probe.expect(503, &operation, "2", "", body.as_ref());
        }
    }
    for operation in document.operations() {
        for (status, _) in members(&operation.json["responses"]) {
            let seen = (operation.name().to_owned(), status.to_owned());
            // That the server fails is nothing to ask it for.
            assert!(
                status == "500" || probe.seen.contains(&seen),
                "never seen: {seen:?}"
            );
        }
    }
}

/// Any success.
const OK: u16 = 200;

struct Probe<'a> {
    app: &'a App,
    document: &'a Document,
    /// Operations and statuses.
    seen: BTreeSet<(String, String)>,
}

impl Probe<'_> {
    /// Asks, and compares the answer with its description.
    fn ask(
        &mut self,
        operation: &Operation<'_>,
        id: &str,
        query: &str,
        body: Option<&str>,
    ) -> Answer {
        let path = operation.path.replace("{id}", id) + query;
        let answer = self.app.ask(&operation.method, &path, body);
        self.document.assert_describes(operation, &answer);
        let seen = (operation.name().to_owned(), answer.status.to_string());
        self.seen.insert(seen);
        answer
    }

    /// A body that is a text goes as it is, be it JSON or not.
    fn expect(
        &mut self,
        status: u16,
        operation: &Operation<'_>,
        id: &str,
        query: &str,
        body: Option<&Value>,
    ) {
        let text = body.map(|body| {
            body.as_str()
                .map_or_else(|| body.to_string(), str::to_owned)
        });
        let answer = self.ask(operation, id, query, text.as_deref());
        let is = if answer.status < 300 {
            OK
        } else {
            answer.status
        };
        let asked = format!("{} {id} {query} {text:?}", operation.name());
        assert_eq!(is, status, "{asked}: {answer:?}");
    }

    fn path(&mut self, operation: &Operation<'_>) {
        let body = example(self.document, operation);
        for parameter in operation.parameters("path") {
            let most = parameter["schema"]["maximum"].to_string();
            self.expect(404, operation, &most, "", body.as_ref());
            self.expect(404, operation, &format!("{most}0"), "", body.as_ref());
            self.expect(400, operation, "five", "", body.as_ref());
        }
    }

    fn query(&mut self, operation: &Operation<'_>) {
        for parameter in operation.parameters("query") {
            let name = parameter["name"].as_str().unwrap();
            let least = parameter["schema"]["minimum"].as_i64().unwrap();
            let most = parameter["schema"]["maximum"].as_i64().unwrap_or(i64::MAX);
            let (least, most) = (i128::from(least), i128::from(most));
            for (value, status) in [(least - 1, 400), (least, OK), (most, OK), (most + 1, 400)] {
                self.expect(status, operation, "", &format!("?{name}={value}"), None);
            }
            self.expect(400, operation, "", &format!("?{name}=five"), None);
            self.expect(OK, operation, "", &format!("?{name}="), None);
        }
    }

    /// The example, with one thing different each time.
    fn body(&mut self, operation: &Operation<'_>) {
        let (Some(schema), Some(example)) = (
            self.document.body(operation),
            example(self.document, operation),
        ) else {
            return;
        };
        let mut cases = vec![("unheard_of", Some(json!(1)), 422)];
        for (name, schema) in members(&schema["properties"]) {
            cases.extend(
                bounds(schema, &example[name]).map(|(value, status)| (name, Some(value), status)),
            );
        }
        let required = schema["required"].as_array().into_iter().flatten();
        cases.extend(required.map(|name| (name.as_str().unwrap(), None, 422)));
        for (name, value, status) in cases {
            let mut body = example.clone();
            match value {
                Some(value) => body[name] = value,
                None => drop(body.as_object_mut().unwrap().remove(name)),
            }
            self.expect(status, operation, "1", "", Some(&body));
        }
        self.expect(415, operation, "1", "", None);
        self.expect(400, operation, "1", "", Some(&json!("{")));
        let large = format!("{example}{}", " ".repeat(1 << 20));
        self.expect(413, operation, "1", "", Some(&json!(large)));
    }
}

/// Values around the bounds of a member, and what becomes of them.
fn bounds(schema: &Value, example: &Value) -> impl Iterator<Item = (Value, u16)> {
    let of = |keyword: &str| {
        schema[keyword]
            .as_u64()
            .map(|bound| usize::try_from(bound).unwrap())
    };
    let may_be_null = schema["type"]
        .as_array()
        .is_some_and(|types| types.contains(&json!("null")));
    let mut cases = vec![
        (json!(1), 422),
        (Value::Null, if may_be_null { OK } else { 422 }),
    ];
    if let (Some(least), Some(most)) = (of("minLength"), of("maxLength")) {
        let text = |length| json!("ü".repeat(length));
        cases.extend([
            (text(least - 1), 422),
            (text(least), OK),
            (text(most), OK),
            (text(most + 1), 422),
        ]);
        // What the pattern says.
        cases.extend([(json!(" "), 422), (json!("a\0b"), 422)]);
    }
    if let Some(most) = of("maxItems") {
        let items = |length| json!(vec![&example[0]; length]);
        cases.extend([(items(most), OK), (items(most + 1), 422)]);
    }
    cases.into_iter()
}

/// The body that the description gives as an example; none if the operation takes none.
fn example(document: &Document, operation: &Operation<'_>) -> Option<Value> {
    Some(document.body(operation)?["example"].clone())
}
