//! A world in a file, which processes use one after the other.

use std::fs;
use std::path::PathBuf;

use deploykit_core::memory::{Faults, MemoryTarget, World};
use deploykit_core::{Decision, Goal};

use super::support::{drive, id, look, spec, start};

/// A folder of its own, taken away at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn world(&self) -> PathBuf {
        self.0.join("world.json")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_process_finds_what_was_left() {
    let folder = Folder::new("found");
    let open = || MemoryTarget::builder("memory").open(folder.world()).unwrap();
    let goal = Goal::Run(spec(1, 2));
    drive(&open(), &goal).await;
    let found = open();
    assert_eq!(drive(&found, &goal).await, Decision::Converged);
    assert_eq!(found.effects(), 0, "there was nothing left to do");
    let saved: World = serde_json::from_slice(&fs::read(folder.world()).unwrap()).unwrap();
    assert_eq!(saved.services, found.world().services);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_after_a_kill_goes_on() {
    let folder = Folder::new("killed");
    let open = || MemoryTarget::builder("memory").open(folder.world()).unwrap();
    let goal = Goal::Run(spec(1, 3));
    for _ in 0..20 {
        let target = open();
        target.set_faults(Faults::none().crash_after(1));
        tokio::select! {
            _ = drive(&target, &goal) => break,
            () = target.crashed() => {}
        }
        fs::write(folder.0.join("world.json.new"), "{ half a wor").unwrap();
    }
    assert_eq!(look(&open()).await.counts().into_values().map(|count| count.ready).sum::<u32>(), 3);
}

#[tokio::test(start_paused = true)]
async fn two_handles_of_a_file_see_each_other() {
    let folder = Folder::new("two");
    let open = || MemoryTarget::builder("memory").open(folder.world()).unwrap();
    let (one, two) = (open(), open());
    let spec = spec(1, 2);
    start(&one, &spec, 0, 0).await.unwrap();
    start(&two, &spec, 1, 0).await.unwrap();
    assert_eq!(one.world().ids(spec.service()), [id(&spec, 0), id(&spec, 1)]);
}

#[test]
fn what_is_not_a_world_is_left_alone() {
    let folder = Folder::new("foreign");
    for (text, reason) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("{\"name\": \"my notes\"}", "unknown field `name`"),
        ("{\"version\": 2}", "this is version 2 of the form, and only 1 is known"),
        ("{\"version\": 1, \"now\": ", "EOF while parsing"),
    ] {
        fs::write(folder.world(), text).unwrap();
        let error = MemoryTarget::builder("memory").open(folder.world()).unwrap_err().to_string();
        assert!(error.contains("is not the file of a target in memory and is left as it is"), "{error}");
        assert!(error.contains(reason), "{error}");
        assert_eq!(fs::read_to_string(folder.world()).unwrap(), text);
    }
}
