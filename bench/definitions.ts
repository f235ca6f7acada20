/**
 * What an editor's language server knows at a cursor, for `prompts.mts`: TypeScript's language service over the files of one
 * package, which is what answers in VS Code. The service sees the file without the rest of the cursor's line, as at typing. The
 * package's dependencies are not installed, so only definitions within the package are found; those of the language itself are
 * left out, because the editor may not quote files outside the workspace.
 */
import ts from 'typescript';
import { windowStart } from '../src/completion/prompt/prompt';

interface SourceText {
  readonly path: string;
  readonly text: string;
}

export interface Definitions {
  /** Declarations without bodies, of the names on the cursor's line and the lines before it. */
  readonly declarations: string;
  /** The same names as the editor shows them when the mouse points at them, as comments. */
  readonly signatures: string;
  /** After a dot, the members of the receiver's type; otherwise empty. */
  readonly members: string;
}

/** In characters, of each of the texts. */
const MAX_CHARS = 600;
const MAX_DECLARATION_CHARS = 250;
const MAX_SIGNATURE_CHARS = 200;
const MAX_MEMBER_CHARS = 120;
/** Lines in which names are looked up: the cursor's and those before it. */
const LINES = 4;
const MAX_NAMES = 32;
/** Text after the cursor that the prompt shows. */
const SUFFIX_CHARS = 500;

const ROOT = '/package';
const LIBRARY = ts.getDefaultLibFilePath({}).replace(/\/[^/]*$/, '');
const OPTIONS: ts.CompilerOptions = {
  allowJs: true,
  strict: true,
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  jsx: ts.JsxEmit.Preserve,
  experimentalDecorators: true,
  noEmit: true,
  types: [],
  paths: { '*': [`${ROOT}/src/*`, `${ROOT}/*`] },
};

/** The files of one package, opened in TypeScript's language service. */
export class PackageService {
  private readonly files = new Map<string, { text: string; version: number }>();
  private readonly service: ts.LanguageService;

  constructor(files: readonly SourceText[]) {
    for (const { path, text } of files) this.files.set(`${ROOT}/${path}`, { text, version: 0 });
    const folders = new Set([...this.files.keys()].flatMap((file) => foldersOf(file)));
    const isLibrary = (file: string) => file.startsWith(LIBRARY);
    const readFile = (file: string) =>
      this.files.get(file)?.text ?? (isLibrary(file) ? ts.sys.readFile(file) : undefined);
    this.service = ts.createLanguageService({
      getCompilationSettings: () => OPTIONS,
      getScriptFileNames: () => [...this.files.keys()],
      getScriptVersion: (file) => String(this.files.get(file)?.version ?? 0),
      getScriptSnapshot: (file) => {
        const text = readFile(file);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      getCurrentDirectory: () => ROOT,
      getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
      fileExists: (file) => this.files.has(file) || (isLibrary(file) && ts.sys.fileExists(file)),
      readFile,
      directoryExists: (folder) => folders.has(folder) || isLibrary(folder),
      getDirectories: () => [],
    });
  }

  /** What is known at a cursor. Definitions that the prompt shows anyway are left out. */
  at(path: string, prefix: string, suffix: string): Definitions {
    const file = `${ROOT}/${path}`;
    const whole = this.files.get(file)?.text ?? '';
    this.edit(file, prefix + suffix);
    try {
      return this.find(file, prefix);
    } finally {
      this.edit(file, whole);
    }
  }

  private edit(file: string, text: string): void {
    this.files.set(file, { text, version: (this.files.get(file)?.version ?? 0) + 1 });
  }

  private find(file: string, prefix: string): Definitions {
    const program = this.service.getProgram();
    const source = program?.getSourceFile(file);
    if (!program || !source) throw new Error(`${file} is not in the program`);
    const windowed = windowStart({ prefix, prefixStart: 0 });
    const isNews = (at: string, start: number) =>
      this.files.has(at) && (at !== file || start < windowed || start > prefix.length + SUFFIX_CHARS);
    const declarations: string[] = [];
    const signatures: string[] = [];
    const found = new Set<string>();
    for (const at of namesBefore(prefix)) {
      const [first] = this.service.getDefinitionAtPosition(file, at) ?? [];
      const target = first && program.getSourceFile(first.fileName);
      if (!target || !isNews(first.fileName, first.textSpan.start)) continue;
      const id = `${first.fileName}:${String(first.textSpan.start)}`;
      if (found.has(id)) continue;
      found.add(id);
      const declaration = declarationAt(target, first.textSpan.start);
      if (declaration) declarations.push(headOf(declaration).slice(0, MAX_DECLARATION_CHARS));
      const shown = this.service.getQuickInfoAtPosition(file, at)?.displayParts ?? [];
      signatures.push(signatureOf(shown.map(({ text }) => text).join('')));
    }
    return {
      // The nearest to the cursor stands last.
      declarations: within(declarations, MAX_CHARS).reverse().join('\n'),
      signatures: within(signatures, MAX_CHARS).reverse().join('\n'),
      members: membersOf(program.getTypeChecker(), receiverAt(source, prefix), isNews),
    };
  }
}

function foldersOf(file: string): string[] {
  const parts = file.split('/');
  return parts.map((_, i) => parts.slice(0, i).join('/'));
}

/** Offsets of the names on the last lines, the nearest to the cursor first. */
function namesBefore(prefix: string): number[] {
  const start = prefix.length - prefix.split('\n').slice(-LINES).join('\n').length;
  const names = [...prefix.slice(start).matchAll(/[A-Za-z_$][\w$]*/g)];
  return names
    .filter(([name]) => name !== 'this')
    .reverse()
    .slice(0, MAX_NAMES)
    .map(({ index }) => start + index);
}

/** The texts that fit as lines, tried in their order. */
function within(texts: readonly string[], chars: number): string[] {
  let left = chars;
  return [...new Set(texts)].filter((text) => {
    const fits = text !== '' && text.length < left;
    if (fits) left -= text.length + 1;
    return fits;
  });
}

/** The declaration whose name is at an offset. */
function declarationAt(source: ts.SourceFile, at: number): ts.Node | undefined {
  const visit = (node: ts.Node): ts.Node | undefined => {
    if (at < node.pos || at >= node.end) return undefined;
    const inner = ts.forEachChild(node, visit);
    if (inner || !('name' in node) || (node.name as ts.Node | undefined)?.getStart(source) !== at) return inner;
    return ts.isVariableDeclaration(node) ? node.parent.parent : node;
  };
  return visit(source);
}

/** The text of a declaration without bodies, on one line. */
function headOf(node: ts.Node): string {
  const text = node.getText();
  const bodies: ts.Node[] = [];
  const collect = (child: ts.Node): void => {
    if (ts.isFunctionLike(child.parent) && 'body' in child.parent && child.parent.body === child) bodies.push(child);
    else ts.forEachChild(child, collect);
  };
  ts.forEachChild(node, collect);
  let head = '';
  let from = node.getStart();
  for (const body of bodies) {
    head += `${text.slice(from - node.getStart(), body.getStart() - node.getStart()).trimEnd()};`;
    from = body.end;
  }
  head += text.slice(from - node.getStart());
  return head
    .replace(/\/\*[^]*?\*\/|\/\/.*/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** `(alias) const a: A`, as the editor shows it, as the comment `// const a: A`. Modules and unknown types say nothing. */
function signatureOf(shown: string): string {
  const [first = ''] = shown.split(/\n(?:import|export|\()/);
  const text = first.replace(/^\([\w ]+\) /, '').replace(/\s+/g, ' ');
  return text === '' || /^module "|: any$/.test(text) ? '' : `// ${text.slice(0, MAX_SIGNATURE_CHARS)}`;
}

/** The expression before the dot after which the cursor is, or after which the cursor's word began. */
function receiverAt(source: ts.SourceFile, prefix: string): ts.Node | undefined {
  const dot = prefix.replace(/#?[\w$]*$/, '').length - 1;
  if (prefix[dot] !== '.') return undefined;
  const visit = (node: ts.Node): ts.Node | undefined => {
    if (dot < node.pos || dot > node.end) return undefined;
    const inner = ts.forEachChild(node, visit);
    if (inner) return inner;
    const left = ts.isPropertyAccessExpression(node)
      ? node.expression
      : ts.isQualifiedName(node)
        ? node.left
        : undefined;
    return left && left.end <= dot && node.end > dot && prefix.slice(left.end, dot).trim().length <= 1
      ? left
      : undefined;
  };
  return visit(source);
}

/** The members of a receiver's type that the package declares, as an interface. */
function membersOf(
  checker: ts.TypeChecker,
  receiver: ts.Node | undefined,
  isNews: (file: string, start: number) => boolean,
): string {
  if (!receiver) return '';
  const type = checker.getTypeAtLocation(receiver);
  const members = checker.getPropertiesOfType(checker.getApparentType(checker.getNonNullableType(type)));
  const isOfPackage = ({ name, declarations: [first] = [] }: ts.Symbol) =>
    first && /^[A-Za-z_$][\w$]*$/.test(name) && isNews(first.getSourceFile().fileName, first.getStart());
  const lines = members.filter(isOfPackage).map((member) => {
    const text = checker.typeToString(checker.getTypeOfSymbolAtLocation(member, receiver), receiver);
    return `  ${member.name}: ${text.replace(/import\("[^"]*"\)\./g, '').slice(0, MAX_MEMBER_CHARS)};`;
  });
  const name = type.getSymbol()?.name ?? checker.typeToString(type);
  return lines.length === 0 ? '' : `interface ${name} {\n${within(lines, MAX_CHARS).join('\n')}\n}`;
}
