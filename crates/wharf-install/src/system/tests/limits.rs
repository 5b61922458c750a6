//! Scripts that would take all memory or all time: following them ends, soon, and what is not known is not done.

use super::*;

/// What became of a script, and the root that it is in.
fn followed(script: &str) -> (System, Place) {
    let place = place();
    let package = Package::new("greedy", "1")
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
