//! Roots that are not finished: which of them are placed all the same.

use std::sync::atomic::AtomicUsize;

use super::*;

/// Programs that finish a root and do so badly.
struct Ends {
    how: fn() -> Result<(), JobError>,
    cancel: AtomicBool,
    /// Whether somebody asks to stop while a program runs.
    cancels: bool,
    ran: AtomicUsize,
}

impl Ends {
    fn new(how: fn() -> Result<(), JobError>) -> Self {
        Self {
            how,
            cancel: AtomicBool::new(false),
            cancels: false,
            ran: AtomicUsize::new(0),
        }
    }
}

impl Runner for Ends {
    fn run(&self, _: &Job, place: Workplace<'_>) -> Result<(), JobError> {
        self.ran.fetch_add(1, Ordering::SeqCst);
        if let Workplace::Shared { copies, .. } = place {
            std::fs::write(copies[0].1.join("cache"), "half").unwrap();
        }
        self.cancel.fetch_or(self.cancels, Ordering::SeqCst);
        (self.how)()
    }
}

fn packages(place: &Place) -> [DebPackage; 1] {
    let package = Package::new("finished", "1")
        .file("usr/bin/update-mime-database", "program")
        .file("usr/share/mime/packages", "x")
        .file("usr/bin/update-desktop-database", "program")
        .file("usr/share/applications/x.desktop", "x");
    [package.import(&place.store)]
}

fn made(place: &Place, runner: &Ends) -> Result<System, SystemError> {
    let packages = packages(place);
    let options = Options::default();
    let made = compose(&place.store, &packages, &options, Some(runner), &runner.cancel);
    assert_eq!(
        place.store.has_system(&id_of(&packages, &options, true)),
        made.is_ok()
    );
    made
}

#[test]
fn where_a_program_was_killed_there_is_no_root_and_another_time_there_is() {
    let place = place();
    let killed = Ends::new(|| {
        Err(JobError::Broken(
            "was killed by signal 9, without a word".to_owned(),
        ))
    });
    let error = made(&place, &killed).unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("the system root could not be finished: /usr/bin/update-")
            && said.ends_with(" was killed by signal 9, without a word"),
        "{said}"
    );
    assert_eq!(wharf_core::Explain::hints(&error).len(), 1);
    let system = made(&place, &Ends::new(|| Ok(()))).unwrap();
    assert_eq!(text(&system, "usr/share/mime/cache"), "half");
    assert_eq!(
        place.store.verify(Depth::Full, Repair::Report).unwrap().damage,
        []
    );
}

#[test]
fn what_a_program_did_that_failed_by_itself_is_not_taken() {
    let place = place();
    let failed = Ends::new(|| Err(JobError::Failed("exit code 1, without a word".to_owned())));
    let system = made(&place, &failed).unwrap();
    assert!(!system.root.join("usr/share/mime/cache").exists());
    let [one, other] = system.report.actions.as_slice() else {
        panic!("{:?}", system.report.actions);
    };
    for action in [one, other] {
        assert_eq!(action.problem.as_deref(), Some("exit code 1, without a word"));
        assert_eq!(action.changed, None);
    }
}

#[test]
fn who_asks_to_stop_gets_no_root() {
    let place = place();
    let mut before = Ends::new(|| Ok(()));
    before.cancel = AtomicBool::new(true);
    assert!(matches!(made(&place, &before), Err(SystemError::Interrupted)));
    assert_eq!(before.ran.load(Ordering::SeqCst), 0, "nothing is begun");
    // What the program itself makes of it is no matter.
    for how in [
        || Ok(()),
        || Err(JobError::Interrupted),
        || Err(JobError::Failed("exit code 130".to_owned())),
    ] {
        let mut during = Ends::new(how);
        during.cancels = true;
        assert!(matches!(made(&place, &during), Err(SystemError::Interrupted)));
    }
    assert!(made(&place, &Ends::new(|| Ok(()))).is_ok());
}
