//! Programs in sandboxes: each test runs for every strength that this kernel gives this user, and once more as nobody where
//! the tests are run by root.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process, kill_process_group, test_kill_process};

use super::*;

const NOBODY: u32 = 65534;

/// Folders for a program: one that it may write, one to read, one hidden with something secret.
struct Ground {
    temporary: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        for folder in ["out", "source", "home/shown", "tmp"] {
            fs::create_dir_all(temporary.path().join(folder)).unwrap();
        }
        fs::write(temporary.path().join("home/secret"), "hush").unwrap();
        fs::write(temporary.path().join("home/shown/tool"), "useful").unwrap();
        fs::write(temporary.path().join("source/file"), "text").unwrap();
        Self { temporary }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    fn sandbox(&self) -> Sandbox {
        Sandbox::new()
            .hidden(self.at("home"))
            .readable(self.at("home/shown"))
            .readable(self.at("source"))
            .writable(self.at("out"))
            .temporary(self.at("tmp"))
    }

    /// A shell inside, in the folder that it may write.
    fn shell(&self, strength: Strength, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).current_dir(self.at("out"));
        self.sandbox().confine(&mut command, strength).unwrap();
        command
    }

    fn run(&self, strength: Strength, script: &str) -> (Option<i32>, String) {
        said(self.shell(strength, script).output().map_err(told).unwrap())
    }
}

fn said(output: Output) -> (Option<i32>, String) {
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// Every strength that can be had here. What is not to be had says why, in words and by a step.
fn strengths() -> Vec<Strength> {
    let had = |strength: &Strength| {
        let tried = strength.tried();
        tried
            .map_err(|lack| assert!(lack.to_string().contains(": "), "{lack}"))
            .is_ok()
    };
    Strength::ALL.into_iter().filter(had).collect()
}

/// Those that confine files.
fn whole() -> Vec<Strength> {
    strengths()
        .into_iter()
        .filter(|strength| strength.is_whole())
        .collect()
}

/// Those with mounts of their own.
fn isolated() -> Vec<Strength> {
    let isolated = |strength: &Strength| matches!(strength, Strength::Isolated { .. });
    strengths().into_iter().filter(isolated).collect()
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// This program again, running one test that is passed over otherwise.
fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = format!("sandbox::tests::{test}");
    command.args(["--exact", &name, "--ignored", "--nocapture", "--test-threads=1"]);
    command
}

#[test]
fn the_strongest_that_can_be_had_is_found() {
    assert_eq!(
        Some(&support().strength),
        strengths().first().or(Some(&Strength::None))
    );
    let strongest = support().strength == Strength::ALL[0];
    assert_eq!(support().lack.is_none(), strongest, "{:?}", support().lack);
}

#[test]
fn files_outside_are_read_only_and_hidden_ones_unseen() {
    let ground = Ground::new();
    let home = ground.at("home").display().to_string();
    let source = ground.at("source").display().to_string();
    for strength in whole() {
        let check = |script: &str, works: bool| {
            let (code, text) = ground.run(strength, script);
            assert_eq!(code == Some(0), works, "{strength:?} {script}: {text}");
        };
        check(&format!("cat {source}/file {home}/shown/tool"), true);
        check(
            "echo made > here && mkdir -p deep/er && mv here deep/er && rm -r deep",
            true,
        );
        check("d=$(mktemp -d) && echo 1 > $d/file && cat $d/file", true);
        check("cat /etc/passwd && ls /usr/bin", true);
        check("echo > /dev/null && head -c 4 /dev/urandom > /dev/null", true);
        check(&format!("cat {home}/secret"), false);
        check(&format!("ls {home} | grep secret"), false);
        check(&format!("echo changed > {source}/file"), false);
        check(&format!("rm {source}/file"), false);
        check(
            &format!("chmod 777 {source}/file"),
            strength == Strength::Filtered,
        );
        check(&format!("echo x > {home}/shown/new"), false);
        // With mounts it lands in the program's own temporary folder.
        let own = strength != Strength::Filtered;
        check(&format!("touch {}", ground.at("beside").display()), own);
        check("touch /usr/wharf-was-here", false);
        check("cat /dev/sda /dev/vda /dev/nvme0n1 /dev/mem", false);
        // Landlock says nothing about modes of files, only the user does.
        let mode = Command::new("chmod")
            .args(["644", &format!("{source}/file")])
            .status();
        assert!(mode.unwrap().success());
    }
    assert_eq!(fs::read_to_string(ground.at("source/file")).unwrap(), "text");
    assert!(!ground.at("beside").exists());
}

#[test]
fn what_is_written_stays_where_it_may_and_belongs_to_the_user() {
    use std::os::unix::fs::MetadataExt;
    let ground = Ground::new();
    for strength in strengths() {
        let (code, text) = ground.run(strength, "echo made > here; id -u; stat -c %u here");
        let user = geteuid().as_raw();
        assert_eq!(
            (code, text),
            (Some(0), format!("{user}\n{user}\n")),
            "{strength:?}"
        );
        let made = ground.at("out/here");
        assert_eq!(fs::metadata(&made).unwrap().uid(), user);
        assert_eq!(fs::read_to_string(&made).unwrap(), "made\n");
        fs::remove_file(made).unwrap();
    }
}

#[test]
fn with_mounts_temporary_files_are_the_programs_own() {
    let ground = Ground::new();
    fs::write(ground.at("outside"), "").unwrap();
    for strength in isolated() {
        let script = "echo $TMPDIR; ls /tmp | grep outside; echo own > /tmp/own; echo own > ~/own";
        let mut command = ground.shell(strength, script);
        command.env("HOME", ground.at("home"));
        assert_eq!(
            said(command.output().unwrap()),
            (Some(0), "\n".to_owned()),
            "{strength:?}"
        );
        assert_eq!(fs::read_to_string(ground.at("tmp/own")).unwrap(), "own\n");
        assert!(!ground.at("home/own").exists() && !Path::new("/tmp/own").exists());
        fs::remove_file(ground.at("tmp/own")).unwrap();
    }
}

#[test]
#[ignore = "run inside a sandbox by the test below"]
fn connects() {
    let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
    let mut met = TcpStream::connect(("127.0.0.1", port)).expect("no connection");
    met.write_all(b"hello").unwrap();
}

#[test]
#[ignore = "run inside a sandbox by the test below"]
fn connects_to_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("no listener");
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.write_all(b"self").unwrap();
    drop(client);
    let mut text = String::new();
    listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
    assert_eq!(text, "self");
}

#[test]
fn there_is_no_network_but_its_own_loopback() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let run = |test: &str, sandbox: Sandbox, strength| {
        let mut command = again(test);
        command.env("PORT", &port).current_dir("/");
        sandbox.confine(&mut command, strength).unwrap();
        let output = command.output().unwrap();
        output.status.success()
    };
    for strength in strengths() {
        assert!(!run("connects", Sandbox::new(), strength), "{strength:?}");
        assert!(listener.accept().is_err(), "{strength:?}");
        let own = matches!(strength, Strength::Isolated { .. });
        assert_eq!(
            run("connects_to_itself", Sandbox::new(), strength),
            own,
            "{strength:?}"
        );
        assert!(
            run("connects", Sandbox::new().network(Network::Host), strength),
            "{strength:?}"
        );
        assert!(listener.accept().is_ok(), "{strength:?}");
    }
}

#[test]
fn codes_signals_and_output_pass_through() {
    let ground = Ground::new();
    for strength in strengths() {
        assert_eq!(
            ground.run(strength, "echo out; echo err >&2; exit 7"),
            (Some(7), "out\nerr\n".to_owned())
        );
        for number in [9, 11, 15] {
            let status = ground
                .shell(strength, &format!("kill -{number} $$"))
                .status()
                .unwrap();
            assert_eq!(status.signal(), Some(number), "{strength:?}");
        }
        let mut command = ground.shell(strength, "cat; wc -l");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"through\n").unwrap();
        assert_eq!(
            said(child.wait_with_output().unwrap()),
            (Some(0), "through\n0\n".to_owned())
        );
    }
}

#[test]
fn a_signal_sent_to_the_child_reaches_the_program() {
    let ground = Ground::new();
    for strength in strengths() {
        let script = "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
        let mut child = ground
            .shell(strength, script)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let mut ready = [0; 6];
        output.read_exact(&mut ready).unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "got it\n", "{strength:?}");
        assert_eq!(child.wait().unwrap().code(), Some(3), "{strength:?}");
    }
}

#[test]
fn a_program_that_is_not_there_is_said_so() {
    for strength in strengths() {
        let mut command = Command::new("/nonexistent/program");
        Sandbox::new().confine(&mut command, strength).unwrap();
        let error = told(command.status().unwrap_err());
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{strength:?}: {error}");
    }
    let mut command = Command::new("/bin/true");
    let missing = Sandbox::new().writable("/nonexistent/folder");
    if let Some(strength) = whole().first() {
        let error = missing.confine(&mut command, *strength).unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/folder: "), "{error}");
    }
}

/// Appends to a file as long as it lives, with a child of its own that left its group.
const LIVES: &str = "setsid sh -c 'echo $$ > pid; while :; do echo 1 >> grandchild; sleep 0.02; done' & while :; do echo 1 >> child; sleep 0.02; done";

/// What left the group is beyond a sandbox without processes of its own.
fn end_grandchild(ground: &Ground) {
    let text = fs::read_to_string(ground.at("out/pid")).unwrap();
    let pid = Pid::from_raw(text.trim().parse().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

fn grows(file: &Path) -> bool {
    let size = || fs::metadata(file).map_or(0, |data| data.len());
    let before = size();
    std::thread::sleep(Duration::from_millis(150));
    size() > before
}

#[test]
fn killing_the_group_ends_everything() {
    let ground = Ground::new();
    for strength in strengths() {
        let mut command = ground.shell(strength, LIVES);
        let mut child = command.process_group(0).spawn().unwrap();
        until("it runs", || {
            grows(&ground.at("out/child")) && grows(&ground.at("out/grandchild"))
        });
        kill_process_group(Pid::from_child(&child), Signal::KILL).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        until("it ends", || !grows(&ground.at("out/child")));
        if strength == (Strength::Isolated { processes: true }) {
            until("its children end", || !grows(&ground.at("out/grandchild")));
        } else {
            end_grandchild(&ground);
        }
    }
}

#[test]
#[ignore = "run and killed by the test below"]
fn starts_and_waits() {
    let folder = PathBuf::from(std::env::var_os("GROUND").unwrap());
    let index: usize = std::env::var("STRENGTH").unwrap().parse().unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", LIVES]).current_dir(&folder).process_group(0);
    Sandbox::new()
        .writable(&folder)
        .confine(&mut command, Strength::ALL[index])
        .unwrap();
    // The thread that starts it ends long before the process does.
    let mut child = std::thread::spawn(move || command.spawn().unwrap())
        .join()
        .unwrap();
    child.wait().unwrap();
}

#[test]
fn nothing_outlives_the_process_that_started_it() {
    for (index, strength) in Strength::ALL.into_iter().enumerate() {
        if !strengths().contains(&strength) {
            continue;
        }
        let ground = Ground::new();
        let mut command = again("starts_and_waits");
        command
            .env("GROUND", ground.at("out"))
            .env("STRENGTH", index.to_string());
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let file = ground.at("out/child");
        until("it runs", || grows(&file) && grows(&ground.at("out/grandchild")));
        assert!(test_kill_process(Pid::from_child(&child)).is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
        until("it ends", || !grows(&file));
        if strength == (Strength::Isolated { processes: true }) {
            until("its children end", || !grows(&ground.at("out/grandchild")));
        } else {
            end_grandchild(&ground);
        }
    }
}

#[test]
fn only_its_own_processes_are_seen() {
    let ground = Ground::new();
    for strength in isolated() {
        let (_, text) = ground.run(
            strength,
            "readlink /proc/self >/dev/null && ls /proc | grep -c '^[0-9]'",
        );
        let seen: usize = text.trim().parse().unwrap();
        let own = strength == (Strength::Isolated { processes: true });
        assert_eq!(seen < 8, own, "{strength:?}: {seen}");
    }
}

#[test]
fn odd_places_and_links_work_as_they_do_outside() {
    let ground = Ground::new();
    let odd = ground.at("home/a b'c\"d/ü$x");
    fs::create_dir_all(odd.join("deep/er")).unwrap();
    fs::write(odd.join("deep/er/file"), "odd").unwrap();
    symlink(odd.join("deep"), ground.at("home/link")).unwrap();
    symlink("home/link/er", ground.at("chain")).unwrap();
    let secret = odd.join("deep/secret");
    fs::write(&secret, "").unwrap();
    for strength in whole() {
        let run = |sandbox: Sandbox, path: &Path, verb: &str| {
            let mut command = Command::new("/bin/sh");
            let script = match verb {
                "read" => "cat \"$1/file\"",
                _ => "echo odd > \"$1/new\" && cat \"$1/new\"",
            };
            command.args(["-c", script, "sh"]).arg(path).current_dir("/");
            sandbox.confine(&mut command, strength).unwrap();
            said(command.output().unwrap())
        };
        let base = || {
            Sandbox::new()
                .hidden(ground.at("home"))
                .temporary(ground.at("tmp"))
        };
        let through = ground.at("home/link/er");
        for path in [&odd.join("deep/er"), &through, &ground.at("chain")] {
            let (code, text) = run(base().readable(path), path, "read");
            assert_eq!(
                (code, text.as_str()),
                (Some(0), "odd"),
                "{strength:?} {}",
                path.display()
            );
            let (code, text) = run(base().readable(path), path, "write");
            assert_ne!(code, Some(0), "{strength:?} {}: {text}", path.display());
            let (code, text) = run(base().writable(path), path, "write");
            assert_eq!(
                (code, text.as_str()),
                (Some(0), "odd\n"),
                "{strength:?} {}",
                path.display()
            );
        }
        // Hidden in what is shown in what is hidden.
        let mut command = Command::new("/bin/cat");
        command.arg(&secret).current_dir("/");
        base()
            .readable(odd.join("deep"))
            .hidden(&secret)
            .confine(&mut command, strength)
            .unwrap();
        assert!(!command.output().unwrap().status.success(), "{strength:?}");
    }
}

#[test]
fn a_variable_that_names_what_is_writable_leaves_it_so() {
    let ground = Ground::new();
    let inner = ground.at("out/inner");
    fs::create_dir(&inner).unwrap();
    for strength in whole() {
        let mut command = Command::new("/bin/sh");
        command.args([
            "-c",
            "echo made > $INNER/file && rm $INNER/file && cat $SHOWN/tool",
        ]);
        command
            .env("INNER", &inner)
            .env("SHOWN", ground.at("home/shown"))
            .current_dir("/");
        let sandbox = Sandbox::for_build(&command).hidden(ground.at("home"));
        let sandbox = sandbox.writable(ground.at("out")).temporary(ground.at("tmp"));
        sandbox.confine(&mut command, strength).unwrap();
        let told = said(command.output().unwrap());
        assert_eq!(told, (Some(0), "useful".to_owned()), "{strength:?}");
    }
}

#[test]
fn nothing_inside_can_undo_it() {
    let ground = Ground::new();
    for strength in whole() {
        let source = ground.at("source").display().to_string();
        for script in [
            "mount -o remount,rw /".to_owned(),
            format!("umount {}", ground.at("home").display()),
            "unshare -Ur mount -o remount,rw / && touch /usr/wharf-was-here".to_owned(),
            format!("unshare -Urm sh -c 'mount -o remount,bind,rw {source}; echo x > {source}/file'"),
            format!("nsenter -t 1 -m sh -c 'echo x > {source}/file'"),
            "echo wharf > /proc/sys/kernel/hostname".to_owned(),
            "echo '|/bin/false' > /proc/sys/kernel/core_pattern".to_owned(),
            "mknod sda b 8 0 && head -c 1 sda".to_owned(),
        ] {
            let (code, text) = ground.run(strength, &script);
            assert_ne!(code, Some(0), "{strength:?} {script}: {text}");
        }
        let (_, text) = ground.run(strength, "grep NoNewPrivs /proc/self/status");
        assert_eq!(text, "NoNewPrivs:\t1\n", "{strength:?}");
    }
    assert_eq!(fs::read_to_string(ground.at("source/file")).unwrap(), "text");
}

#[test]
fn an_ordinary_user_gets_the_same() {
    if !geteuid().is_root() {
        // Then all of the above was about one.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new(&program)
        .args(["sandbox::tests", "--test-threads=2"])
        .current_dir("/")
        .env("HOME", "/nonexistent")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("an_ordinary_user_gets_the_same ... ok"), "{text}");
}

#[test]
#[ignore = "measures: run it alone, with --ignored --nocapture"]
fn what_starting_costs() {
    let ground = Ground::new();
    let home = std::env::var("HOME").unwrap();
    let mut report = String::new();
    for strength in Strength::ALL.into_iter().chain([Strength::None]) {
        let mut times: Vec<f64> = (0..200)
            .map(|_| {
                let start = Instant::now();
                let mut command = Command::new("/bin/true");
                command.current_dir(ground.at("out"));
                let sandbox = Sandbox::for_build(&command)
                    .hidden(&home)
                    .writable(ground.at("out"));
                sandbox
                    .temporary(ground.at("tmp"))
                    .confine(&mut command, strength)
                    .unwrap();
                assert!(command.status().unwrap().success());
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        report.push_str(&format!(
            "{strength:?}: p10 {:.2} ms, p50 {:.2} ms\n",
            times[20], times[100]
        ));
    }
    io::stderr().write_all(report.as_bytes()).unwrap();
}
