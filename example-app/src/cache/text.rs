//! How things are shown.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

/// `1 answer`, `2 answers`.
pub fn answers(count: usize) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} answer{ending}")
}

/// For people: `512 B`, `1.4 KiB`.
pub fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut size = bytes as f64 / 1024.0;
    let mut units = ["KiB", "MiB", "GiB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    format!("{size:.1} {unit}")
}

/// For people: `1m58s`, `10s`. What is left of a second is a second: `0s` would be over.
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

/// A value as JSON that cannot steer a terminal: JSON itself escapes only half of the characters that
/// can, and titles come from strangers.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut text = String::new();
    for c in serde_json::to_string_pretty(value)?.chars() {
        // All others that `escape_debug` would escape are printable, or end a line of ours.
        let harmless = c == '\n' || c == '"' || c == '\\' || c == '\'';
        if harmless || c.escape_debug().len() == 1 {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1434, "1.4 KiB"),
            (3 << 20, "3.0 MiB"),
            (5 << 40, "5120.0 GiB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
        for (milliseconds, shown) in [
            (0, "0s"),
            (1, "1s"),
            (10_000, "10s"),
            (117_200, "1m58s"),
            (120_000, "2m00s"),
            (3_660_000, "1h01m"),
        ] {
            assert_eq!(time(Duration::from_millis(milliseconds)), shown);
        }
    }

    #[test]
    fn json_of_any_text_reads_back_and_cannot_steer_a_terminal() {
        let value =
            json!({ "title": "\u{9b}2J\u{1b}[2J\u{7f}\u{202e}\u{e0001}\n\"\\'", "Ü": "✨" });
        let shown = super::json(&value).unwrap();
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}' || c == '\u{e0001}';
        assert!(!shown.contains(steers), "{shown:?}");
        assert!(shown.contains("\"Ü\": \"✨\""), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }
}
