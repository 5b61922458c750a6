// Reads pairs of range and version as JSON on standard input; answers for each whether the reference implementation of
// node's versions says that the version satisfies the range, null where the range is none (a tag, a URL).
const semver = require(process.argv[2]);
const pairs = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answer = ([range, version]) =>
  semver.validRange(range, { loose: true }) === null
    ? null
    : semver.satisfies(version, range, { loose: true, includePrerelease: false }) ||
      // A workspace's own prerelease, or one that a tag pins, is in range for whoever asks with `*`.
      range.trim() === "" || range.trim() === "*" || range.trim() === "x";
console.log(JSON.stringify(pairs.map(answer)));
