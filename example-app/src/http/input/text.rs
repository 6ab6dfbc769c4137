//! What a text must be like.

use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{Object, SchemaType, Type};

use super::mistake;
use crate::http::problem::Mistake;

/// The longest title or name, in characters.
pub const LONGEST_TITLE: usize = 200;

/// A text of at most `longest` characters that says something.
pub fn text(field: &str, text: &str, longest: usize, mistakes: &mut Vec<Mistake>) {
    let length = text.chars().count();
    if text.trim().is_empty() {
        mistakes.push(mistake(field, "must not be empty"));
    } else if length > longest {
        let detail = format!("must have at most {longest} characters, and has {length}");
        mistakes.push(mistake(field, detail));
    } else if text.contains('\0') {
        // PostgreSQL cannot store it, and would say so as an error of ours.
        mistakes.push(mistake(field, "must not contain the character NUL"));
    }
}

/// What [`text`] takes, for the API's description.
pub fn described(longest: usize) -> Object {
    Object::builder()
        .schema_type(SchemaType::new(Type::String))
        .min_length(Some(1))
        .max_length(Some(longest))
        // A character that is no space, and no NUL at all.
        .pattern(Some(r"^[^\u0000]*[^\s\u0000][^\u0000]*$"))
        .build()
}

/// A title or a name.
pub fn title() -> Object {
    described(LONGEST_TITLE)
}

/// A text that is absent from a change stays, and one that is `null` is a mistake.
pub fn present<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    String::deserialize(json).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_refused_for_one_reason() {
        let long = "ä".repeat(LONGEST_TITLE);
        for (value, refused) in [
            ("Kind of Blue", None),
            (&*long, None),
            (
                &*format!("{long}!"),
                Some("must have at most 200 characters, and has 201"),
            ),
            ("", Some("must not be empty")),
            (" \t", Some("must not be empty")),
            ("a\0b", Some("must not contain the character NUL")),
        ] {
            let mut mistakes = Vec::new();
            text("title", value, LONGEST_TITLE, &mut mistakes);
            let said = mistakes.first().map(|mistake| mistake.detail.as_str());
            assert_eq!(said, refused, "{value:?}");
        }
    }
}
