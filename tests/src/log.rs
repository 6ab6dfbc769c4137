//! What the library logs, for tests that promise a line.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::subscriber::DefaultGuard;

/// The log of this thread, from `Log::begin` until this is dropped. A `#[tokio::test]` runs all its
/// tasks on one thread.
pub struct Log {
    text: Text,
    _guard: DefaultGuard,
}

impl Log {
    /// Begins to listen, to the level `info`.
    pub fn begin() -> Self {
        let text = Text::default();
        let writer = text.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Self {
            text,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// How many lines contain `words`.
    pub fn count(&self, words: &str) -> usize {
        let text = self.to_string();
        text.lines().filter(|line| line.contains(words)).count()
    }
}

impl std::fmt::Display for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.text.0.lock().unwrap();
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
