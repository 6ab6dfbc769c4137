//! The parameters of a URL that are about TLS, taken out before a driver reads it: the drivers know
//! only some of them.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// What a URL says about TLS, word for word. Where it says something twice, the last counts, as in
/// libpq; an empty path is as good as none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    pub sslmode: Option<String>,
    pub sslrootcert: Option<String>,
    pub sslcert: Option<String>,
    pub sslkey: Option<String>,
}

/// A text without its TLS parameters, and these.
pub type Taken = (String, Parameters);

impl Parameters {
    /// The names of those that are said.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let said = [
            (self.sslmode.is_some(), "sslmode"),
            (self.sslrootcert.is_some(), "sslrootcert"),
            (self.sslcert.is_some(), "sslcert"),
            (self.sslkey.is_some(), "sslkey"),
        ];
        said.into_iter().filter_map(|(is, name)| is.then_some(name))
    }

    /// Keeps the parameter if it is one of ours.
    fn keep(&mut self, name: &str, value: &str) -> bool {
        let slot = match name {
            "sslmode" => &mut self.sslmode,
            "sslrootcert" => &mut self.sslrootcert,
            "sslcert" => &mut self.sslcert,
            "sslkey" => &mut self.sslkey,
            _ => return false,
        };
        let unset = value.is_empty() && name != "sslmode";
        *slot = (!unset).then(|| value.to_owned());
        true
    }
}

/// Takes them out of what names a PostgreSQL server: a URL, or a `key=value` string.
///
/// Where that is malformed it stays as it is; the driver says so.
pub fn of_postgres(text: &str) -> Taken {
    let url = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let Some(rest) = url else {
        return of_pairs(text);
    };
    // As the driver reads it: up to the first `@` it is user and password, which may hold a `?`.
    let host = rest.find('@').map_or(0, |at| at + 1);
    match rest[host..].find('?') {
        None => (text.to_owned(), Parameters::default()),
        Some(at) => {
            let query = text.len() - rest.len() + host + at + 1;
            of_query(&text[..query], &text[query..], "")
        }
    }
}

/// Takes them out of the query of a Redis URL.
pub fn of_redis(text: &str) -> Taken {
    let (url, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
    match url.find('?') {
        None => (text.to_owned(), Parameters::default()),
        Some(at) => of_query(&url[..=at], &url[at + 1..], fragment),
    }
}

/// `head` ends with the question mark.
fn of_query(head: &str, query: &str, tail: &str) -> Taken {
    let mut parameters = Parameters::default();
    let others: Vec<_> = query
        .split('&')
        .filter(|pair| !take(&mut parameters, pair))
        .collect();
    let others = others.join("&");
    let head = if others.is_empty() {
        &head[..head.len() - 1]
    } else {
        head
    };
    (format!("{head}{others}{tail}"), parameters)
}

/// Whether the pair is one of ours, and is kept.
fn take(parameters: &mut Parameters, pair: &str) -> bool {
    let Some((name, value)) = pair.split_once('=') else {
        return false;
    };
    let Ok(name) = percent_decode_str(name).decode_utf8() else {
        return false;
    };
    // A path that is not UTF-8 is taken as far as it can be read: no file has that name, which is what
    // the error then says.
    let value: Cow<'_, str> = percent_decode_str(value).decode_utf8_lossy();
    parameters.keep(&name, &value)
}

/// libpq's other form: `host=db-1 sslrootcert='/a path/ca.pem'`, a backslash before what is meant
/// literally.
fn of_pairs(text: &str) -> Taken {
    let mut parameters = Parameters::default();
    let mut others = String::new();
    let mut rest = text;
    while let Some((name, value, after)) = pair(rest) {
        if !parameters.keep(name, &value) {
            others.push_str(&rest[..rest.len() - after.len()]);
        }
        rest = after;
    }
    (others + rest, parameters)
}

/// The first `name = value` of `text`, and what comes behind it.
fn pair(text: &str) -> Option<(&str, String, &str)> {
    let text = text.trim_start();
    let end = text.find(|c: char| c == '=' || c.is_whitespace())?;
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quoted = rest.strip_prefix('\'');
    let start = quoted.unwrap_or(rest);
    let mut value = String::new();
    let mut characters = start.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, literal)| literal)),
            '\'' if quoted.is_some() => return Some((name, value, &start[at + 1..])),
            _ if quoted.is_none() && character.is_whitespace() => {
                return Some((name, value, &start[at..]));
            }
            _ => value.push(character),
        }
    }
    (quoted.is_none() && !start.is_empty()).then_some((name, value, ""))
}

#[cfg(test)]
mod tests;
