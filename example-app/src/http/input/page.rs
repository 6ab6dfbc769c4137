//! Which page of a list.

use std::ops::RangeInclusive;

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, Object, SchemaFormat, SchemaType, Type};

use super::{Checked, mistake};
use crate::http::problem::Mistake;

/// The rows on a page if the client does not say.
const USUAL_ROWS: i64 = 20;

/// The ids behind which a page may begin.
const AFTER: RangeInclusive<i64> = 0..=i64::MAX;
/// How many rows a page may have.
const LIMIT: RangeInclusive<i64> = 1..=100;

/// The rows behind an id, so many.
#[derive(Debug, PartialEq)]
pub struct Page {
    pub after: i32,
    pub limit: i64,
}

/// Texts, because `?after=&limit=` is what a form sends for "not said".
#[derive(Deserialize)]
pub struct PageQuery {
    after: Option<String>,
    limit: Option<String>,
}

impl Checked for Page {
    type Unchecked = PageQuery;

    fn check(query: PageQuery, mistakes: &mut Vec<Mistake>) -> Self {
        let after = number("after", query.after, AFTER, mistakes).unwrap_or(0);
        let limit = number("limit", query.limit, LIMIT, mistakes);
        Self {
            // Behind the largest id there is nothing, and behind a larger number even less.
            after: i32::try_from(after).unwrap_or(i32::MAX),
            limit: limit.unwrap_or(USUAL_ROWS),
        }
    }
}

/// The number, if one was said and is allowed.
pub fn number(
    field: &str,
    said: Option<String>,
    allowed: RangeInclusive<i64>,
    mistakes: &mut Vec<Mistake>,
) -> Option<i64> {
    let said = said.filter(|said| !said.is_empty())?;
    let number = said.parse().ok().filter(|number| allowed.contains(number));
    if number.is_none() {
        let start = allowed.start();
        let detail = match *allowed.end() {
            i64::MAX => format!("must be a whole number from {start}"),
            end => format!("must be a whole number from {start} to {end}"),
        };
        mistakes.push(mistake(field, detail));
    }
    number
}

impl IntoParams for Page {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            described_number(
                "after",
                "Only those with a larger id; empty: all",
                AFTER,
                Some(0),
            ),
            described_number(
                "limit",
                "At most so many; empty: as many as usual",
                LIMIT,
                Some(USUAL_ROWS),
            ),
        ]
    }
}

/// What [`number`] takes, for the API's description.
pub fn described_number(
    name: &str,
    description: &str,
    allowed: RangeInclusive<i64>,
    usual: Option<i64>,
) -> Parameter {
    let schema = Object::builder()
        .schema_type(SchemaType::new(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(*allowed.start()))
        .maximum(Some(*allowed.end()).filter(|end| *end < i64::MAX))
        .default(usual.map(Into::into));
    Parameter::builder()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
