//! A suite is written whole or not at all.

use std::path::Path;

use reenact::Suite;

use super::{EXAMPLE, file, load};

#[test]
fn the_extension_decides_what_is_written() {
    let suite = load("suite.yaml", EXAMPLE);
    for (name, start) in [("s.yaml", "# A suite"), ("s.yml", "# A suite"), ("s.JSONL", "{\"suite\":")] {
        let old = file(name, "old");
        suite.save(&old.path).unwrap();
        assert!(std::fs::read_to_string(&old.path).unwrap().starts_with(start));
        assert_eq!(Suite::load(&old.path).unwrap(), suite);
        let beside = std::fs::read_dir(old.path.parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "nothing but the suite is left in the folder");
    }
}

#[test]
fn another_extension_is_refused_and_nothing_is_written() {
    let old = file("suite.toml", "old");
    let error = load("suite.yaml", EXAMPLE).save(&old.path).unwrap_err();
    assert!(error.to_string().ends_with("suite.toml: a suite cannot be written as `.toml`"));
    assert!(error.hint_text().unwrap().contains(".jsonl"));
    assert_eq!(std::fs::read_to_string(&old.path).unwrap(), "old");
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let error = load("suite.yaml", EXAMPLE).save(Path::new("/nowhere/at/all/suite.yaml")).unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/at/all/suite.yaml: the suite cannot be written");
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay_as_they_were() {
    use std::os::unix::fs::PermissionsExt as _;
    let suite = load("suite.yaml", EXAMPLE);
    let old = file("suite.yaml", "old");
    std::fs::set_permissions(&old.path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = old.path.with_file_name("link.yaml");
    std::os::unix::fs::symlink(&old.path, &link).unwrap();
    suite.save(&link).unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::metadata(&old.path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(Suite::load(&old.path).unwrap(), suite);
}
