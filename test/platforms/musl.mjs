/** The C library of Alpine Linux, which is also the loader of its programs. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault, must, root } from '../../scripts/lib/run.mjs';

/** Alpine's C++ library needs musl 1.2.4, which this release of Debian has, and the one before has not. */
const RELEASE = 'trixie';
const NAMES = {
  x64: { debian: 'amd64', musl: 'x86_64' },
  arm64: { debian: 'arm64', musl: 'aarch64' },
};

/** The path of the loader, below `lib` of a root folder for the emulator. */
export function loaderOf(arch) {
  return join(root, 'build', 'platforms', 'musl', arch, 'root', 'lib', `ld-musl-${NAMES[arch].musl}.so.1`);
}

/**
 * Downloads Debian's package of musl for an architecture. APT's lists and settings of this machine stay as they are.
 *
 * @param {'x64' | 'arm64'} arch
 */
export async function installMusl(arch) {
  const loader = loaderOf(arch);
  if (existsSync(loader)) return;
  const mirror = await debianMirror();
  const { debian, musl } = NAMES[arch];
  const folder = join(root, 'build', 'platforms', 'musl', arch, 'apt');
  rmSync(folder, { recursive: true, force: true });
  for (const part of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(folder, part), { recursive: true });
  const sources = join(folder, 'sources.list');
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(sources, `deb [signed-by=${keys}] ${mirror} ${RELEASE} main\n`);
  const options = Object.entries({
    'APT::Architecture': debian,
    'APT::Architectures': debian,
    'APT::Sandbox::User': '',
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
  }).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  await must('apt-get', [...options, '-qq', 'update']);
  await must('apt-get', [...options, '-qq', 'download', `musl:${debian}`], { cwd: folder });
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  await must('dpkg-deb', ['--extract', file, 'content'], { cwd: folder });
  mkdirSync(dirname(loader), { recursive: true });
  // The file that is there counts as complete, so it must not be there before it is.
  copyFileSync(join(folder, 'content', 'usr', 'lib', `${musl}-linux-musl`, 'libc.so'), `${loader}.part`);
  renameSync(`${loader}.part`, loader);
  rmSync(folder, { recursive: true });
}

/** The mirror that this machine gets Debian from. */
async function debianMirror() {
  const advice = 'musl is downloaded with the apt-get of Debian.';
  const list = await must('apt-get', ['indextargets', '--format', '$(CREATED_BY) $(COMPONENT) $(REPO_URI)'], {
    advice,
  });
  const mirror = /^Packages main (\S+\/debian\/?)$/m.exec(list)?.[1];
  if (!mirror) throw new Fault('musl comes from Debian, and the sources of apt-get name no mirror of it');
  return mirror;
}
