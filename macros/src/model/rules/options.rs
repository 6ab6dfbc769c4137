//! The options of `#[read]`, `#[cached]` and `#[write]`: which there are, and which values they take.

use proc_macro2::Group;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Ident, Token};

use super::reading::{self, Reading};
use super::values::{duration, number, place, text, word};
use crate::diagnose::Diagnosis;
use crate::model::{Caching, Isolation, Running, Scope};
use crate::parse::{Kind, LONGEST, Opt, Options, Value};

/// How long an answer is kept, if nothing else is said: 60 s.
const TTL_MS: u64 = 60_000;

/// What `#[cached]` has beside the options of a read.
const CACHED: &[&str] = &["ttl", "name", "scope"];
const WRITE: &[&str] = &["invalidates", "isolation", "retry", "transaction", "floor"];
/// Designed, and not there yet.
const LATER: &[&str] = &[
    "swr",
    "stale_if_error",
    "tags",
    "negative",
    "hits",
    "level",
    "on_fence_failure",
];

fn options_of(kind: Kind) -> Vec<&'static str> {
    match kind {
        Kind::Read => reading::OPTIONS.to_vec(),
        Kind::Cached => [CACHED, reading::OPTIONS].concat(),
        Kind::Write => WRITE.to_vec(),
    }
}

/// What a `#[read]` says.
pub fn read<'a>(options: &'a Options, diagnosis: &mut Diagnosis) -> Reading<'a> {
    let mut reading = Reading::default();
    for option in known(Kind::Read, options, diagnosis) {
        reading.take(option, diagnosis);
    }
    reading
}

/// What a `#[cached]` says; `beside` is what a `#[read]` on the same method does.
pub fn cached<'a>(
    options: &'a Options,
    beside: Reading<'a>,
    diagnosis: &mut Diagnosis,
) -> (Caching, Reading<'a>) {
    let mut reading = beside;
    let mut caching = Caching {
        ttl_ms: TTL_MS,
        name: None,
        scope: Vec::new(),
    };
    for option in known(Kind::Cached, options, diagnosis) {
        match option.name.to_string().as_str() {
            "ttl" => caching.ttl_ms = ttl(option, diagnosis).unwrap_or(TTL_MS),
            "name" => caching.name = cache_name(option, diagnosis),
            "scope" => caching.scope = scope(option, diagnosis),
            _ => reading.take(option, diagnosis),
        }
    }
    (caching, reading)
}

/// What a `#[write]` says.
pub struct Writing {
    pub running: Running,
    pub floor: bool,
    /// The list of its `invalidates`.
    pub invalidates: Option<Group>,
}

/// What a `#[write]` says.
pub fn write<'a>(options: &'a Options, diagnosis: &mut Diagnosis) -> Writing {
    let (mut bare, mut isolation, mut retry, mut list) = (None, None, None, None);
    let mut floor = true;
    let mut in_transaction: Option<&'a Ident> = None;
    for option in known(Kind::Write, options, diagnosis) {
        let name = &option.name;
        match name.to_string().as_str() {
            "transaction" => bare = transaction_off(option, diagnosis).then_some(name),
            "isolation" => {
                isolation = self::isolation(option, diagnosis);
                in_transaction = Some(name);
            }
            "retry" => {
                retry = number(option, diagnosis);
                in_transaction = Some(name);
            }
            "floor" => floor = !floor_none(option, diagnosis),
            _ => match &option.value {
                Value::List(group) => list = Some(group.clone()),
                Value::Absent | Value::Is(_) => diagnosis.mistake(
                    name,
                    "`invalidates` names the answers that become stale: `invalidates(by_id(id))`, or \
                     `invalidates(none)`",
                ),
            },
        }
        if let (Some(_), Some(needs)) = (bare, in_transaction) {
            diagnosis.mistake(
                name,
                format!(
                    "`{needs}` needs a transaction, and `transaction = off` takes it away: remove one \
                     of them"
                ),
            );
            in_transaction = None;
        }
    }
    let running = match bare {
        Some(_) => Running::Bare,
        None => Running::Transaction {
            isolation,
            retry: retry.unwrap_or(0),
        },
    };
    Writing {
        running,
        floor,
        invalidates: list,
    }
}

/// The options that `kind` has, each once; the others are noted as mistakes.
fn known<'a>(kind: Kind, options: &'a Options, diagnosis: &mut Diagnosis) -> Vec<&'a Opt> {
    for mistake in &options.mistakes {
        diagnosis.note(mistake.clone());
    }
    let mut list: Vec<&Opt> = Vec::new();
    for option in &options.list {
        let name = &option.name;
        if !options_of(kind).iter().any(|known| name == known) {
            diagnosis.mistake(name, unknown(kind, name));
        } else if list.iter().any(|other| other.name == *name) {
            diagnosis.mistake(name, format!("`{name}` is given twice"));
        } else {
            list.push(option);
        }
    }
    list
}

fn unknown(kind: Kind, name: &Ident) -> String {
    let marker = kind.marker();
    if LATER.iter().any(|later| name == later) {
        return format!("`{name}` is not available yet");
    }
    if let Some(value) = reading::CONSISTENCIES.iter().find(|value| name == *value) {
        return format!("`{value}` is a value, of a read: `consistency = {value}`");
    }
    let other = [Kind::Read, Kind::Cached, Kind::Write]
        .into_iter()
        .find(|other| options_of(*other).iter().any(|known| name == known));
    let has = options_of(kind).join("`, `");
    match other {
        Some(Kind::Read) if name == "attempts" => {
            format!("`{name}` is an option of a read; a write has `retry`")
        }
        Some(Kind::Read) => {
            format!("`{name}` is an option of a read; a write runs on the primary always")
        }
        Some(other) => format!(
            "`{name}` is an option of `{}`; `{marker}` has `{has}`",
            other.marker()
        ),
        None => format!("`{marker}` has no option `{name}`; it has `{has}`"),
    }
}

fn ttl(option: &Opt, diagnosis: &mut Diagnosis) -> Option<u64> {
    let ms = duration(&option.value);
    let wrong = match ms {
        None => {
            "`ttl` is a duration: `\"90s\"`, `\"2m\"`, `\"1h30m\"`, `\"500ms\"`, `\"1d\"`, or a number \
             of seconds"
        }
        Some(0) => "a `ttl` of zero keeps nothing: use `#[read]` for an answer that is not kept",
        Some(ms) if ms > LONGEST => "a `ttl` is at most 365 days",
        Some(_) => return ms,
    };
    diagnosis.mistake(place(option), wrong);
    None
}

fn cache_name(option: &Opt, diagnosis: &mut Diagnosis) -> Option<syn::LitStr> {
    // The name is followed by `(` in a key, so a name with parentheses could be another's key.
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:-/".contains(c);
    match text(&option.value) {
        Some(name) if !name.value().is_empty() && name.value().chars().all(allowed) => {
            Some(name.clone())
        }
        _ => {
            diagnosis.mistake(
                place(option),
                "`name` is a string of ASCII letters, digits and `. _ : - /`: `name = \"albums.by_id\"`",
            );
            None
        }
    }
}

fn scope(option: &Opt, diagnosis: &mut Diagnosis) -> Vec<Scope> {
    let example = "`scope` declares what the receiver adds to the key: \
                   `scope(tenant: TenantId = self.tenant)`";
    let Value::List(group) = &option.value else {
        diagnosis.mistake(place(option), example);
        return Vec::new();
    };
    let one = |input: ParseStream<'_>| -> syn::Result<Scope> {
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        let ty = input.parse()?;
        input.parse::<Token![=]>()?;
        let value = input.parse()?;
        Ok(Scope { name, ty, value })
    };
    let all =
        |input: ParseStream<'_>| Punctuated::<_, Token![,]>::parse_terminated_with(input, one);
    match all.parse2(group.stream()) {
        Ok(list) if !list.is_empty() => list.into_iter().collect(),
        Ok(_) => {
            diagnosis.mistake(group, example);
            Vec::new()
        }
        Err(mistake) => {
            diagnosis.note(syn::Error::new(mistake.span(), example));
            Vec::new()
        }
    }
}

fn isolation(option: &Opt, diagnosis: &mut Diagnosis) -> Option<Isolation> {
    match word(&option.value).as_deref() {
        Some("read_committed") => Some(Isolation::ReadCommitted),
        Some("repeatable_read") => Some(Isolation::RepeatableRead),
        Some("serializable") => Some(Isolation::Serializable),
        _ => {
            diagnosis.mistake(
                place(option),
                "`isolation` is `read_committed`, `repeatable_read` or `serializable`",
            );
            None
        }
    }
}

fn transaction_off(option: &Opt, diagnosis: &mut Diagnosis) -> bool {
    let off = word(&option.value).as_deref() == Some("off");
    if !off {
        diagnosis.mistake(
            place(option),
            "a write runs in a transaction unless it says `transaction = off`",
        );
    }
    off
}

fn floor_none(option: &Opt, diagnosis: &mut Diagnosis) -> bool {
    let none = word(&option.value).as_deref() == Some("none");
    if !none {
        diagnosis.mistake(
            place(option),
            "later reads include a write unless it says `floor = none`, for one that nobody reads back",
        );
    }
    none
}
