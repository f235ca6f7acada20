import assert from 'node:assert/strict';
import type { InsertedPicture } from '../../../../src/ui/pictures/inserted';
import { insertionOf } from '../../../../src/ui/pictures/insertion';

const ICON: InsertedPicture = { path: 'node_modules/@iconify-json/mdi/icons.json', name: 'trash-can', set: 'mdi' };
const FILE: InsertedPicture = { path: 'src/img/bin.svg', name: 'bin' };
const LUCIDE: InsertedPicture = { path: 'node_modules/lucide-static/icons/trash-2.svg', name: 'trash-2' };
const TABLER: InsertedPicture = { path: 'node_modules/@tabler/icons/icons/filled/trash.svg', name: 'trash' };
const HERO: InsertedPicture = { path: 'node_modules/heroicons/24/solid/trash.svg', name: 'trash' };

interface Where {
  readonly language?: string;
  readonly path?: string | undefined;
  readonly dependencies?: readonly string[];
}

/** @param marked the text, with the cursor as █ */
function inserted(marked: string, picture: InsertedPicture, where: Where = {}): string {
  const { language = 'typescriptreact', dependencies = [] } = where;
  const path = 'path' in where ? where.path : 'src/ui/page.tsx';
  const offset = marked.indexOf('█');
  const text = marked.replace('█', '');
  const edits = insertionOf({ languageId: language, text, offset, path }, picture, dependencies);
  return edits
    .toReversed() // of two at one place, the first comes first in the text
    .toSorted((a, b) => b.start - a.start || b.end - a.end)
    .reduce((all, { start, end, text: added }) => all.slice(0, start) + added + all.slice(end), text);
}

describe('a picture is inserted', () => {
  const inQuotes: readonly [string, InsertedPicture, string, Where?][] = [
    ['<Icon icon="█" />', ICON, '<Icon icon="mdi:trash-can" />'],
    ['<Icon icon="mdi:█home" />', ICON, '<Icon icon="mdi:trash-can" />'],
    ["import bin from '█';", FILE, "import bin from '../img/bin.svg';"],
    ["import bin from './old.png█';", FILE, "import bin from '../img/bin.svg';"],
    ['<img src="█">', FILE, '<img src="src/img/bin.svg">', { language: 'html', path: 'index.html' }],
    ['<img src="█">', FILE, '<img src="../src/img/bin.svg">', { language: 'html', path: 'pages/a.html' }],
    ["const a = 'img/█';", FILE, "const a = 'img/../img/bin.svg';"], // what is there is the user's
    ['<img src="█" />', FILE, '<img src="./bin.svg" />', { path: 'src/img/a.tsx' }],
    ["import trash from '█';", LUCIDE, "import trash from 'lucide-static/icons/trash-2.svg';"],
    ['a { background: url(█) }', FILE, 'a { background: url(img/bin.svg) }', { language: 'css', path: 'src/a.css' }],
    [
      'a { background: url("█") }',
      FILE,
      'a { background: url("img/bin.svg") }',
      { language: 'css', path: 'src/a.css' },
    ],
    ['![a bin](█)', FILE, '![a bin](../src/img/bin.svg)', { language: 'markdown', path: 'docs/a.md' }],
    [
      `<a title="it's"><img src='█'>`,
      FILE,
      `<a title="it's"><img src='src/img/bin.svg'>`,
      { language: 'html', path: 'a.html' },
    ],
    ['x = "█"', FILE, 'x = "src/img/bin.svg"', { language: 'python', path: undefined }],
    ['say("it is \\"█\\" here")', ICON, 'say("it is \\"mdi:trash-can\\" here")'],
  ];
  for (const [before, picture, after, where] of inQuotes)
    it(`in quotes: ${before}`, () => {
      assert.equal(inserted(before, picture, where), after);
    });

  const elsewhere: readonly [string, string, InsertedPicture, string, Where?][] = [
    ['Markdown', 'See █.', FILE, 'See ![bin](img/bin.svg).', { language: 'markdown', path: 'src/a.md' }],
    [
      'Markdown, a path with a blank',
      '█',
      { path: 'a b.svg', name: 'a b' },
      '![a b](a%20b.svg)',
      { language: 'markdown', path: 'x.md' },
    ],
    [
      'a style sheet',
      'background: █;',
      FILE,
      'background: url("img/bin.svg");',
      { language: 'scss', path: 'src/a.scss' },
    ],
    ['HTML', '<p>█</p>', FILE, '<p><img src="img/bin.svg" alt="bin"></p>', { language: 'html', path: 'src/a.html' }],
    ['a tag of HTML', '<img src=█>', FILE, '<img src=img/bin.svg>', { language: 'html', path: 'src/a.html' }],
    ['a set’s icon in any text', 'icon: █', ICON, 'icon: mdi:trash-can', { language: 'yaml', path: 'a.yml' }],
    ['a file in any text', 'icon: █', FILE, 'icon: src/img/bin.svg', { language: 'yaml', path: 'a.yml' }],
    [
      'a file of a package in any text',
      '█',
      LUCIDE,
      '../node_modules/lucide-static/icons/trash-2.svg',
      { language: 'plaintext', path: 'docs/a.txt' },
    ],
  ];
  for (const [name, before, picture, after, where] of elsewhere)
    it(`as the language shows it: ${name}`, () => {
      assert.equal(inserted(before, picture, where), after);
    });

  const react = { dependencies: ['react', 'lucide-react', '@tabler/icons-react', '@heroicons/react', '@mdi/js'] };
  const components: readonly [string, string, InsertedPicture, string, Where?][] = [
    [
      'after the other imports',
      "import React from 'react';\nimport './a.css';\n\nconst a = <p>█</p>;\n",
      LUCIDE,
      "import React from 'react';\nimport './a.css';\nimport { Trash2 } from 'lucide-react';\n\nconst a = <p><Trash2 /></p>;\n",
    ],
    [
      'into the braces of the same package',
      "import { Plus } from 'lucide-react';\n█",
      LUCIDE,
      "import { Plus, Trash2 } from 'lucide-react';\n<Trash2 />",
    ],
    [
      'into braces of several lines',
      'import {\n  Plus,\n} from "lucide-react";\n█',
      LUCIDE,
      'import {\n  Plus, Trash2\n} from "lucide-react";\n<Trash2 />',
    ],
    [
      'without an import if it is there',
      "import { Trash2 } from 'lucide-react';\n█",
      LUCIDE,
      "import { Trash2 } from 'lucide-react';\n<Trash2 />",
    ],
    [
      'under the name that it has there',
      "import { Plus, Trash2 as Bin } from 'lucide-react';\n█",
      LUCIDE,
      "import { Plus, Trash2 as Bin } from 'lucide-react';\n<Bin />",
    ],
    [
      'with a value import if only types are imported',
      "import type { LucideIcon } from 'lucide-react';\n█",
      LUCIDE,
      "import type { LucideIcon } from 'lucide-react';\nimport { Trash2 } from 'lucide-react';\n<Trash2 />",
    ],
    [
      'at the top, after directives and comments',
      "#!/usr/bin/env node\n// A page.\n'use client';\n\nconst a = █;",
      LUCIDE,
      "#!/usr/bin/env node\n// A page.\n'use client';\n\nimport { Trash2 } from 'lucide-react';\nconst a = <Trash2 />;",
    ],
    [
      'in the style of the file',
      'import a from "a"\n█',
      LUCIDE,
      'import a from "a"\nimport { Trash2 } from "lucide-react"\n<Trash2 />',
    ],
    [
      'after an import of several lines',
      "import {\n  a,\n} from 'a';\n█",
      LUCIDE,
      "import {\n  a,\n} from 'a';\nimport { Trash2 } from 'lucide-react';\n<Trash2 />",
    ],
    [
      'of a set of the same icons',
      '█',
      { path: 'node_modules/@iconify-json/lucide/icons.json', name: 'trash-2', set: 'lucide' },
      "import { Trash2 } from 'lucide-react';\n<Trash2 />",
    ],
    [
      'with its style in its name',
      '█',
      TABLER,
      "import { IconTrashFilled } from '@tabler/icons-react';\n<IconTrashFilled />",
    ],
    [
      'with its style in its module',
      '█',
      HERO,
      "import { TrashIcon } from '@heroicons/react/24/solid';\n<TrashIcon />",
    ],
    [
      'of a set with styles in its names',
      '█',
      { path: 'x.json', name: 'trash-20-solid', set: 'heroicons' },
      "import { TrashIcon } from '@heroicons/react/20/solid';\n<TrashIcon />",
    ],
    [
      'as a value if it is one',
      'const path = █;',
      ICON,
      "import { mdiTrashCan } from '@mdi/js';\nconst path = mdiTrashCan;",
    ],
    [
      'as a name in a script without elements',
      'const a = █;',
      LUCIDE,
      "import { Trash2 } from 'lucide-react';\nconst a = Trash2;",
      { language: 'typescript' },
    ],
    [
      'in the script of a component of Vue',
      "<script setup>\nimport { ref } from 'vue';\n</script>\n<template>\n  █\n</template>\n",
      LUCIDE,
      "<script setup>\nimport { ref } from 'vue';\nimport { Trash2 } from 'lucide-vue-next';\n</script>\n<template>\n  <Trash2 />\n</template>\n",
      { language: 'vue', dependencies: ['lucide-vue-next'] },
    ],
  ];
  for (const [name, before, picture, after, where] of components)
    it(`as a component: ${name}`, () => {
      assert.equal(inserted(before, picture, { ...react, ...where }), after);
    });

  it('without a component if no package has it, or if its name would be none', () => {
    assert.equal(inserted('█', LUCIDE), 'lucide-static/icons/trash-2.svg');
    const digit = { path: 'node_modules/bootstrap-icons/icons/1-circle.svg', name: '1-circle' };
    assert.equal(
      inserted('█', digit, { dependencies: ['react-bootstrap-icons'] }),
      'bootstrap-icons/icons/1-circle.svg',
    );
  });
});
