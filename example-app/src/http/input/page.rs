//! Which page of a list.

use std::ops::RangeInclusive;

use serde::Deserialize;

use super::{Checked, mistake};
use crate::http::problem::Mistake;

/// The most rows on one page.
const MOST_ROWS: i64 = 100;
/// The rows on a page if the client does not say.
const USUAL_ROWS: i64 = 20;

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
        let after = number("after", query.after, 0..=i64::MAX, mistakes).unwrap_or(0);
        let limit = number("limit", query.limit, 1..=MOST_ROWS, mistakes);
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
