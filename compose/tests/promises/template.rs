//! The template survives what happens to temporary directories.

use std::fs;
use std::path::{Path, PathBuf};

use crate::owner::Owner;
use crate::support::Temporary;

fn template_in(directory: &Path) -> PathBuf {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let found: Vec<_> = entries
        .filter(|path| {
            path.to_str()
                .unwrap()
                .contains("manifold-compose-template-")
        })
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

#[test]
fn two_processes_that_make_the_template_at_once_both_start() {
    let temporary = Temporary::new("at-once");
    let variables = [("TMPDIR", temporary.0.to_str().unwrap())];
    let mut owners = [
        Owner::spawn("drop", &variables),
        Owner::spawn("drop", &variables),
    ];
    for owner in &mut owners {
        assert!(owner.directory().starts_with(&temporary.0));
        assert!(owner.process.wait().unwrap().success());
    }
    assert!(template_in(&temporary.0).is_dir());
    assert_eq!(
        fs::read_dir(&temporary.0).unwrap().count(),
        1,
        "something else is left"
    );
}

#[test]
fn a_damaged_template_is_made_again() {
    let temporary = Temporary::new("damaged");
    let variables = [("TMPDIR", temporary.0.to_str().unwrap())];
    let start = || {
        let mut owner = Owner::spawn("drop", &variables);
        owner.directory();
        assert!(owner.process.wait().unwrap().success());
        template_in(&temporary.0)
    };
    let template = start();

    fs::remove_file(template.join("data/global/pg_filenode.map")).unwrap();
    assert_eq!(start(), template);
    assert!(template.join("data/global/pg_filenode.map").exists());

    // Not what we made: no manifest, and open to others.
    fs::remove_dir_all(&template).unwrap();
    fs::create_dir(&template).unwrap();
    fs::write(template.join("file"), "").unwrap();
    assert_eq!(start(), template);
    assert!(template.join("manifest").exists() && !template.join("file").exists());
}
