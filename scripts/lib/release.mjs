/**
 * What a tag releases. The marketplace knows no versions like 1.2.0-beta: by its convention, a version with an odd minor number
 * is a pre-release.
 *
 * @param {string} tag for example v0.2.0
 * @param {string} version of package.json
 * @param {string} changelog the text of CHANGELOG.md
 * @returns {{version: string, preRelease: boolean, notes: string}} `notes` is the version's part of the changelog
 * @throws {Error} if the tag does not fit the version, or the changelog does not know it
 */
export function releaseOf(tag, version, changelog) {
  if (tag !== `v${version}`) throw new Error(`The tag ${tag} does not fit package.json, whose version is ${version}.`);
  const [, ...sections] = changelog.split(/^## /m);
  const section = sections.find((text) => text.startsWith(`[${version}]`));
  if (section === undefined)
    throw new Error(`CHANGELOG.md has no section "## [${version}]": rename "Unreleased" to it.`);
  const notes = section
    .slice(section.indexOf('\n') + 1)
    .replace(/^\[[^\]]+\]: .*$/gm, '')
    .trim();
  if (notes === '') throw new Error(`The section "## [${version}]" of CHANGELOG.md is empty.`);
  return { version, preRelease: isPreRelease(version), notes };
}

/** Whether a version with these numbers is a pre-release. */
export function isPreRelease(version) {
  return Number(version.split('.')[1]) % 2 === 1;
}
