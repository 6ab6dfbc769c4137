//! Durations as people write them: `"90s"`, `"2m"`, `"1h30m"`, `"500ms"`, `"1d"`.

const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The longest duration that an option takes, in milliseconds: 365 days.
pub const LONGEST: u64 = 365 * 86_400_000;

/// `text` in milliseconds: numbers with units, each unit once, the larger before the smaller.
pub fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, behind) = split(rest, |c| c.is_ascii_digit());
        let (unit, behind) = split(behind, |c| c.is_ascii_alphabetic());
        // The iterator goes on where the last unit was found, which refuses `1m1h` and `1m1m`.
        let (_, size) = units.find(|(name, _)| *name == unit)?;
        let part = number.parse::<u64>().ok()?.checked_mul(*size)?;
        total = total.checked_add(part)?;
        rest = behind;
    }
    (!text.is_empty()).then_some(total)
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn durations_read_as_they_are_written() {
        let cases = [
            ("500ms", 500),
            ("90s", 90_000),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(milliseconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        let cases = [
            "",
            "90",
            "s",
            "2 m",
            "-1s",
            "1.5s",
            "1m1h",
            "1m1m",
            "2min",
            "1s ",
            "1M",
            "²s",
            "99999999999999999999s",
            "300000000000d",
        ];
        for text in cases {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
