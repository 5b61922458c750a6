//! Tests of npm's configuration: which place wins, where logins belong, and that nobody sees them.

use super::tests::Folder;
use crate::{CredentialKind, NpmOptions, NpmProject};

const PACKAGE: (&str, &str) = ("package.json", r#"{"name": "x"}"#);

fn read(files: &[(&str, &str)], variables: &[(&str, &str)]) -> (NpmProject, Vec<String>) {
    let mut all = vec![PACKAGE];
    all.extend(files);
    let folder = Folder::new(&all);
    let project = folder.discover(".", variables).unwrap();
    let root = folder.path().display().to_string();
    let warnings = project
        .warnings
        .iter()
        .map(|warning| warning.message.replace(&root, ""))
        .collect();
    (project.npm.unwrap(), warnings)
}

fn credentials(npm: &NpmProject) -> Vec<String> {
    let shown = |kind: &CredentialKind| match kind {
        CredentialKind::Bearer(token) => format!("bearer {}", token.expose()),
        CredentialKind::Basic { username, password } => format!("basic {username}:{}", password.expose()),
        CredentialKind::ClientCertificate { certificate, key } => {
            let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
            format!("certificate {} {}", name(certificate), name(key))
        }
    };
    let all = npm.credentials.iter();
    all.map(|credential| format!("{} {}", credential.prefix, shown(&credential.kind)))
        .collect()
}

#[test]
fn the_strongest_place_wins() {
    let project = (
        ".npmrc",
        "registry = https://project.example.org\n@a:registry=https://a.example.org/npm/\n",
    );
    let user = (
        "home/.npmrc",
        "registry=https://user.example.org/\n@b:registry=https://b.example.org/\n",
    );
    let global = (
        "etc/npmrc",
        "registry=https://global.example.org/\n@c:registry=https://c.example.org/\n",
    );
    let prefix = ("npm_config_prefix", "{root}");
    let default = |files: &[(&str, &str)], variables: &[(&str, &str)]| {
        read(files, variables).0.registries.default.to_string()
    };
    for (files, variables, expected) in [
        (
            vec![project, user, global],
            vec![("NPM_CONFIG_REGISTRY", "https://env.example.org"), prefix],
            "https://env.example.org/",
        ),
        (
            vec![project, user, global],
            vec![prefix],
            "https://project.example.org/",
        ),
        (vec![user, global], vec![prefix], "https://user.example.org/"),
        (vec![global], vec![prefix], "https://global.example.org/"),
        (
            vec![global],
            vec![("npm_config_globalconfig", "{root}/etc/npmrc")],
            "https://global.example.org/",
        ),
        (
            vec![global, ("other", "registry=https://other.example.org/")],
            vec![("NPM_CONFIG_USERCONFIG", "{root}/other")],
            "https://other.example.org/",
        ),
    ] {
        assert_eq!(default(&files, &variables), expected, "{variables:?}");
    }
    let (npm, warnings) = read(&[project, user, global], &[prefix]);
    let stated = npm.registries.scopes.iter().filter(|(scope, _)| *scope != "@jsr");
    let scopes: Vec<_> = stated.map(|(scope, url)| format!("{scope} {url}")).collect();
    assert_eq!(
        scopes,
        [
            "@a https://a.example.org/npm/",
            "@b https://b.example.org/",
            "@c https://c.example.org/"
        ]
    );
    assert!(
        npm.registries.scopes.contains_key("@jsr"),
        "the scope of `jsr:` has a registry of its own"
    );
    let (own, _) = read(&[(".npmrc", "@jsr:registry=https://jsr.example.org/\n")], &[]);
    assert_eq!(own.registries.scopes["@jsr"].expose(), "https://jsr.example.org/");
    let declared: Vec<_> = npm
        .registry_sources
        .iter()
        .map(|source| (source.scope.as_deref(), source.declared))
        .collect();
    assert_eq!(declared[0], (None, crate::Declared::Project));
    assert_eq!(declared[2], (Some("@b"), crate::Declared::Machine));
    assert!(warnings.is_empty(), "{warnings:?}");
    // Nothing is configured: the built-in default.
    assert_eq!(
        read(&[], &[]).0.registry_sources[0].origin.to_string(),
        "the built-in default"
    );
}

#[test]
fn logins_belong_to_what_they_name() {
    let npmrc = "\
//a.example.org/:_authToken=${TOKEN}
//b.example.org/team/:username=me
//b.example.org/team/:_password=c2VjcmV0
//c.example.org:8080/:_auth=bWU6c2U6Y3JldA==
//d.example.org/:certfile=cert.pem
//d.example.org/:keyfile=key.pem
//e.example.org/:_authToken=${UNSET}
//f.example.org/:username=alone
registry=http://c.example.org:8080/
";
    let (npm, warnings) = read(
        &[
            (".npmrc", npmrc),
            (
                "home/.npmrc",
                "//a.example.org/:_authToken=weaker\n_authToken=loose\n",
            ),
        ],
        &[("TOKEN", "t0k")],
    );
    assert_eq!(
        credentials(&npm),
        [
            "https://a.example.org/ bearer t0k",
            "https://b.example.org/team/ basic me:secret",
            "https://c.example.org:8080/ basic me:se:cret",
            "http://c.example.org:8080/ basic me:se:cret",
            "https://d.example.org/ certificate cert.pem key.pem",
        ]
    );
    assert_eq!(
        warnings,
        [
            "a login in .npmrc:7 is not used: the variable `UNSET` is not set",
            "`_authToken` in home/.npmrc:2 is not used: it does not say for which registry it is (write `//HOST/:_authToken=…`)",
        ]
    );
    let printed = format!("{npm:?}");
    for secret in ["t0k", "secret", "se:cret", "c2VjcmV0", "loose", "weaker"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[test]
fn the_network_is_npms_above_the_projects() {
    let npmrc = "cafile=certs/ca.pem\nhttps-proxy=proxy.example.org:3128\nnoproxy=localhost,example.net\nstrict-ssl=false\nfetch-retries=7\nfetch-timeout=5000\n";
    let (npm, _) = read(
        &[(".npmrc", npmrc)],
        &[("PIP_CERT", "/pip.pem"), ("NODE_EXTRA_CA_CERTS", "/more.pem")],
    );
    let network = &npm.network;
    assert!(network.ca_bundle.as_ref().unwrap().ends_with("certs/ca.pem"));
    assert_eq!(network.extra_ca.as_ref().unwrap().to_str(), Some("/more.pem"));
    assert_eq!(
        network.proxy.as_ref().unwrap().to_string(),
        "http://proxy.example.org:3128/"
    );
    assert_eq!(network.no_proxy.as_deref(), Some("localhost,example.net"));
    assert_eq!(
        (network.accept_any_certificate, network.retries),
        (Some(true), Some(7))
    );
    assert_eq!(network.timeout.unwrap().as_secs(), 5);
    let (npm, _) = read(&[], &[("PIP_CERT", "/pip.pem")]);
    assert_eq!(npm.network.ca_bundle.as_ref().unwrap().to_str(), Some("/pip.pem"));
    let (npm, _) = read(
        &[(".npmrc", "ca[]=\"A\\nB\"\nca[]=C\n")],
        &[("PIP_CERT", "/pip.pem")],
    );
    assert_eq!(
        (npm.network.ca_pem.as_slice(), &npm.network.ca_bundle),
        (&["A\nB".to_owned(), "C".to_owned()][..], &None)
    );
}

#[test]
fn settings_come_from_every_place() {
    let pnpm = (
        "pnpm-workspace.yaml",
        "nodeLinker: hoisted\npublicHoistPattern:\n  - '*eslint*'\nstrictPeerDependencies: true\nminimumReleaseAge: 1440\nregistries:\n  '@s': https://s.example.org/\n",
    );
    let (npm, warnings) = read(
        &[
            pnpm,
            (".npmrc", "node-linker=isolated\nengine-strict=true\nomit[]=dev\n"),
        ],
        &[],
    );
    let options = &npm.options;
    assert_eq!(options.layout.as_str(), "hoisted");
    assert_eq!(options.public_hoist, Some(vec!["*eslint*".to_owned()]));
    assert!(options.strict_peers && options.engine_strict && options.omit_dev);
    assert_eq!(options.cooldown.seconds(), 86_400);
    assert_eq!(npm.registries.scopes["@s"].to_string(), "https://s.example.org/");
    assert!(warnings.is_empty(), "{warnings:?}");
    // A machine's own wish for other versions would change the lock.
    let (npm, warnings) = read(
        &[("home/.npmrc", "legacy-peer-deps=true\n")],
        &[("NPM_CONFIG_BEFORE", "2026-01-01")],
    );
    assert!(npm.options.install_peers && npm.options.exclude_newer.is_none());
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let (npm, _) = read(&[(".npmrc", "legacy-peer-deps=true\n")], &[]);
    assert!(!npm.options.install_peers);
}

#[test]
fn machines_and_optional_requirements_that_are_not_wanted() {
    let key = |pnpm: &str| format!("{{\"pnpm\": {{{pnpm}}}}}");
    let own = key(
        r#""supportedArchitectures": {"os": ["win32", "current"], "cpu": ["x64"]}, "ignoredOptionalDependencies": ["fsevents"]"#,
    );
    let yaml = "ignoredOptionalDependencies:\n  - '@x/*'\n  - '!@x/a'\nsupportedArchitectures:\n  os: [darwin]\n  libc: musl\n  gpu: [y]\n";
    let yarn = "supportedArchitectures:\n  os: [linux]\n  cpu: [current, arm64]\n";
    for (files, os, cpu, libc, ignored) in [
        (
            vec![("package.json", own.as_str())],
            &["win32", "current"][..],
            &["x64"][..],
            &[][..],
            &["fsevents"][..],
        ),
        // Of each list the strongest place counts.
        (
            vec![("package.json", own.as_str()), ("pnpm-workspace.yaml", yaml)],
            &["darwin"],
            &["x64"],
            &["musl"],
            &["@x/*", "!@x/a"],
        ),
        (
            vec![("package.json", "{}"), (".yarnrc.yml", yarn)],
            &["linux"],
            &["current", "arm64"],
            &[],
            &[],
        ),
        (
            vec![
                ("package.json", "{}"),
                (".npmrc", "os=darwin\nignored-optional-dependencies[]=b\n"),
            ],
            &["darwin"],
            &[],
            &[],
            &["b"],
        ),
    ] {
        let (npm, warnings) = read(&files, &[]);
        let NpmOptions {
            machines,
            ignored_optional,
            ..
        } = &npm.options;
        assert_eq!(
            (
                &machines.os[..],
                &machines.cpu[..],
                &machines.libc[..],
                &ignored_optional[..]
            ),
            (
                &owned(os)[..],
                &owned(cpu)[..],
                &owned(libc)[..],
                &owned(ignored)[..]
            )
        );
        let unknown =
            "Wharf does not obey these settings of pnpm-workspace.yaml: `supportedArchitectures.gpu`";
        let is_told = files.iter().any(|(name, _)| *name == "pnpm-workspace.yaml");
        assert_eq!(warnings, Vec::from_iter(is_told.then(|| unknown.to_owned())));
    }
    // What a machine says about the lock counts for nothing.
    let (npm, warnings) = read(&[("home/.npmrc", "ignored-optional-dependencies[]=b\n")], &[]);
    assert!(npm.options.ignored_optional.is_empty());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn values_that_cannot_be_used_name_their_place() {
    for (npmrc, expected) in [
        (
            "\nregistry=example.org\n",
            "`registry` in .npmrc:2 is set to `example.org`: it is not a URL",
        ),
        ("registry=https://me:secret@[x/\n", "`registry` in .npmrc:1"),
        ("registry=file:///x\n", "a registry is reached by http or https"),
        ("@s:registry=${NOT}\n", "`NOT` is not set"),
        ("strict-ssl=perhaps\n", "it is neither `true` nor `false`"),
        ("fetch-retries=many\n", "it is not a number"),
    ] {
        let error = Folder::new(&[PACKAGE, (".npmrc", npmrc)])
            .discover(".", &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected) && !error.contains("secret"), "{error}");
    }
}

#[test]
fn bun_and_yarn_have_their_own_files() {
    let bunfig = "[install]\nexact = true\nlinker = \"hoisted\"\nminimumReleaseAge = 3600\nregistry = { url = \"https://bun.example.org\", token = \"s3cret\" }\nca = \"x\"\n[install.scopes]\nteam = \"https://team.example.org/\"\n[test]\nx = 1\n";
    let (npm, warnings) = read(&[("bunfig.toml", bunfig)], &[]);
    assert_eq!(
        (npm.options.save_prefix.as_str(), npm.options.layout.as_str()),
        ("", "hoisted")
    );
    assert_eq!(npm.options.cooldown.seconds(), 3600);
    assert_eq!(npm.registries.default.to_string(), "https://bun.example.org/");
    assert_eq!(
        npm.registries.scopes["@team"].to_string(),
        "https://team.example.org/"
    );
    assert_eq!(
        warnings,
        ["Wharf does not obey these settings of bunfig.toml: `install.ca`, `install.token`"]
    );
    let yarnrc = "npmRegistryServer: https://yarn.example.org\nnpmMinimalAgeGate: 3d\nnpmScopes:\n  team:\n    npmRegistryServer: https://team.example.org\n    npmAuthToken: s3cret\n";
    let (npm, warnings) = read(&[(".yarnrc.yml", yarnrc)], &[]);
    assert_eq!(npm.options.cooldown.seconds(), 3 * 86_400);
    assert_eq!(npm.registries.default.to_string(), "https://yarn.example.org/");
    assert_eq!(
        npm.registries.scopes["@team"].to_string(),
        "https://team.example.org/"
    );
    assert_eq!(
        warnings,
        ["Wharf does not obey these settings of .yarnrc.yml: `npmScopes.team.npmAuthToken`"]
    );
    assert!(!format!("{npm:?}").contains("s3cret"));
}

#[test]
fn words_to_install_scripts_are_kept_for_them() {
    let (npm, warnings) = read(
        &[(
            ".npmrc",
            "ELECTRON_mirror=https://mirror.example.org/\nnodedir=/usr/include\n",
        )],
        &[],
    );
    let kept: Vec<_> = npm
        .script_config
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        kept,
        [
            "electron_mirror=https://mirror.example.org/",
            "nodedir=/usr/include"
        ]
    );
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn scripts_are_told_no_login() {
    let npmrc = "//npm.example.org/:_authToken=s3cret\nnpm.example.org/:_authToken=s3cret\n\
        https://npm.example.org/:_password=s3cret\n_auth=s3cret\n_password=s3cret\n@a_b:_authToken=s3cret\n\
        team_password=s3cret\nteam_authToken=s3cret\nTEAM_AUTH=s3cret\nsass_binary_site=${SITE}\nnode-options=--fine\n\
        npm_token=s3cret\nauth_token=s3cret\nGITHUB_TOKEN=s3cret\nclient_secret=s3cret\ndb_passwd=s3cret\napi_key=s3cret\n\
        team_access-key=s3cret\nhttps_proxy=http://u:s3cret@proxy.example.org\nhttp_proxy=u:s3cret@proxy.example.org\n\
        a_mirror=https://s3cret@mirror.example.org/x\ndisturl=https://u:s3cret@dist.example.org/\n\
        key_map=monkey\nb_mirror=https://mirror.example.org/@scope/x\nc_source=git@git.example.org:x\n";
    let folder = Folder::new(&[
        PACKAGE,
        (".npmrc", npmrc),
        (
            "home/.npmrc",
            "sass_binary_site=user\nsharp_binary_host=user\nfetch-retries=wrong\n",
        ),
    ]);
    let home = folder.path().join("home").display().to_string();
    let variables = [
        ("HOME", home.as_str()),
        ("SITE", "own"),
        ("npm_config_arch", "arm64"),
    ];
    let options = crate::Options {
        environment: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..crate::Options::default()
    };
    let told = crate::npm_script_config(folder.path(), &options);
    assert_eq!(told.node_options.as_deref(), Some("--fine"));
    let told = told.words.into_iter();
    let told: Vec<String> = told.map(|(key, value)| format!("{key}={value}")).collect();
    let expected = [
        "b_mirror=https://mirror.example.org/@scope/x",
        "c_source=git@git.example.org:x",
        "key_map=monkey",
        "sass_binary_site=own",
        "sharp_binary_host=user",
    ];
    assert_eq!(told, expected);
    // Install scripts are told of the tools that they start as well.
    let variables: Vec<(&str, &str)> = variables[1..].to_vec();
    let told = read(&[(".npmrc", npmrc)], &variables).0.script_config;
    assert_eq!(
        told.keys().collect::<Vec<_>>(),
        [
            "arch",
            "b_mirror",
            "c_source",
            "key_map",
            "node-options",
            "sass_binary_site"
        ]
    );
}

#[test]
fn variables_that_decide_what_is_installed() {
    let told = |variables: &[(&str, &str)]| {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        format!("{:?}", crate::npm_installing_variables(&variables.collect()))
    };
    let usual = told(&[
        ("npm_config_fund", "false"),
        ("npm_config_user_agent", "x"),
        ("OTHER", "x"),
    ]);
    assert_eq!(usual, told(&[]));
    for key in [
        "node_linker",
        "omit",
        "os",
        "engine_strict",
        "use_node_version",
        "strict_peer_deps",
        "strict_peer_dependencies",
        "nodedir",
        "arch",
        "msvs_version",
    ] {
        assert_ne!(told(&[(&format!("npm_config_{key}"), "true")]), usual, "{key}");
    }
    // Of two spellings the first counts, here as where they are obeyed.
    let both = |first: &str| told(&[("NPM_CONFIG_OMIT", first), ("npm_config_omit", "peer")]);
    assert_ne!(both("dev"), both("optional"));
    let obeyed = |first: &str| {
        let variables = [("NPM_CONFIG_OMIT", first), ("npm_config_omit", "peer")];
        read(&[], &variables).0.options.omit_dev
    };
    assert!(obeyed("dev") && !obeyed("optional"));
}
