//! Facts about processes of this machine, and signals to them.
//!
//! From `/proc` where there is one, because a slim container has no `ps`; from `ps` elsewhere, as on macOS.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

/// One row of the process table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    pid: u32,
    parent: u32,
    /// Dead, and only waiting for its parent to notice.
    zombie: bool,
}

/// Sends a signal. A process that is gone already is not an error for anyone here.
pub(crate) fn signal(pid: u32, signal: Signal) {
    // 0 would mean our own process group.
    if let Some(pid) = i32::try_from(pid)
        .ok()
        .filter(|pid| *pid > 0)
        .and_then(Pid::from_raw)
    {
        let _ = kill_process(pid, signal);
    }
}

/// All living processes below this one, children before grandchildren.
pub(crate) fn descendants(ancestor: u32) -> Vec<u32> {
    let table = table();
    let mut family = vec![ancestor];
    let mut next = 0;
    while next < family.len() {
        let parent = family[next];
        family.extend(
            table
                .iter()
                .filter(|row| row.parent == parent && !row.zombie)
                .map(|row| row.pid),
        );
        next += 1;
    }
    family.split_off(1)
}

/// The ones of these that still run.
pub(crate) fn living(pids: &[u32]) -> Vec<u32> {
    let table = table();
    pids.iter()
        .copied()
        .filter(|pid| table.iter().any(|row| row.pid == *pid && !row.zombie))
        .collect()
}

fn table() -> Vec<Row> {
    if Path::new("/proc/self/stat").exists() {
        table_from_proc()
    } else {
        table_from_ps()
    }
}

fn table_from_proc() -> Vec<Row> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            parse_stat(pid, &fs::read_to_string(entry.path().join("stat")).ok()?)
        })
        .collect()
}

/// `42 (a name (with) anything) S 7 …`: state and parent follow the last parenthesis.
fn parse_stat(pid: u32, stat: &str) -> Option<Row> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    Some(Row {
        pid,
        parent: fields.next()?.parse().ok()?,
        zombie,
    })
}

fn table_from_ps() -> Vec<Row> {
    let output = Command::new("ps")
        .args(["-A", "-o", "pid=", "-o", "ppid=", "-o", "stat="])
        .output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    text.lines().filter_map(parse_ps).collect()
}

fn parse_ps(line: &str) -> Option<Row> {
    let mut fields = line.split_ascii_whitespace();
    let (pid, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Row {
        pid,
        parent,
        zombie: fields.next()?.starts_with('Z'),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_are_read_whatever_the_process_is_called() {
        let expected = Row {
            pid: 42,
            parent: 7,
            zombie: false,
        };
        assert_eq!(
            parse_stat(42, "42 (odd) name (x)) S 7 42 42 0"),
            Some(expected)
        );
        assert_eq!(parse_ps("   42     7 Ss"), Some(expected));
        assert_eq!(
            parse_ps("   42     7 Z+"),
            Some(Row {
                zombie: true,
                ..expected
            })
        );
    }

    #[test]
    fn a_child_is_found_and_is_gone_after_its_death() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(descendants(std::process::id()).contains(&child.id()));
        assert!(
            table_from_ps().is_empty() || table_from_ps().iter().any(|row| row.pid == child.id())
        );
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(living(&[child.id()]).is_empty());
    }
}
