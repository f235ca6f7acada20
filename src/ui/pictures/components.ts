import { basename } from 'node:path/posix';
import type { InsertedPicture } from './inserted';

/** An export of a package that draws an icon. */
export interface ComponentImport {
  readonly module: string;
  readonly name: string;
  /** Whether it is used as an element: `<Trash />`. */
  readonly isElement: boolean;
}

/** A package with components of the icons of others. */
interface Offer {
  /** Packages of SVG files, and prefixes of sets, that have the same icons. */
  readonly packages: readonly string[];
  readonly set: string;
  /** The packages with components, the first of them that is installed. */
  readonly modules: readonly string[];
  /** The export of an icon. @param path of its file, from the package; undefined for an icon of a set */
  readonly nameOf: (icon: string, path: string | undefined) => string;
  /** The part of the package that exports it; the package itself if absent. */
  readonly partOf?: (icon: string, path: string | undefined) => string;
  readonly isElement?: false;
}

const OFFERS: readonly Offer[] = [
  {
    packages: ['lucide-static'],
    set: 'lucide',
    modules: [
      'lucide-react',
      'lucide-preact',
      'lucide-solid',
      'lucide-vue-next',
      'lucide-svelte',
      '@lucide/svelte',
      '@lucide/vue',
    ],
    nameOf: pascal,
  },
  {
    packages: ['@tabler/icons'],
    set: 'tabler',
    modules: [
      '@tabler/icons-react',
      '@tabler/icons-preact',
      '@tabler/icons-solidjs',
      '@tabler/icons-vue',
      '@tabler/icons-svelte',
    ],
    nameOf: (icon, path) => `Icon${pascal(icon)}${path?.includes('/filled/') ? 'Filled' : ''}`,
  },
  {
    packages: ['heroicons'],
    set: 'heroicons',
    modules: ['@heroicons/react', '@heroicons/vue'],
    nameOf: (icon) => `${pascal(icon.replace(/-(solid|(16|20)-solid)$/, ''))}Icon`,
    partOf: (icon, path) => {
      const style = path ? /(16|20|24)\/(solid|outline)\//.exec(path) : /-(?:(16|20)-)?(solid)$/.exec(icon);
      return `${style?.[1] ?? '24'}/${style?.[2] ?? 'outline'}`;
    },
  },
  {
    packages: ['@mdi/svg'],
    set: 'mdi',
    modules: ['@mdi/js'],
    nameOf: (icon) => `mdi${pascal(icon)}`,
    isElement: false, // the path of its drawing
  },
  {
    packages: ['@phosphor-icons/core'],
    set: 'ph',
    modules: ['@phosphor-icons/react', '@phosphor-icons/vue'],
    nameOf: (icon) => `${pascal(icon.replace(/-(thin|light|bold|fill|duotone)$/, ''))}Icon`,
  },
  { packages: ['bootstrap-icons'], set: 'bi', modules: ['react-bootstrap-icons'], nameOf: pascal },
  { packages: ['feather-icons'], set: 'feather', modules: ['react-feather', 'vue-feather-icons'], nameOf: pascal },
];

/**
 * The component of an icon if a package that has it is installed; undefined if not.
 * @param dependencies names of the packages that are installed
 */
export function componentOf(
  { path, name, set }: InsertedPicture,
  dependencies: readonly string[],
): ComponentImport | undefined {
  const offer = OFFERS.find(({ packages, set: prefix }) =>
    set === undefined ? packages.some((one) => path.startsWith(`node_modules/${one}/`)) : set === prefix,
  );
  const module = offer?.modules.find((one) => dependencies.includes(one));
  if (!offer || module === undefined) return undefined;
  const file = set === undefined ? path : undefined;
  const icon = file === undefined ? name : basename(file, '.svg');
  const exported = offer.nameOf(icon, file);
  if (!/^[A-Za-z_$][\w$]*$/.test(exported)) return undefined; // a name that begins with a digit
  const part = offer.partOf?.(icon, file);
  return {
    module: part === undefined ? module : `${module}/${part}`,
    name: exported,
    isElement: offer.isElement ?? true,
  };
}

/** `trash-can-2` → `TrashCan2` */
function pascal(name: string): string {
  return name
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('');
}
