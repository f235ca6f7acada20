import type { Unquotable } from '../filePolicy';

/** Why a file is not in the memory. Files that are ignored are not considered at all. */
export type LeftOut = Exclude<Unquotable, 'ignored' | 'missing'> | 'minified' | 'generated' | 'over the budget';

/** Files whose bytes are no text, or no text that a person writes: not worth reading. */
const NOT_TEXT =
  /\.(?:png|jpe?g|gif|ico|icns|bmp|webp|avif|tiff?|psd|pdf|docx?|xlsx?|pptx?|zip|gz|tgz|bz2|xz|zst|7z|rar|tar|jar|war|class|pyc|pyo|o|a|so|dylib|dll|exe|lib|obj|pdb|node|wasm|woff2?|ttf|otf|eot|mp[34]|m4[av]|ogg|oga|ogv|wav|flac|avi|mov|mkv|webm|bin|dat|db|sqlite3?|parquet|npy|npz|pt|pth|onnx|safetensors|gguf|vsix)$/i;
/** Lists of versions and hashes, mappings, logs; notebooks, whose cells are JSON strings beside their outputs. */
const GENERATED =
  /(?:^|\/)(?:package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|go\.sum|[^/]*\.lock|[^/]*\.lockb|[^/]*\.map|[^/]*\.log|[^/]*\.min\.(?:js|css|mjs)|[^/]*\.ipynb)$/i;

/** No line that a person writes is longer. */
const MAX_LINE_CHARS = 5000;
/** In a file of more than `SMALL_CHARS`, the mean line of a person is shorter. */
const MAX_MEAN_LINE_CHARS = 300;
const SMALL_CHARS = 20_000;

/** Why a file is left out by its name; undefined if it is not. */
export function unfitName(file: string): 'not text' | 'generated' | undefined {
  if (NOT_TEXT.test(file)) return 'not text';
  return GENERATED.test(file) ? 'generated' : undefined;
}

/** Why a text is left out; undefined if it is not. */
export function unfitText(text: string): 'minified' | undefined {
  let [lines, longest] = [0, 0];
  for (let start = 0; start <= text.length; lines++) {
    const feed = text.indexOf('\n', start);
    const end = feed < 0 ? text.length : feed;
    longest = Math.max(longest, end - start);
    start = end + 1;
  }
  const isMinified =
    longest > MAX_LINE_CHARS || (text.length > SMALL_CHARS && text.length / lines > MAX_MEAN_LINE_CHARS);
  return isMinified ? 'minified' : undefined;
}
