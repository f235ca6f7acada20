/**
 * The kind of secret that a name denotes. A `password` is chosen by people and may be a word. A `token` is generated and
 * looks random. A `secret` may be either. A `phrase` consists of several words. `pass` may be short for password.
 */
export type SecretKind = 'password' | 'pass' | 'secret' | 'token' | 'phrase';

const PHRASE = /^(?:passphrase|mnemonic)$/;
const PASSWORD = /(?:password|passwd|passwrd|passcode|passwort|pwd)$/;
const TOKEN = /(?:token|apikey|accesskey|privatekey|authkey|accountkey|credentials?|jwt|^auth)$/;
const SECRET = /(?:secret|secretkey)$/;
/** Words before `pass` with which it is short for password. Alone it may be a verb, or one pass of several. */
const OF_PASS =
  /^(?:db|database|user|root|wifi|sql|mysql|pg|postgres|ftp|smtp|mail|email|admin|app|ssh|redis|mongo|mqtt|rabbitmq|account|login|auth|proxy|keystore|sudo|my)$/;
const GLUED_PASS =
  /^(?:db|user|root|wifi|sql|mysql|pg|ftp|smtp|mail|admin|redis|mqtt|sudo|ssh|require|master)pass$|^masterauth$/;
/** Words before `key` with which it is a secret, unlike keys of maps, caches and keyboards. */
const OF_KEY =
  /^(?:api|access|secret|private|auth|encryption|encrypt|signing|signature|master|service|session|shared|account|client|license|licence|subscription|storage|admin|deploy|webhook|hmac|aes|crypto|cipher|app|application|consumer|integration|write|server|instrumentation)$/;
/** Words that may follow the decisive noun. */
const QUALIFIER =
  /^(?:value|val|string|str|plain|plaintext|raw|default|prod|production|dev|development|staging|stage|test|live|local|base|b64|base64|encoded|\d+|[a-z])$/;
/** With one of these words, the name denotes an action or a property of a secret, not the secret itself. */
const ABOUT =
  /^(?:is|has|no|not|forgot|forgotten|forget|reset|update|change|show|hide|toggle|get|validate|verify|check|invalid|wrong|missing|incorrect|bad|require|required|on|handle|max|min|num|count|create|delete|remove|request|fetch|read|ask|prompt|hash|compare|generate|parse|label|error|message|hint|title)$/;
const ABOUT_TOKEN =
  /^(?:eos|bos|pad|unk|sep|cls|mask|special|next|prev|previous|continuation|page|stop|design|syntax|cancel|cancellation|public|first|last|id)$/;

const WORD = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g;

/** The words of an identifier in any spelling, in lower case. */
export function wordsIn(identifier: string): string[] {
  return (identifier.match(WORD) ?? []).map((word) => word.toLowerCase());
}

/** The kind of secret that an identifier denotes, qualifiers before a dot included; undefined if it denotes none. */
export function kindOfKey(identifier: string): SecretKind | undefined {
  const words = wordsIn(identifier);
  while (words.length > 1 && QUALIFIER.test(words.at(-1) ?? '')) words.pop();
  const [last = '', before = ''] = [words.at(-1), words.at(-2)];
  const kind = kindOfNoun(last, before);
  if (!kind || words.some((word) => ABOUT.test(word))) return undefined;
  return kind !== 'password' && words.some((word) => ABOUT_TOKEN.test(word)) ? undefined : kind;
}

function kindOfNoun(noun: string, before: string): SecretKind | undefined {
  if (PHRASE.test(noun)) return 'phrase';
  if (PASSWORD.test(noun) || GLUED_PASS.test(noun)) return 'password';
  if (noun === 'pass' || noun === 'pw') return OF_PASS.test(before) ? 'password' : 'pass';
  if (SECRET.test(noun) || (noun === 'key' && before === 'secret')) return 'secret';
  if (TOKEN.test(noun) || (noun === 'key' && OF_KEY.test(before))) return 'token';
  return undefined;
}
