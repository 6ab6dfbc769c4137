//! The description of the API, and what it says about an answer.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::app::{Answer, App};

/// The methods that a path may describe.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The description of the API.
pub struct Document(pub Value);

/// A method of a path.
pub struct Operation<'a> {
    pub method: String,
    pub path: &'a str,
    pub json: &'a Value,
}

impl Operation<'_> {
    /// Those of the path or of the query, as it says.
    pub fn parameters(&self, place: &'static str) -> impl Iterator<Item = &Value> {
        let all = self.json["parameters"].as_array().into_iter().flatten();
        all.filter(move |parameter| parameter["in"] == place)
    }

    pub fn name(&self) -> &str {
        self.json["operationId"].as_str().unwrap()
    }
}

impl Document {
    pub fn of(app: &App) -> Self {
        let answer = app.get("/openapi.json");
        assert_eq!(answer.content_type.as_deref(), Some("application/json"));
        Self(answer.body)
    }

    /// What each path takes; what deletes comes last.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations = Vec::new();
        for (path, item) in members(&self.0["paths"]) {
            for (method, json) in members(item) {
                assert!(METHODS.contains(&method), "{path} describes {method}");
                let method = method.to_uppercase();
                operations.push(Operation { method, path, json });
            }
        }
        operations.sort_by_key(|operation| operation.method == "DELETE");
        operations
    }

    /// What is at the place that a `$ref` says.
    pub fn resolved(&self, place: &Value) -> &Value {
        let pointer = place.as_str().and_then(|place| place.strip_prefix('#'));
        let found = pointer.and_then(|pointer| self.0.pointer(pointer));
        found.unwrap_or_else(|| panic!("there is nothing at {place}"))
    }

    /// The schema of the body that an operation takes; none if it takes none.
    pub fn body(&self, operation: &Operation<'_>) -> Option<&Value> {
        let place = "/requestBody/content/application~1json/schema/$ref";
        let place = operation.json.pointer(place)?;
        Some(self.resolved(place))
    }

    /// Asserts that the answer is one of those that are described.
    pub fn assert_describes(&self, operation: &Operation<'_>, answer: &Answer) {
        let said = format!("{} {}: {answer:?}", operation.method, operation.path);
        let described = &operation.json["responses"][answer.status.to_string()];
        assert!(described.is_object(), "an undescribed status: {said}");
        let contents: Vec<_> = members(&described["content"]).collect();
        match &*contents {
            [] => assert_eq!(answer.body, Value::Null, "{said}"),
            [(kind, content)] => {
                assert_eq!(answer.content_type.as_deref(), Some(*kind), "{said}");
                let mistakes = self.mistakes(&content["schema"], &answer.body, "body");
                assert!(mistakes.is_empty(), "{mistakes:?} in {said}");
            }
            _ => panic!("several media types: {said}"),
        }
        let described: BTreeMap<_, _> = members(&described["headers"]).collect();
        let route = ["x-manifold-route", "x-manifold-reason"];
        for (name, header) in &described {
            let Some(value) = answer.headers.get(*name) else {
                // A call ran if there is an answer; for a refusal it may not have come to that.
                assert!(
                    route.contains(name) && answer.status >= 400,
                    "no {name}: {said}"
                );
                continue;
            };
            let value = match header["schema"]["type"].as_str() {
                Some("integer") => Value::from(value.to_str().unwrap().parse::<u64>().unwrap()),
                _ => Value::from(value.to_str().unwrap()),
            };
            let mistakes = self.mistakes(&header["schema"], &value, name);
            assert!(mistakes.is_empty(), "{mistakes:?} in {said}");
        }
        if answer.route.is_some() {
            let are_described = route.iter().all(|name| described.contains_key(name));
            assert!(are_described, "not described: {said}");
        }
    }

    /// Where `value` is not what `schema` says. Members that no schema knows are a mistake, too.
    pub fn mistakes(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let mut mistakes = Vec::new();
        for (keyword, said) in members(schema) {
            match keyword {
                "description" | "example" | "examples" | "default" => {}
                // Stricter for everybody, in "properties".
                "additionalProperties" => assert_eq!(*said, false),
                "$ref" => mistakes.extend(self.mistakes(self.resolved(said), value, at)),
                "properties" => {
                    for (name, value) in members(value) {
                        let at = format!("{at}.{name}");
                        match said.get(name) {
                            Some(schema) => mistakes.extend(self.mistakes(schema, value, &at)),
                            None => mistakes.push(format!("{at} is not described")),
                        }
                    }
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        mistakes.extend(self.mistakes(said, item, &format!("{at}[{index}]")));
                    }
                }
                "oneOf" => {
                    let schemas = said.as_array().unwrap().iter();
                    let fits = |schema: &&Value| self.mistakes(schema, value, at).is_empty();
                    if schemas.filter(fits).count() != 1 {
                        mistakes.push(format!("{at} is {value}, and not one of {said}"));
                    }
                }
                _ if holds(keyword, said, value) => {}
                _ => mistakes.push(format!("{at} is {value}, and {keyword} is {said}")),
            }
        }
        mistakes
    }
}

/// Whether the value is what the keyword says. A bound says nothing about a value of another type.
fn holds(keyword: &str, said: &Value, value: &Value) -> bool {
    let number = |value: &Value| value.as_i64().or(value.as_str().map(characters));
    let most = || number(value).is_none_or(|is| is <= said.as_i64().unwrap());
    let least = || number(value).is_none_or(|is| is >= said.as_i64().unwrap());
    match keyword {
        "type" => is_of_type(value, said),
        "format" => is_of_format(value, said.as_str().unwrap()),
        "enum" => said.as_array().unwrap().contains(value),
        "minimum" | "minLength" => least(),
        "maximum" | "maxLength" => most(),
        "maxItems" => value
            .as_array()
            .is_none_or(|items| items.len() as u64 <= said.as_u64().unwrap()),
        "required" => said
            .as_array()
            .unwrap()
            .iter()
            .all(|name| value.get(name.as_str().unwrap()).is_some()),
        // Only requests have some, and the application itself says what it takes.
        "pattern" => said.is_string(),
        unknown => panic!("nothing here checks `{unknown}`"),
    }
}

fn characters(text: &str) -> i64 {
    text.chars().count().try_into().unwrap()
}

/// The members of an object; none if it is no object.
pub fn members(json: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = json.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), value))
}

fn is_of_type(value: &Value, said: &Value) -> bool {
    if let Some(types) = said.as_array() {
        return types.iter().any(|said| is_of_type(value, said));
    }
    match said.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("`{unknown}` is no type that we use"),
    }
}

fn is_of_format(value: &Value, format: &str) -> bool {
    match format {
        "int32" => value.is_null() || i32::try_from(value.as_i64().unwrap()).is_ok(),
        "int64" => value.is_i64() || value.is_u64(),
        "date-time" => chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).is_ok(),
        unknown => panic!("nothing here checks the format `{unknown}`"),
    }
}
