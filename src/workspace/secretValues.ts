import type { Binding } from './secretBindings';
import { type SecretKind, wordsIn } from './secretKeys';

/** The value that is bound to the name of a secret. */
export interface Value {
  readonly text: string;
  readonly kind: SecretKind;
  readonly isQuoted: boolean;
  readonly place: Binding['place'];
}

/** Words of user interfaces, types and documentation. A value that consists of them is no secret. */
const COMMON = new Set(
  `
  a access account action actions add an any api apikey ascii auth bar base basic baz bearer blank bool boolean bos
  button bytes cancel change changeit changeme char client config confirm confirmation cookie create csrf current
  data default delete demo digest dummy email empty encrypted enter env environment eos error errors example failure
  fake false field file fixme float foo for forgot forgotten form get header headers here hex hidden hide hint id
  identifier ids in include inherit input insert int integer invalid ipsum is it jwt kennwort key keys label ldap
  link list login logout lorem masked max md me message mfa min missing mock my name never new nil no none null
  number oauth oauth2 object of off oidc old omit on optional origin otp output page pass passcode passphrase passwd
  password passwort path pending placeholder plain plaintext please private protected public put pwd qux raw read
  redacted refresh removed replace request required reset response same saml sample secret secrets service session
  set settings sha show signin signup some sso str string submit success tbd test testing tests text textbox that the
  this to todo token tokens true type undefined unknown update uri url user username utf valid value values
  verification verify view void with write x xsrf yes your yours
  `
    .trim()
    .split(/\s+/),
);

/** References to values that are defined elsewhere: variables, templates, URLs, tags and anchors. */
const REFERENCE =
  /\$[({A-Za-z_]|^\$\d$|\{\{|<%|#\{|%\(|\\\(|^<[^<>]*>$|^\[[^[\]]*\]$|^\{[^{}]*\}$|^%\w+%$|^%[sdv]$|^@[\w.]+@$|^__\w+__$|^:\w+$|^\w[\w+.-]*:\/\/|^(?:arn|vault|op|ref|ssm|secretsmanager|sm|env|file|keyring|data):|^ENC[([]/i;
/** Syntax, if it is not quoted. */
const SYNTAX = /^[!*&|>{[(]|[([]|::|->|^(?:process\.env|os\.environ|var\.|local\.|data\.|module\.|self\.|this\.)/;
const MEMBER = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$/;
const PATH = /^(?:~|\.{1,2}|[A-Za-z]:)?[\\/][\w.-]+(?:[\\/][\w.-]+)*[\\/]?$/;
const FILE_NAME =
  /^[\w-]+\.(?:pem|key|crt|cer|pub|json|txt|ya?ml|env|toml|ini|[cm]?[jt]sx?|py|go|rs|java|rb|php|html)$/;
const EMAIL = /^[\w.+-]+@[\w-]+\.[\w.-]+$/;

/** Whether a value refers to one that is defined elsewhere, or is computed. */
function isReference(text: string, isQuoted: boolean): boolean {
  if (REFERENCE.test(text) || PATH.test(text) || FILE_NAME.test(text)) return true;
  return !isQuoted && (SYNTAX.test(text) || MEMBER.test(text));
}

/** Whether a value is a secret, by its form and its place. */
export function isSecretValue({ text, kind, isQuoted, place }: Value): boolean {
  // Letters outside ASCII belong to words for people.
  if (!/^[\x20-\x7e]+$/.test(text) || isReference(text, isQuoted) || EMAIL.test(text)) return false;
  if (/\s/.test(text)) return (kind === 'phrase' && isPhrase(text)) || hasManyMarks(text);
  if (text.length < 4 || isMask(text) || isCommon(text)) return false;
  const isMixed = /\d/.test(text) && /[A-Za-z]/.test(text);
  if (place !== 'data' && isConstantName(text)) return false;
  switch (kind) {
    case 'pass':
      return text.length >= 6 && isMixed;
    case 'token':
    case 'secret': {
      const isWord = place === 'data' || (place === 'assigned' && kind === 'secret');
      return isGenerated(text) || (isWord && isUncommonWithDigits(text)) || (place === 'data' && isLong(text));
    }
    default:
      return place === 'entry' ? isUnlikeProse(text) : true;
  }
}

/** Whether a value is any literal except a switch, placeholders of secrets included. */
export function isAnyLiteral({ text, kind, isQuoted }: Omit<Value, 'place'>): boolean {
  if (isReference(text, isQuoted) || /^(?:true|false|null|none|nil|yes|no|on|off|~)$/i.test(text)) return false;
  return kind === 'password' || kind === 'secret' || !isCommon(text);
}

/** Whether a text has at least four plain words, as in passphrases. */
function isPhrase(text: string): boolean {
  return /^[a-z]+(?: [a-z]+){3,}$/.test(text);
}

function isConstantName(text: string): boolean {
  return /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(text);
}

/** Whether a text is a mask such as xxxxxxxx, ******** or 00000000. */
function isMask(text: string): boolean {
  return new Set(text).size < 3 || /^(?:x{3,}|\*{3,}|\.{3,})/i.test(text);
}

/** Whether a text has only common words and small numbers, or is marked as a placeholder. */
function isCommon(text: string): boolean {
  const words = wordsIn(text);
  if (words.length === 0) return true;
  if (words.some((word) => /^(?:your|yours|placeholder|changeme|changeit|redacted)$/.test(word))) return true;
  return (
    !/[!@#$%^&*~]\w/.test(text.slice(1)) &&
    words.every((word) => COMMON.has(word) || /^v?\d{1,2}$/.test(word) || word === 'v')
  );
}

/** Whether letters and digits look random, unlike words, numbers, dates and versions. */
function isGenerated(text: string): boolean {
  if (text.length < 8 || text.includes('|')) return false;
  if (/\d/.test(text) && /[A-Za-z]/.test(text) && (text.match(/[!@#$%^&*~?]/g)?.length ?? 0) >= 3) return true;
  if (text.length >= 24 && /^[\w+/=-]+$/.test(text) && [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(text)))
    if (wordsIn(text).length >= text.length / 4) return true;
  return text.split(/[^A-Za-z0-9]+/).some((run) => {
    const changes = run.match(/[A-Za-z](?=\d)|\d(?=[A-Za-z])/g)?.length ?? 0;
    if (changes >= 3 || (changes > 0 && run.length >= 20)) return true;
    return run.length >= 16 && wordsIn(run).length >= run.length / 2.6;
  });
}

/** Whether a text looks like a salt or key drawn from all characters, blanks included. */
function hasManyMarks(text: string): boolean {
  return text.length >= 12 && /\d/.test(text) && new Set(text.match(/[!@#$%^&*~|{}[\]<>=+;]/g)).size >= 4;
}

/** Whether a text is one long word without parts, or a long number. */
function isLong(text: string): boolean {
  return /^(?:[a-z]{16,}|[A-Z]{16,}|\d{9,})$/.test(text);
}

/** Whether a text has digits and only uncommon words, as tokens in data may have. */
function isUncommonWithDigits(text: string): boolean {
  if (/^0x[\da-f]{1,8}$/i.test(text)) return false;
  const isMixed = (/\d/.test(text) && /[A-Za-z]/.test(text)) || /[^\w.:/-]/.test(text.slice(0, -1));
  return isMixed && !wordsIn(text).some((word) => COMMON.has(word) && word.length > 2);
}

/** Whether a text has digits, marks within a word, or joined words, unlike sentences, labels and rules for fields. */
function isUnlikeProse(text: string): boolean {
  const inner = text.replace(/[.:!?*]+$/, '').replace(/^[*#.]/, '');
  if (/[|]/.test(inner)) return false;
  const words = inner.split('-');
  const isWords = words.length >= 3 && words.every((word) => /^[a-z]{3,}$/.test(word) && !COMMON.has(word));
  return /\d/.test(inner) || /[!@#$%^&*+=~?]/.test(inner) || isWords;
}
