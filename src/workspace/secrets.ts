/** Files whose whole purpose is to hold secrets, by name. */
const SECRET_NAMES = [
  /^\.env(\..+)?$/,
  /^\.(netrc|npmrc|pypirc|pgpass|htpasswd|git-credentials|dockercfg|vault-token)$/,
  /^_netrc$/,
  /^id_(rsa|dsa|ecdsa|ed25519)$/,
  /^(credentials|secrets?)(\.(json|ya?ml|toml|ini|env|txt|xml))?$/,
  /^(service[-_]?account|client[-_]secret).*\.json$/,
  /\.(pem|key|p12|pfx|jks|keystore|kdbx|ppk|ovpn|tfvars|asc|gpg)$/,
];

/** Folders that hold little else. */
const SECRET_FOLDERS = /(^|\/)\.(ssh|aws|gnupg|kube|docker)\//;

/** How keys look, by who issues them. */
const KEYS = [
  /-----BEGIN [A-Z ]*PRIVATE KEY/,
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/, // Amazon Web Services
  /\bAIza[\w-]{35}/, // Google
  /\bgh[opsur]_[A-Za-z0-9]{20,}/, // GitHub
  /\bgithub_pat_\w{20,}/,
  /\bglpat-[\w-]{20}/, // GitLab
  /\bnpm_[A-Za-z0-9]{36}/,
  /\bsk-[\w-]{20,}/, // OpenAI, Anthropic
  /\b[rs]k_live_\w{16,}/, // Stripe
  /\bxox[abeoprs]-[\w-]{10,}/, // Slack
  /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}/, // JSON Web Token
  /:\/\/[^\s:/@'"`${}]+:[^\s:/@'"`${}]{6,}@/, // a password in an address
];

/** To its end, or else all that follows. */
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;

/** A name that promises a secret, and a literal given to it. */
const ASSIGNED =
  /(?:password|passwd|secret|token|credential|api_?key|access_?key|private_?key)\w*["']?\s*[:=]\s*(["'`])([^"'`\s]{12,})\1/gi;

/** Whether a file is one that holds secrets, by its path. */
export function isSecretFile(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  // What a project commits as an example holds none.
  if (/^\.env\.(example|sample|template|dist)$/.test(name)) return false;
  return SECRET_FOLDERS.test(path.toLowerCase()) || SECRET_NAMES.some((pattern) => pattern.test(name));
}

/** Whether a text holds a key, a token or a password, as far as its form tells. */
export function holdsSecret(text: string): boolean {
  return (
    KEYS.some((key) => key.test(text)) || [...text.matchAll(ASSIGNED)].some(([, , literal = '']) => isRandom(literal))
  );
}

/** A text without the private keys in it, each left as a line that says so: most lines of one look like no secret by themselves. */
export function withoutPrivateKeys(text: string): string {
  return text.replaceAll(PRIVATE_KEY, '-----BEGIN PRIVATE KEY-----');
}

/** Letters and digits without order: neither words nor a number. */
function isRandom(text: string): boolean {
  const classes = [/[a-z]/, /[A-Z]/, /\d/].filter((kind) => kind.test(text)).length;
  return classes >= 2 && !/[{}<>$]/.test(text) && (text.match(/\d/g)?.length ?? 0) >= 3;
}
