//! What is logged in this test, which has its thread to itself: a `#[tokio::test]` runs all its tasks on
//! one.
//!
//! One subscriber for the process, and not one for each test: an event that is first met by a thread
//! without a subscriber is then off for the others, too.

use std::cell::RefCell;
use std::io;
use std::sync::LazyLock;

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

static LISTENING: LazyLock<()> = LazyLock::new(|| {
    let subscriber = tracing_subscriber::fmt().with_ansi(false);
    subscriber.with_writer(|| Log).init();
});

/// Listens from now on. To be called before anything is logged.
pub fn listen() {
    LazyLock::force(&LISTENING);
}

/// What was logged since the last time.
pub fn taken() -> String {
    String::from_utf8(LOG.take()).expect("text")
}
