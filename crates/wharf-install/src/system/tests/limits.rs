//! Scripts that would take all memory or all time: following them ends, soon, and what is not known is not done.

use super::*;

/// What became of a script, and the root that it is in.
fn followed(script: &str) -> (System, Place) {
    let place = place();
    let package = Package::new("greedy", "1")
        .file("usr/bin/tool", "#!/bin/sh\n")
        .file("usr/share/greedy/one", "x")
        .file("usr/share/greedy/up", "->.")
        .file("usr/share/greedy/upper", "->../greedy")
        .file("usr/share/greedy/self", ". /usr/share/greedy/self\n")
        .extra("postinst", &format!("#!/bin/sh\n{script}\n"));
    let start = std::time::Instant::now();
    let system = composed(&place, &[package]).unwrap();
    assert!(start.elapsed().as_secs() < 60, "{script}: {:?}", start.elapsed());
    (system, place)
}

#[test]
fn what_doubles_is_not_known_any_more() {
    let forty = |text: &str| [text; 40].join("\n");
    for script in [
        format!("x=ab\n{}\necho $x > /etc/out", forty("x=$x$x")),
        format!("x=ab\n{}\necho $x > /etc/out", forty("x=`echo $x$x`")),
        format!("x=ab\n{}\necho $x > /etc/out", forty("x=${y:-$x$x}")),
        format!(
            "x=ab\n{}\necho $x > /etc/out",
            forty("x=$(cat <<EOF\n$x$x\nEOF\n)")
        ),
        format!("set -- ab\n{}\necho $1 > /etc/out", forty("set -- \"$@\" \"$@\"")),
        format!(
            "set -- \"\"\n{}\necho $1 > /etc/out",
            forty("set -- \"$@\" \"$@\"")
        ),
        "f() { mkdir -p /etc/f; f \"$@\" \"$@\"; }\nf a\necho x > /etc/out".to_owned(),
        format!(
            "echo ab > /etc/a\n{}\ncat /etc/a /etc/b > /etc/out",
            forty("cat /etc/a /etc/a > /etc/b\ncat /etc/b > /etc/a")
        ),
        format!(
            "echo ab > /etc/a\n{}\ncat /etc/a > /etc/out",
            forty("cat /etc/a >> /etc/a")
        ),
        "while true; do x=a$x; done".to_owned(),
        "while true; do printf aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done > /etc/out".to_owned(),
        "while true; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa >> /etc/out; done".to_owned(),
        ". /usr/share/greedy/self\necho x > /etc/out".to_owned(),
        format!(
            "echo x > /etc/out-$(echo {})",
            "/usr/share/greedy/*".to_owned() + &"/*".repeat(30)
        ),
        format!(
            "for x in {}; do echo $x > /etc/out; done",
            "/usr/share/greedy/*".to_owned() + &"/*".repeat(30)
        ),
        format!("x={}\ny=${{x%%*a*a*b}}\necho $y > /etc/out", "a".repeat(20_000)),
        format!("x={}\n{}\n", "a".repeat(60_000), "(:)\ny=$(:)\n".repeat(20_000)),
        "a".repeat((1 << 20) + 1),
    ] {
        let (system, _place) = followed(&script);
        let report = &system.report.scripts;
        let told: String = script.chars().take(80).collect();
        assert!(
            report
                .iter()
                .any(|script| script.class == ScriptClass::NeedsRunning),
            "{told}: {report:?}"
        );
        let size = system
            .root
            .join("etc/out")
            .metadata()
            .map_or(0, |data| data.len());
        assert!(size <= 1 << 20, "{told}: {size} bytes");
    }
}

/// What each level of a nested form begins and ends with.
const NESTED: [(&str, &str); 11] = [
    ("f() ", ""),
    ("x${a-", "}"),
    ("x\"${a-", "}\""),
    ("x${a-'b'", "}"),
    ("{ ", "; }"),
    ("(", ")"),
    ("x$(", ")"),
    ("x\"$(", ")\""),
    ("if x; then ", "; fi"),
    ("case x in y) ", ";; esac"),
    ("cat <<A\n$(", "\n)\nA\n"),
];

#[test]
fn what_is_nested_without_end_is_refused_and_not_read_for_ever() {
    for (before, after) in NESTED {
        for depth in [1_000, 20_000] {
            let script = format!("{}:{}", before.repeat(depth), after.repeat(depth));
            let (system, _place) = followed(&script);
            let script = &system.report.scripts[0];
            assert_eq!(script.class, ScriptClass::NeedsRunning, "{before}: {script:?}");
        }
    }
}

#[test]
fn what_is_nested_as_scripts_do_is_followed() {
    for (before, after) in NESTED.into_iter().take(8) {
        let script = format!("{}:{}\necho x > /etc/out", before.repeat(12), after.repeat(12));
        let (system, _place) = followed(&script);
        assert_eq!(text_of(&system, "out"), "x\n", "{before}");
    }
}

/// Backquotes inside each other need twice as many backslashes with each level: what they hold is as deep as they are.
#[test]
fn depth_is_counted_through_backquotes_and_calls() {
    let deep = |inner: &str| format!("{}{inner}{}", "{ ".repeat(45), "; }".repeat(45));
    for script in [
        deep(&format!("`{}`", deep(":"))),
        format!("f() {}\nf", deep("f")),
        format!("f() {{ x={}$(f){}; }}\nf", "${a-".repeat(50), "}".repeat(50)),
    ] {
        let told: String = script.chars().take(20).collect();
        let (system, _place) = followed(&format!("{script}\necho x > /etc/out"));
        assert_eq!(
            system.report.scripts[0].class,
            ScriptClass::NeedsRunning,
            "{told}"
        );
    }
    let (system, _place) = followed(&format!(
        "test {} -d /etc || echo x > /etc/out",
        "! ".repeat(40_001)
    ));
    assert_eq!(text_of(&system, "out"), "x\n");
}

#[test]
fn what_is_looked_at_again_and_again_costs_each_time() {
    let lines = |line: &str, count: usize| -> String {
        (0..count).map(|at| line.replace('#', &at.to_string())).collect()
    };
    for script in [
        // Bodies that are not decided, looked through by a loop.
        format!(
            "while true; do if mystery; then\n{}fi; done",
            lines("thing-#\n", 40_000)
        ),
        format!("if mystery; then\n{}fi", lines("thing-#\n", 60_000)),
        format!(
            "while true; do if mystery; then\n{}fi; done",
            "true\n".repeat(90_000)
        ),
        // Arguments that are passed over.
        format!(
            "set -- {}\nwhile true; do for x; do done; done",
            "a ".repeat(30_000)
        ),
        format!("set -- {}\nwhile true; do shift; done", "a ".repeat(30_000)),
        // Variables that are copied.
        format!("{}while true; do (:); done", lines("a#=\n", 20_000)),
        // Patterns.
        format!("x={}\ny=${{x#*{}}}", "[".repeat(3_000), "[".repeat(3_000)),
        format!("while true; do echo /*/{}*; done", "*a".repeat(4_000)),
        // Documents of one line.
        format!("cat {}\n{}", "<<A ".repeat(50_000), "A\n".repeat(50_000)),
        // Parts of words.
        "\\a".repeat(500_000),
        format!("echo ${{a-{}}}", " ".repeat(1_000_000)),
    ] {
        let (_system, _place) = followed(&script);
    }
}

#[test]
fn nothing_that_a_script_says_keeps_the_root_from_being_made() {
    let long = "a".repeat(300);
    for line in [
        "echo ${00} ${000}",
        "ln -s \"\" /etc/empty",
        &format!("ln -s {} /etc/long", "a/".repeat(2_100)),
        &format!("mkdir -p /etc/{long}"),
        &format!("echo x > /etc/{}", "a/".repeat(2_100)),
        "dpkg-divert --rename --divert / --add /usr/share/other/file",
        "dpkg-divert --rename --divert /usr/share/other/file/below --add /usr/share/other/file",
        "dpkg-divert --rename --divert /etc/x --add /usr/share/other",
        &format!("dpkg-divert --rename --divert /etc/{long} --add /usr/share/other/file"),
        "rm -rf /",
        "rm -rf //usr/..",
        "mv /usr /etc/usr",
        "mv /etc /etc/below",
        "mkdir -p /usr/lib/tmpfiles.d; echo 'd /etc/mode 177777' > /usr/lib/tmpfiles.d/x.conf",
        "update-alternatives --install /etc/name ../../x /usr/share/other/file 10",
        "update-alternatives --install /etc/name .. /usr/share/other/file 10",
        "install -m 177777 /usr/share/other/file /etc/file",
        "chmod +x /usr/share/other/file; cp /usr/share/other/file /etc/file; chmod 644 /usr/share/other/file",
        "dpkg-statoverride --update --add root root 4711 /usr/share/other/file",
    ] {
        for kind in ["preinst", "postinst"] {
            let place = place();
            let odd = Package::new("odd", "1").extra(kind, &format!("#!/bin/sh\n{line}\n"));
            let other = Package::new("other", "1").file("usr/share/other/file", "x");
            let system = composed(&place, &[odd, other]).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(system.root.join("etc/passwd").exists(), "{line}");
            let damage = place.store.verify(Depth::Full, Repair::Report).unwrap().damage;
            assert_eq!(damage, [], "{line}");
            let again = composed(&place, &[Package::new("next", "1")]).unwrap();
            assert!(again.made);
        }
    }
}

#[test]
fn a_path_that_climbs_is_the_one_that_it_leads_to() {
    let (system, _place) = followed(
        "mkdir -p /run/../srv/made /srv/../run/service\necho x > /tmp/../etc/out\nrm /usr/share/greedy /usr/share/greedy/one\n",
    );
    assert_eq!(text_of(&system, "out"), "x\n");
    assert!(system.root.join("srv/made").is_dir());
    let folders: Vec<&str> = system
        .report
        .runtime
        .iter()
        .map(|folder| folder.path.as_str())
        .collect();
    assert_eq!(folders, ["/run/service"]);
    // Without `-r` the folder stays.
    assert!(
        system.root.join("usr/share/greedy/up").exists()
            && !system.root.join("usr/share/greedy/one").exists()
    );
}

#[test]
fn a_files_mode_can_become_that_of_a_program_and_back() {
    use std::os::unix::fs::PermissionsExt;
    let (system, place) = followed("chmod 755 /usr/share/greedy/one\nchmod -x /usr/bin/tool\n");
    let runs = |path: &str| system.root.join(path).metadata().unwrap().permissions().mode() & 0o111 != 0;
    assert!(runs("usr/share/greedy/one") && !runs("usr/bin/tool"));
    assert_eq!(text(&system, "usr/share/greedy/one"), "x");
    assert_eq!(
        place.store.verify(Depth::Full, Repair::Report).unwrap().damage,
        []
    );
}

#[test]
fn an_expression_ends_where_its_parentheses_do() {
    let (system, _place) = followed(
        "x=$(($(echo \"1)\" | sed 's/\\([0-9]*\\))/\\1/') + (2 * 3)))\ny=$((echo a); (echo b))\necho \"$y\" > /etc/out\n\
         echo $((1 + 2)) $(( (3) )) > /dev/null",
    );
    assert_eq!(text_of(&system, "out"), "a\nb\n");
}

#[test]
fn a_document_of_a_line_that_goes_on_begins_behind_it() {
    let (system, _place) = followed(
        "cat <<ONE \\\n  > /etc/one\n1\nONE\ncat <<A <<-'B' > /etc/two\na\nA\n\t$b\n\tB\nx=$(cat <<C\n$(cat <<D\nd\nD\n)\nC\n)\necho \"$x\" > /etc/three",
    );
    assert_eq!(text_of(&system, "one"), "1\n");
    assert_eq!(text_of(&system, "two"), "$b\n");
    assert_eq!(text_of(&system, "three"), "d\n");
}

#[test]
fn variables_together_have_a_limit_and_what_is_let_go_does_not_count() {
    let text = "b".repeat(300_000);
    let (system, _place) = followed(&format!(
        "a={text}\nb=$a\nc=$a\nd=$a\n[ -n \"$c\" ] && echo known > /etc/c\n[ -n \"$d\" ] && touch /etc/d\n\
         unset a b\ne=$c\n[ -n \"$e\" ] && echo known > /etc/e\n"
    ));
    assert_eq!(
        (text_of(&system, "c"), text_of(&system, "e")),
        ("known\n".to_owned(), "known\n".to_owned())
    );
    assert!(!system.root.join("etc/d").exists());
}

fn text_of(system: &System, name: &str) -> String {
    text(system, &format!("etc/{name}"))
}

/// Lines of scripts that make more of what there is.
const GROWING: [&str; 14] = [
    "x=$x$y",
    "y=$(echo $x$x)",
    "set -- \"$@\" \"$@\" $x",
    "x=\"$*$y\"",
    "y=${x%%*a?*b}",
    "x=${x#?}",
    "cat /etc/a /etc/a > /etc/out",
    "cat /etc/out >> /etc/a",
    "cp /etc/a /etc/b-$#",
    "for y in $x; do x=$x$y; done",
    "for f in /usr/share/greedy/*/*/*/*; do x=$x$f; done",
    "f() { x=$x$1; f \"$@\" $x; }; f $x",
    "while [ -n \"$x\" ]; do x=$x$y; echo $x >> /etc/a; done",
    "case $x in *a*b*c) y=$x$x ;; *) x=$y$y ;; esac",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_script_takes_more_than_its_share(lines in prop::collection::vec(0..GROWING.len(), 1..60)) {
        let lines: Vec<&str> = lines.into_iter().map(|line| GROWING[line]).collect();
        let (system, _place) = followed(&format!("x='a b'\ny=ab\necho $x > /etc/a\n{}", lines.join("\n")));
        for name in ["a", "out"] {
            let size = system.root.join("etc").join(name).metadata().map_or(0, |data| data.len());
            prop_assert!(size <= 1 << 20, "{} bytes", size);
        }
    }
}
