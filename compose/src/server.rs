//! One server process and its fate: started, killed, stopped, frozen, thawed, and never left behind.

mod family;

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, fs};

use rustix::process::Signal;

use self::family::{hold_family, kill_family, kill_member, thaw_family};
use crate::account::Account;
use crate::error::{Error, Kind, Result};
use crate::files::{self, log_tail};
use crate::processes::signal;
use crate::wait;

/// Until a server accepts connections. Recovery of a killed node takes milliseconds here; this is for a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Until an orderly stop is over.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Until a server that is being thrown away has ended by itself; then it is killed.
const FAREWELL_LIMIT: Duration = Duration::from_secs(3);

/// How to start a server, the first time and again.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// The working directory. By it the watchdog recognises what is ours.
    pub(crate) directory: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) account: Account,
    /// Ends it at once when nobody needs its data any more.
    pub(crate) farewell: Signal,
    /// Where its process id is written, for the watchdog, if the server does not do that itself.
    pub(crate) id_file: Option<PathBuf>,
}

#[derive(Debug)]
pub(crate) struct Server {
    launch: Launch,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Down,
    Running(Child),
    Frozen(Child),
    /// It runs in a container, and nothing that happens to it is our doing.
    Elsewhere,
}

impl State {
    /// Notices that the process ended without our doing.
    fn settle(&mut self) {
        if let Self::Running(child) | Self::Frozen(child) = self
            && !matches!(child.try_wait(), Ok(None))
        {
            *self = Self::Down;
        }
    }

    fn take_child(&mut self) -> Option<Child> {
        match std::mem::replace(self, Self::Down) {
            Self::Running(child) | Self::Frozen(child) => Some(child),
            childless => {
                *self = childless;
                None
            }
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "down",
            Self::Running(_) => "running",
            Self::Frozen(_) => "frozen",
            Self::Elsewhere => "in a container, where Docker brings its faults about",
        })
    }
}

impl Server {
    pub(crate) fn new(launch: Launch) -> Self {
        Self {
            launch,
            state: Mutex::new(State::Down),
        }
    }

    /// One that somebody else has started, and will stop.
    pub(crate) fn elsewhere(launch: Launch) -> Self {
        Self {
            launch,
            state: Mutex::new(State::Elsewhere),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.launch.name
    }

    pub(crate) fn log(&self) -> &PathBuf {
        &self.launch.log
    }

    /// Starts it and waits until `ready` says so of its process id.
    pub(crate) fn start(&self, mut ready: impl FnMut(u32) -> Result<bool>) -> Result<()> {
        let mut state = self.state();
        if !matches!(*state, State::Down) {
            return Err(self.wrong_state("down", &state));
        }
        let log_start = fs::metadata(&self.launch.log).map_or(0, |found| found.len());
        let mut child = self.spawn()?;
        let not_started = |why| {
            let log = log_tail(&self.launch.log, log_start);
            Error::from(Kind::NotStarted {
                server: self.launch.name.clone(),
                why,
                log,
            })
        };
        let came_up = wait::until(START_LIMIT, wait::CHEAP, || match child.try_wait() {
            Ok(None) => Ok(ready(child.id())?.then_some(())),
            Ok(Some(status)) => Err(not_started(format!("it ended with {status}"))),
            Err(error) => Err(Error::process("watch", &self.launch.program)(error)),
        });
        let failure = match came_up {
            Ok(Some(())) => {
                *state = State::Running(child);
                return Ok(());
            }
            Ok(None) => not_started(format!(
                "it does not accept connections after {START_LIMIT:?}"
            )),
            Err(error) => error,
        };
        kill_family(&mut child)?;
        Err(failure)
    }

    /// SIGKILL to the whole family. Afterwards none of them runs. Of a server that is down already: nothing.
    pub(crate) fn kill(&self) -> Result<()> {
        let mut state = self.ours()?;
        match state.take_child() {
            Some(mut child) => kill_family(&mut child),
            None => Ok(()),
        }
    }

    /// Stops it in order, by the signal that asks for it. Frozen, it is thawed first.
    pub(crate) fn stop(&self, by: Signal) -> Result<()> {
        let mut state = self.ours()?;
        let Some(mut child) = state.take_child() else {
            return Ok(());
        };
        thaw_family(&child);
        signal(child.id(), by);
        if ended_within(STOP_LIMIT, &mut child)?.is_some() {
            return Ok(());
        }
        *state = State::Running(child);
        let waiting_for = format!(
            "{} to stop (does it wait for a frozen replica?)",
            self.launch.name
        );
        Err(Kind::TimedOut {
            waiting_for,
            limit: STOP_LIMIT,
            detail: log_tail(&self.launch.log, 0),
        }
        .into())
    }

    /// SIGSTOP to the whole family: connections stay open and nobody answers.
    pub(crate) fn freeze(&self) -> Result<()> {
        let mut state = self.ours()?;
        let Some(child) = state.take_child() else {
            return Err(self.wrong_state("running", &state));
        };
        hold_family(&child);
        *state = State::Frozen(child);
        Ok(())
    }

    /// SIGCONT to the whole family. Of a server that is not frozen: nothing.
    pub(crate) fn thaw(&self) -> Result<()> {
        let mut state = self.ours()?;
        match std::mem::replace(&mut *state, State::Down) {
            State::Frozen(child) => {
                thaw_family(&child);
                *state = State::Running(child);
            }
            other => *state = other,
        }
        Ok(())
    }

    /// SIGKILL to one process of the family. `false`: there is none of that number.
    pub(crate) fn kill_member(&self, member: u32) -> Result<bool> {
        let state = self.state();
        let State::Running(child) = &*state else {
            return Err(self.wrong_state("running", &state));
        };
        Ok(kill_member(child, member))
    }

    /// Whether the process exists; a frozen one does.
    pub(crate) fn is_running(&self) -> bool {
        !matches!(*self.state(), State::Down)
    }

    /// Whether it can answer.
    pub(crate) fn is_responsive(&self) -> bool {
        matches!(*self.state(), State::Running(_) | State::Elsewhere)
    }

    /// Refuses, unless it can answer.
    pub(crate) fn require_responsive(&self) -> Result<()> {
        match &*self.state() {
            State::Running(_) | State::Elsewhere => Ok(()),
            other => Err(self.wrong_state("running", other)),
        }
    }

    /// Refuses, unless it is down.
    pub(crate) fn require_down(&self) -> Result<()> {
        match &*self.state() {
            State::Down => Ok(()),
            other => Err(self.wrong_state("down", other)),
        }
    }

    /// Asks it to end at once, without waiting, so that several can end at the same time before they are dropped.
    pub(crate) fn begin_farewell(&self) {
        if let State::Running(child) | State::Frozen(child) = &*self.state() {
            thaw_family(child);
            signal(child.id(), self.launch.farewell);
        }
    }

    /// Ends it at once, and by force if that takes too long.
    pub(crate) fn farewell(&self) {
        self.begin_farewell();
        if let Some(mut child) = self.state().take_child()
            && !matches!(ended_within(FAREWELL_LIMIT, &mut child), Ok(Some(_)))
        {
            // The watchdog is the last resort, so there is nobody to tell.
            let _ = kill_family(&mut child);
        }
    }

    fn spawn(&self) -> Result<Child> {
        let launch = &self.launch;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&launch.log);
        let log = log.map_err(Error::file("open the log", &launch.log))?;
        let errors = log
            .try_clone()
            .map_err(Error::file("open the log", &launch.log))?;
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.arguments)
            .current_dir(&launch.directory);
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        // The messages that we read, such as that of a taken port, are the English ones.
        command
            .env("LC_ALL", "C")
            .env_remove("PGDATA")
            .env_remove("PGPORT");
        // A replica looks for certificates there, and the owner's are not for its account to read.
        command.env("HOME", &launch.directory);
        // Its own group, so that Ctrl-C in a terminal reaches the owner only, which then decides when the servers end.
        command.process_group(0);
        launch.account.apply(&mut command);
        let mut child = command
            .spawn()
            .map_err(Error::process("start", &launch.program))?;
        if let Some(id_file) = &launch.id_file
            && let Err(error) = files::write(id_file, &format!("{}\n", child.id()), launch.account)
        {
            kill_family(&mut child)?;
            return Err(error);
        }
        Ok(child)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of state is one assignment, so a panic elsewhere leaves nothing half done.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.settle();
        state
    }

    /// The state, of a server that we may do something to.
    fn ours(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        if matches!(*state, State::Elsewhere) {
            return Err(self.wrong_state("a process of this cluster", &state));
        }
        Ok(state)
    }

    fn wrong_state(&self, wanted: &'static str, state: &State) -> Error {
        Kind::WrongState {
            server: self.launch.name.clone(),
            wanted,
            state: state.to_string(),
        }
        .into()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.farewell();
    }
}

fn ended_within(limit: Duration, child: &mut Child) -> Result<Option<ExitStatus>> {
    wait::until(limit, wait::CHEAP, || {
        Ok(child.try_wait().unwrap_or_default())
    })
}
