//! The description of the API, and the page that shows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::app::App;
use crate::document::{Document, Operation, members};

#[test]
fn the_description_is_valid_openapi() {
    let document = Document::of(&App::start());
    let json = &document.0;
    assert!(text(&json["openapi"]).starts_with("3.1."));
    assert!(!text(&json["info"]["title"]).is_empty());
    assert!(!text(&json["info"]["version"]).is_empty());
    let tags = json["tags"].as_array().unwrap().iter();
    let tags: BTreeSet<_> = tags.map(|tag| text(&tag["name"])).collect();
    let mut names = BTreeSet::new();
    for operation in document.operations() {
        let name = operation.name().to_owned();
        for tag in operation.json["tags"].as_array().unwrap() {
            assert!(tags.contains(text(tag)), "{name}: {tag}");
        }
        assert_valid(&operation);
        assert!(names.insert(name), "two are called {}", operation.name());
    }
    let mut used = Vec::new();
    references(json, &mut used);
    for place in &used {
        document.resolved(place);
    }
    for (name, schema) in members(&json["components"]["schemas"]) {
        let place = format!("#/components/schemas/{name}");
        assert!(used.iter().any(|used| **used == *place), "unused: {name}");
        if let Some(example) = schema.get("example") {
            let mistakes = document.mistakes(schema, example, name);
            assert!(mistakes.is_empty(), "{mistakes:?}");
        }
    }
}

#[test]
fn each_path_takes_the_methods_that_are_described_and_no_other() {
    let app = App::start();
    let document = Document::of(&app);
    let mut described: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for operation in document.operations() {
        let methods = described.entry(operation.path).or_default();
        if operation.method == "GET" {
            methods.insert("HEAD".to_owned());
        }
        methods.insert(operation.method);
    }
    for (path, methods) in described {
        let refused = app.ask("OPTIONS", &path.replace("{id}", "1"), None);
        assert_eq!(refused.status, 405, "{path}");
        let allowed = refused.headers["allow"].to_str().unwrap().split(',');
        let allowed: BTreeSet<_> = allowed.map(str::to_owned).collect();
        assert_eq!(allowed, methods, "{path}");
    }
}

#[test]
fn the_page_is_complete_and_asks_no_other_host() {
    let app = App::start();
    for path in ["/docs", "/swagger", "/swagger/"] {
        let answer = app.get(path);
        let led = (answer.status, answer.location.as_deref());
        assert_eq!(led, (303, Some("/docs/")), "{path}");
    }
    let page = app.get("/docs/");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'self';"), "{policy}");
    let attributes = text(&page.body).split([' ', '>']);
    let links: Vec<_> = attributes
        .filter_map(|said| said.strip_prefix("src=").or(said.strip_prefix("href=")))
        .map(|link| link.trim_matches('"').trim_start_matches("./"))
        .collect();
    assert_eq!(links.len(), 7, "styles, icons and scripts: {links:?}");
    for link in links {
        // An icon is no text, so it is only asked whether it is there.
        let path = format!("/docs/{link}");
        assert_eq!(app.ask("HEAD", &path, None).status, 200, "{path}");
    }
    let start = app.get("/docs/swagger-initializer.js").body;
    let start = text(&start);
    assert!(start.contains(r#""url": "/openapi.json""#), "{start}");
    assert!(start.contains(r#""validatorUrl": "none""#), "{start}");
    assert!(!start.contains("://"), "{start}");
}

fn assert_valid(operation: &Operation<'_>) {
    let name = operation.name();
    assert!(!text(&operation.json["summary"]).is_empty(), "{name}");
    let parts = operation.path.split('/');
    let in_braces = parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path: Vec<_> = operation.parameters("path").collect();
    assert!(
        in_braces.eq(in_path.iter().map(|parameter| text(&parameter["name"]))),
        "{name}"
    );
    assert!(
        in_path
            .iter()
            .all(|parameter| parameter["required"] == true),
        "{name}"
    );
    for parameter in in_path.into_iter().chain(operation.parameters("query")) {
        assert!(
            !text(&parameter["description"]).is_empty(),
            "{name}: {parameter}"
        );
        assert!(
            !text(&parameter["schema"]["type"]).is_empty(),
            "{name}: {parameter}"
        );
    }
    for (status, answer) in members(&operation.json["responses"]) {
        let number = status.parse().unwrap_or(0);
        assert!((200..600).contains(&number), "{name}: {status}");
        assert!(!text(&answer["description"]).is_empty(), "{name}: {status}");
    }
}

fn text(json: &Value) -> &str {
    json.as_str().unwrap_or_else(|| panic!("no text: {json}"))
}

/// Where the `$ref`s within point to.
fn references<'a>(json: &'a Value, found: &mut Vec<&'a Value>) {
    found.extend(json.get("$ref"));
    let members = members(json).map(|(_, value)| value);
    for value in members.chain(json.as_array().into_iter().flatten()) {
        references(value, found);
    }
}
