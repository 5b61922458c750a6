//! Programs in views of a small system root, made of this host's own shell and a few programs; once more as nobody where the
//! tests are run by root. Where this machine gives no views, the tests about being inside are passed over.
#![cfg(target_os = "linux")]
#![expect(
    unsafe_code,
    reason = "calls between fork and exec, and a function before main"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Output, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitOptions, geteuid, kill_process, waitpid};

use super::*;
use crate::sandbox::{Construction, Sandbox, Strength, told};

const NOBODY: u32 = 65534;
const PROGRAMS: [&str; 10] = [
    "sh", "cat", "ls", "id", "touch", "readlink", "mkdir", "sleep", "stat", "chown",
];

/// As the program does first: the tests become programs in views too.
#[used]
#[unsafe(link_section = ".init_array")]
static FIRST: extern "C" fn() = first;

extern "C" fn first() {
    if let Some(mut resumed) = resumed() {
        let Err(error) = resumed.view.replace_process(&mut resumed.command);
        // SAFETY: the call takes a number and does not return.
        unsafe {
            libc::_exit(if matches!(error, ViewError::Start(_)) {
                97
            } else {
                98
            })
        }
    }
}

/// Makes a system root with a shell, some programs, and the libraries that they need.
fn make_root(root: &Path) {
    for folder in ["usr/bin", "usr/share/inside", "etc/conf", "var/lib/inside"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("etc/conf/file"), "shipped\n").unwrap();
    for name in PROGRAMS {
        let found = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(name));
        let found = found.into_iter().find(|path| path.exists()).unwrap();
        fs::copy(&found, root.join("usr/bin").join(name)).unwrap();
        copy_libraries(&found, root);
    }
    copy_libraries(&std::env::current_exe().unwrap(), root);
}

fn copy_libraries(program: &Path, root: &Path) {
    let listed = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    for path in text.split_whitespace().filter(|word| word.starts_with('/')) {
        let inner = path.trim_start_matches("/usr").trim_start_matches('/');
        let to = root.join("usr").join(inner);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(path, to).unwrap();
    }
}

struct Ground {
    temporary: tempfile::TempDir,
}

impl Ground {
    /// Nothing where this machine gives no views.
    fn new() -> Option<Self> {
        if let Some(lack) = &support().lack {
            assert!(lack.to_string().contains(": "), "{lack}");
            return None;
        }
        let temporary = tempfile::tempdir().unwrap();
        fs::create_dir(temporary.path().join("project")).unwrap();
        make_root(&temporary.path().join("root"));
        Some(Self { temporary })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    fn view(&self) -> View {
        View::new(self.at("root"), self.at("project/state"))
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.at("project"));
        for Change { name, value } in changes(&self.view(), &|name| std::env::var_os(name)) {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    fn run(&self, script: &str) -> (Option<i32>, String) {
        self.run_in(&self.view(), script)
    }

    fn run_in(&self, view: &View, script: &str) -> (Option<i32>, String) {
        let mut command = self.shell(script);
        view.enter(&mut command).unwrap();
        said(command.output().map_err(told).unwrap())
    }

    /// This program again, which becomes a shell inside.
    fn becomes(&self, script: &str) -> Command {
        let mut command = again("becomes_a_shell");
        command
            .env("GROUND", self.at("project"))
            .env("ROOT", self.at("root"));
        command.env("SCRIPT", script);
        command.stdout(Stdio::piped());
        command
    }
}

fn said(output: Output) -> (Option<i32>, String) {
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = format!("view::tests::{test}");
    command.args(["--exact", &name, "--ignored", "--nocapture", "--test-threads=1"]);
    command
}

#[test]
fn the_system_roots_folders_are_seen_and_the_rest_is_the_hosts() {
    let Some(ground) = Ground::new() else { return };
    let check = |script: &str, works: bool| {
        let (code, text) = ground.run(script);
        assert_eq!(code == Some(0), works, "{script}: {text}");
    };
    check("ls /usr/share/inside /etc/conf/file /var/lib/inside", true);
    check("ls /usr/share/doc", false);
    check("ls /bin/sh /proc/self/status /dev/null /sys /tmp", true);
    check("touch /usr/new", false);
    check("touch /usr/bin/new", false);
    check("echo > /dev/null", true);
    let beside = ground.at("beside").display().to_string();
    check(&format!("echo host > {beside}"), true);
    assert_eq!(fs::read_to_string(ground.at("beside")).unwrap(), "host\n");
    check(
        "touch /run/mine && mkdir /run/lock/mine && ls -d /var/run/lock/mine",
        true,
    );
    assert!(!Path::new("/run/mine").exists());
}

#[test]
fn what_is_written_to_etc_and_var_stays_with_the_project() {
    let Some(ground) = Ground::new() else { return };
    let state = ground.at("project/state");
    assert_eq!(ground.run("cat /etc/conf/file").1, "shipped\n");
    assert_eq!(
        ground
            .run("echo mine > /etc/conf/file; echo data > /var/lib/inside/data; echo $?")
            .1,
        "0\n"
    );
    assert_eq!(
        ground.run("cat /etc/conf/file /var/lib/inside/data").1,
        "mine\ndata\n"
    );
    assert_eq!(fs::read_to_string(state.join("etc/conf/file")).unwrap(), "mine\n");
    assert_eq!(
        fs::read_to_string(ground.at("root").join("etc/conf/file")).unwrap(),
        "shipped\n"
    );
    assert!(!Path::new("/etc/conf/file").exists() && !Path::new("/var/lib/inside").exists());
}

#[test]
fn a_view_for_those_who_look_lets_nothing_of_the_system_be_changed() {
    let Some(ground) = Ground::new() else { return };
    let root = ground.at("root");
    fs::create_dir(root.join("run")).unwrap();
    fs::write(root.join("etc/passwd"), "inside:x:7:7::/:/bin/sh\n").unwrap();
    let before = everything(&root);
    let view = View::untouched(&root);
    let run = |script: &str| ground.run_in(&view, script);
    assert_eq!(run("cat /etc/conf/file; ls /var/lib; readlink /proc/self/cwd"), {
        let project = ground.at("project").canonicalize().unwrap();
        (Some(0), format!("shipped\ninside\n{}\n", project.display()))
    });
    for folder in [
        "/usr",
        "/usr/bin",
        "/etc",
        "/etc/conf",
        "/var",
        "/var/lib/inside",
        "/run",
    ] {
        for script in [
            format!("touch {folder}/new"),
            format!("mkdir {folder}/new"),
            format!("touch -c {folder}"),
        ] {
            let (code, text) = run(&script);
            assert_ne!(code, Some(0), "{script}");
            assert!(text.contains("Read-only"), "{script}: {text}");
        }
    }
    let (code, text) = run("echo other > /etc/conf/file");
    assert!(code != Some(0) && text.contains("Read-only"), "{text}");
    // Accounts and sockets are the root's own, which is all that a program there can ask.
    assert_eq!(run("cat /etc/passwd; ls -A /run").1, "inside:x:7:7::/:/bin/sh\n");
    // Everything else is the host's.
    let beside = ground.at("beside").display().to_string();
    assert_eq!(
        run(&format!("echo host > {beside}; echo > /dev/null; ls -d /tmp")),
        (Some(0), "/tmp\n".into())
    );
    assert_eq!(fs::read_to_string(&beside).unwrap(), "host\n");
    assert_eq!(everything(&root), before);
    assert_eq!(
        fs::read_dir(ground.at("project")).unwrap().count(),
        0,
        "it has no folder of its own"
    );
}

/// All paths below a folder, with when each was changed.
fn everything(folder: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let data = entry.path().symlink_metadata().unwrap();
        found.push((entry.path(), data.modified().unwrap()));
        if data.is_dir() {
            found.extend(everything(&entry.path()));
        }
    }
    found.sort();
    found
}

#[test]
fn the_caller_stays_who_it_is_and_where_it_is() {
    let Some(ground) = Ground::new() else { return };
    let (_, text) = ground.run("id -u; id -g; id -un; readlink /proc/self/cwd");
    let lines: Vec<&str> = text.lines().collect();
    let user = geteuid().as_raw().to_string();
    assert_eq!(lines[0], user);
    assert!(!lines[2].is_empty() && lines[2] != user, "{text}");
    assert_eq!(
        lines[3],
        ground.at("project").canonicalize().unwrap().to_str().unwrap()
    );
    if !geteuid().is_root() {
        let (_, text) = ground.run("cat /proc/self/uid_map; cat /proc/self/setgroups; cat /proc/self/status");
        let map: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(map, [user.as_str(), user.as_str(), "1"]);
        assert!(
            text.contains("deny\n") && text.contains("CapEff:\t0000000000000000"),
            "{text}"
        );
    }
}

#[test]
fn no_mount_is_seen_outside() {
    let Some(ground) = Ground::new() else { return };
    let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap();
    let before = mounts().lines().count();
    assert_ne!(ground.run("cat /proc/self/mountinfo").1.lines().count(), before);
    assert_eq!(mounts().lines().count(), before);
}

#[test]
fn a_program_that_is_not_there_and_a_folder_that_is_not_seen_are_said() {
    let Some(ground) = Ground::new() else { return };
    let mut command = Command::new("wharf-has-no-such-program");
    command.env("PATH", "/usr/bin").current_dir(ground.at("project"));
    ground.view().enter(&mut command).unwrap();
    let error = ViewError::of_start(command.status().unwrap_err());
    assert!(
        matches!(&error, ViewError::Start(source) if source.kind() == std::io::ErrorKind::NotFound),
        "{error}"
    );
    let mut command = Command::new("sh");
    command.current_dir("/usr/share/doc");
    if Path::new("/usr/share/doc").is_dir() {
        let error = ground.view().enter(&mut command).unwrap_err();
        assert!(matches!(error, ViewError::Folder { .. }), "{error}");
    }
    assert_eq!(ground.view().program("sh".as_ref()), Some("/usr/bin/sh".into()));
    assert_eq!(ground.view().program("gcc".as_ref()), None);
}

#[test]
fn a_view_in_a_view_and_the_same_view_again() {
    let Some(ground) = Ground::new() else { return };
    let mut command = again("is_inside");
    command
        .env("GROUND", ground.at("project"))
        .env("ROOT", ground.at("root"));
    command.current_dir(ground.at("project"));
    ground.view().enter(&mut command).unwrap();
    let (code, text) = said(command.output().map_err(told).unwrap());
    assert_eq!(code, Some(0), "{text}");
}

#[test]
#[ignore = "run inside a view by the test above"]
fn is_inside() {
    let project = PathBuf::from(std::env::var_os("GROUND").unwrap());
    let same = View::new(std::env::var_os("ROOT").unwrap(), project.join("state"));
    assert!(same.is_entered());
    let other = View::new(same.root(), project.join("other"));
    assert!(!other.is_entered());
    for view in [&same, &other] {
        let mut command = Command::new("sh");
        command.args(["-c", "cat /etc/conf/file"]).current_dir(&project);
        view.enter(&mut command).unwrap();
        assert_eq!(said(command.output().map_err(told).unwrap()).1, "shipped\n");
    }
}

#[test]
#[ignore = "run by the tests below"]
fn becomes_a_shell() {
    let project = PathBuf::from(std::env::var_os("GROUND").unwrap());
    let mut command = Command::new("sh");
    command.arg("-c").arg(std::env::var_os("SCRIPT").unwrap());
    command
        .current_dir(&project)
        .env("PATH", "/usr/bin")
        .env("SET", "yes")
        .env_remove("SCRIPT");
    let view = View::new(std::env::var_os("ROOT").unwrap(), project.join("state"));
    // Tests run in threads, so that the process has several.
    let Err(error) = view.replace_process(&mut command);
    panic!("{error}: {error:?}");
}

fn started(mut command: Command) -> (Child, BufReader<ChildStdout>) {
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    // What the harness says comes first.
    while !line.trim_end().ends_with("ready") {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0);
    }
    (child, output)
}

#[test]
fn a_process_becomes_a_program_inside_and_stays_the_same_process() {
    let Some(ground) = Ground::new() else { return };
    let script = "echo ready; echo $$ $SET $SCRIPT; ls /usr/share; exit 7";
    let (mut child, mut output) = started(ground.becomes(script));
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(text, format!("{} yes\ninside\n", child.id()));
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn signals_reach_the_program_and_it_stops_and_goes_on() {
    let Some(ground) = Ground::new() else { return };
    let script = "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let (mut child, mut output) = started(ground.becomes(script));
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::TSTP).unwrap();
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "{status:?}");
    kill_process(pid, Signal::CONT).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(text, "got it\n");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let (mut child, _output) = started(ground.becomes("echo ready; kill -INT $$"));
    assert_eq!(child.wait().unwrap().signal(), Some(2));
}

#[test]
fn a_sandbox_has_the_view_as_its_system() {
    let Some(ground) = Ground::new() else { return };
    let all = Strength::ALL
        .into_iter()
        .filter(|strength| *strength != Strength::Offline);
    for strength in all
        .filter(|strength| strength.tried().is_ok())
        .chain([Strength::None])
    {
        let out = ground.at("out");
        fs::create_dir_all(&out).unwrap();
        let run = |script: &str| {
            let mut command = ground.shell(script);
            command.current_dir(&out);
            let sandbox = Sandbox::for_build(&command).hidden(ground.at("project"));
            let sandbox = sandbox
                .view(ground.view())
                .writable(&out)
                .temporary(ground.at("out"));
            sandbox.confine(&mut command, strength).unwrap();
            said(command.output().map_err(told).unwrap())
        };
        let confined = strength != Strength::None;
        let check = |script: &str, works: bool| {
            let (code, text) = run(script);
            assert_eq!(code == Some(0), works, "{strength:?} {script}: {text}");
        };
        check("ls /usr/share/inside && cat /etc/conf/file && touch here", true);
        check("ls /usr/share/doc", false);
        check("echo x > /etc/conf/file", !confined);
        check("ls -d project/state", false);
        check(&format!("ls {}", ground.at("project/state").display()), !confined);
    }
}

#[test]
fn a_root_under_construction_is_all_that_its_scripts_see() {
    let Some(ground) = Ground::new() else { return };
    let strengths = [
        Strength::Isolated { processes: true },
        Strength::Isolated { processes: false },
    ];
    for strength in strengths.into_iter().filter(|strength| strength.tried().is_ok()) {
        let made = tempfile::tempdir().unwrap();
        let copied = Command::new("cp")
            .arg("-r")
            .arg(ground.at("root/usr"))
            .arg(made.path())
            .status();
        assert!(copied.unwrap().success());
        for name in ["bin", "lib", "lib64"] {
            std::os::unix::fs::symlink(format!("usr/{name}"), made.path().join(name)).unwrap();
        }
        let construction = Construction::new(made.path());
        let run = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command
                .args(["-c", script])
                .env_clear()
                .env("PATH", "/usr/bin")
                .current_dir("/");
            construction.confine(&mut command, strength).unwrap();
            said(command.output().map_err(told).unwrap())
        };
        let (code, text) =
            run("id -u; echo made > /file; chown 105:110 /file && echo given; ls / /dev; ls /home");
        assert_ne!(code, Some(0), "nothing of the host: {text}");
        assert!(text.starts_with("0\ngiven\n"), "{text}");
        assert!(text.contains("null") && !text.contains("tty"), "{text}");
        assert_eq!(fs::read_to_string(made.path().join("file")).unwrap(), "made\n");
        assert_eq!(run("echo x > /proc/sys/kernel/hostname").0, Some(2));
    }
    let mut command = Command::new("/bin/sh");
    assert!(
        Construction::new(ground.at("root"))
            .confine(&mut command, Strength::Filtered)
            .is_err()
    );
}

#[test]
#[ignore = "run where namespaces are forbidden by the test below"]
fn says_what_is_missing() {
    let lack = support().lack.as_ref().unwrap();
    assert_eq!(lack.error.kind(), std::io::ErrorKind::PermissionDenied, "{lack}");
    let folder = tempfile::tempdir().unwrap();
    make_root(&folder.path().join("root"));
    let mut command = Command::new("sh");
    View::new(folder.path().join("root"), folder.path().join("state"))
        .enter(&mut command)
        .unwrap();
    let error = ViewError::of_start(command.status().unwrap_err());
    assert!(matches!(error, ViewError::Lacks { .. }), "{error}");
}

#[test]
fn where_namespaces_are_forbidden_that_is_said() {
    let mut command = again("says_what_is_missing");
    // As containers do: the call fails.
    let call = u32::try_from(libc::SYS_unshare).unwrap();
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call, 0, 1),
        step(
            libc::BPF_RET | libc::BPF_K,
            libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned(),
            0,
            0,
        ),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    // SAFETY: two system calls on memory that was prepared.
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog {
                len: 4,
                filter: steps.as_mut_ptr(),
            };
            let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
            let done = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) == 0;
            if done {
                Ok(())
            } else {
                Err(std::io::Error::last_os_error())
            }
        });
    }
    let (code, text) = said(command.output().unwrap());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn an_ordinary_user_gets_the_same() {
    if !geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new(&program)
        .args(["view::tests", "--test-threads=2"])
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
#[ignore = "measures: run it alone, with --ignored --nocapture; SYSTEM_ROOT names a larger system root"]
fn what_starting_costs() {
    let Some(ground) = Ground::new() else { return };
    let large = std::env::var_os("SYSTEM_ROOT").unwrap_or_else(|| ground.at("root").into());
    let view = View::new(large, ground.at("project/state"));
    let mut report = String::new();
    for inside in [false, true, false, true] {
        let start = || {
            let start = Instant::now();
            let mut command = Command::new("sh");
            command.args(["-c", ":"]).current_dir("/");
            match inside {
                true => view.enter(&mut command).unwrap(),
                // SAFETY: it does nothing, as what a view does comes between fork and exec too.
                false => _ = unsafe { command.pre_exec(|| Ok(())) },
            }
            assert!(command.status().unwrap().success());
            start.elapsed().as_secs_f64() * 1e3
        };
        let mut times: Vec<f64> = (0..200).map(|_| start()).collect();
        times.sort_by(f64::total_cmp);
        report.push_str(&format!(
            "inside {inside}: p10 {:.2} ms, p50 {:.2} ms\n",
            times[20], times[100]
        ));
    }
    std::io::Write::write_all(&mut std::io::stderr(), report.as_bytes()).unwrap();
}
