import { cutAt, type Filter } from './filter';

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
];

/** A name that promises a secret, and a literal given to it. */
const ASSIGNED =
  /(?:password|passwd|secret|token|credential|api_?key|access_?key|private_?key)\w*["']?\s*[:=]\s*(["'`])([^"'`\s]{12,})\1/i;

/** What a training corpus leaked, or what merely looks like it, is never shown. */
export const secrets: Filter = (cursor) => (draft) => {
  const written = cursor.linePrefix + draft.text;
  const literal = ASSIGNED.exec(written)?.[2];
  const isSecret = KEYS.some((key) => key.test(written)) || (literal !== undefined && isRandom(literal));
  return isSecret ? cutAt(draft, 0) : draft;
};

/** Letters and digits without order: neither words nor a number. */
function isRandom(text: string): boolean {
  const classes = [/[a-z]/, /[A-Z]/, /\d/].filter((kind) => kind.test(text)).length;
  return classes >= 2 && /\d/.test(text) && !/[{}<>$]/.test(text) && (text.match(/\d/g)?.length ?? 0) >= 3;
}
