/**
 * Keys, tokens and hashes that are recognised by their form, by the issuer that documents the form. Lengths are somewhat
 * below the documented ones, because a suggestion may be cut. The search is linear, because each pattern ends within a
 * bounded distance.
 */
const FORMATS: Readonly<Record<string, RegExp>> = {
  // Clouds and hosting
  'Amazon Web Services': /(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{12}|ABSK[\w+/]{60}|amzn\.mws\.[0-9a-f-]{20}/,
  Google: /AIza[\w-]{25}|GOCSPX-[\w-]{20}|ya29\.[\w-]{20}|1\/\/0[\w-]{30}/,
  Azure: /\w{3}\dQ~[\w~.-]{26}|(?:AccountKey|SharedAccessKey)=[\w+/]{30}/,
  DigitalOcean: /do[oprt]_v1_[0-9a-f]{32}/,
  Cloudflare: /v1\.0-[0-9a-f]{24}-[0-9a-f]{60}|cfut_\w{30}/,
  Heroku: /HRKU-[\w-]{30}/,
  Vercel: /vc[pikcr]_[A-Za-z0-9]{20}/,
  Netlify: /nfp_\w{20}/,
  Fly: /fm[12]_[\w+/]{30}|fo1_\w{20}/,
  Render: /rnd_[A-Za-z0-9]{20}/,
  Supabase: /sbp_[0-9a-f]{30}|sb_secret_\w{16}/,
  PlanetScale: /pscale_(?:tkn|pw|oauth)_[\w.-]{20}/,
  Neon: /napi_[a-z0-9]{30}/,
  Databricks: /dapi[0-9a-f]{24}/,
  HashiCorp: /hv[sbr]\.[\w-]{20}|[A-Za-z0-9]{14}\.atlasv1\.[\w-]{30}/,
  Doppler: /dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[\w-]{1,40}\.)?[A-Za-z0-9]{24}/,
  Pulumi: /pul-[0-9a-f]{30}/,
  Infisical: /st\.[0-9a-f-]{20,40}\.[0-9a-f]{16}/,
  '1Password': /ops_eyJ[\w-]{30}|A3-[A-Z0-9]{6}-[A-Z0-9]{6,11}-[A-Z0-9]{5}/,
  // Code and packages
  GitHub: /gh[opsur]_[A-Za-z0-9]{16}|github_pat_\w{20}/,
  GitLab: /gl(?:pat|dt|rt|ft|imt|agent|cbt|ptt|soat|oas|ffct)-[\w-]{16}|GR1348941[\w-]{16}/,
  Bitbucket: /ATBB[A-Za-z0-9_=.-]{24}/,
  npm: /npm_[A-Za-z0-9]{24}/,
  PyPI: /pypi-AgE[\w-]{20}/,
  RubyGems: /rubygems_[0-9a-f]{30}/,
  'crates.io': /cio[A-Za-z0-9]{32}/,
  NuGet: /oy2[a-z0-9]{43}/,
  Clojars: /CLOJARS_[0-9a-z]{30}/,
  Docker: /dckr_[po]at_[\w-]{16}/,
  JFrog: /AKCp[0-9a-zA-Z]{50}|cmVmd[A-Za-z0-9]{50}/,
  CircleCI: /CCIPAT_[A-Za-z0-9]{10}/,
  Buildkite: /bk(?:ua|at)_[0-9a-f]{30}/,
  Sonar: /sq[upa]_[0-9a-f]{30}/,
  // Models
  OpenAI: /sk-(?:proj|svcacct|admin)-[\w-]{20}|sk-[A-Za-z0-9]{24}/,
  Anthropic: /sk-ant-[\w-]{16}/,
  OpenRouter: /sk-or-v1-[0-9a-f]{24}/,
  Langfuse: /sk-lf-[0-9a-f-]{20}/,
  'Hugging Face': /hf_[A-Za-z0-9]{24}/,
  Groq: /gsk_[A-Za-z0-9]{30}/,
  Replicate: /r8_[A-Za-z0-9]{30}/,
  Perplexity: /pplx-[A-Za-z0-9]{30}/,
  xAI: /xai-[A-Za-z0-9]{30}/,
  NVIDIA: /nvapi-[\w-]{30}/,
  LangSmith: /lsv2_(?:pt|sk)_[0-9a-f]{24}/,
  Pinecone: /pcsk_\w{30}/,
  Tavily: /tvly-[\w-]{24}/,
  // Money
  Stripe: /[sr]k_(?:live|test)_[A-Za-z0-9]{12}|whsec_[\w+/]{16}/,
  Square: /sq0(?:atp|csp|idp)-[\w-]{16}|EAAA[\w-]{56}/,
  Shopify: /shp(?:at|ca|pa|ss|ua)_[0-9a-fA-F]{20}/,
  Braintree: /access_token\$(?:production|sandbox)\$[0-9a-z]{12}/,
  Plaid: /access-(?:production|development|sandbox)-[0-9a-f-]{20}/,
  Razorpay: /rzp_live_\w{10}/,
  Flutterwave: /FLWSECK(?:_TEST)?-[0-9a-z]{12}/,
  EasyPost: /EZ[AT]K[A-Za-z0-9]{50}/,
  Duffel: /duffel_(?:live|test)_[\w-]{30}/,
  // Messages
  Slack:
    /xox[abeoprs]-[\w-]{10}|xapp-\d-[\w-]{16}|hooks\.slack\.com\/(?:services|workflows)\/[A-Z0-9]{6,14}\/[A-Z0-9]{6}/,
  Discord: /discord(?:app)?\.com\/api\/webhooks\/\d{10,20}\/[\w-]{20}|[MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{20}/,
  Telegram: /\d{8,10}:AA[\w-]{28}/,
  Teams: /webhook\.office\.com\/webhookb2\/[0-9a-f-]{20}/,
  Twilio: /SK[0-9a-f]{32}/,
  SendGrid: /SG\.[\w-]{16,32}\.[\w-]{16}/,
  Mailgun: /key-[0-9a-f]{24}/,
  Mailchimp: /[0-9a-f]{32}-us\d{1,2}/,
  Brevo: /xkeysib-[0-9a-f]{30}/,
  Resend: /re_[A-Za-z0-9]{8}_[A-Za-z0-9]{16}/,
  // Watching and building
  Grafana: /gl(?:c|sa)_[\w+/]{24}|eyJrIjoi[\w=+/-]{30}/,
  'New Relic': /NR(?:AK|JS|II|AA)-[A-Za-z0-9-]{16}/,
  Sentry: /sntry[su]_[\w=+/]{30}/,
  Dynatrace: /dt0c\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{24}/,
  PostHog: /phx_[A-Za-z0-9]{30}/,
  LaunchDarkly: /(?:sdk|api)-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/,
  Honeycomb: /hc[abi][a-z]{2}_[0-9a-z]{24}/,
  // Tools
  Linear: /lin_(?:api|oauth)_[A-Za-z0-9]{20}/,
  Notion: /secret_[A-Za-z0-9]{40}|ntn_[A-Za-z0-9]{30}/,
  Figma: /figd_[\w-]{24}/,
  Atlassian: /AT[AC]TT3[\w=-]{24}/,
  Airtable: /pat[A-Za-z0-9]{14}\.[0-9a-f]{30}/,
  Postman: /PMAK-[0-9a-f]{16}/,
  Contentful: /CFPAT-[\w-]{30}/,
  Mapbox: /sk\.eyJ[\w-]{30}/,
  Dropbox: /sl\.[\w-]{100}/,
  Facebook: /EAA[A-Z][A-Za-z0-9]{60}/,
  Typeform: /tfp_[\w-]{30}/,
  WakaTime: /waka_[0-9a-f-]{30}/,
  // Standards
  'JSON Web Token': /(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8}/,
  age: /AGE-SECRET-KEY-1[0-9A-Z]{30}/,
  'crypt(3)': /(?<!\$)\$(?:2[abxy]?|5|6|y|apr1)\$[\w./$=,]{8,24}[\w./$]{20}/,
  Argon2: /\$argon2(?:id|i|d)\$v=\d{1,3}\$/,
  LDAP: /\{S?SHA(?:256|512)?\}[\w+/]{20}/,
};

/** The first line of a private key or an equivalent. */
const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}(?:PRIVATE KEY|Static key)|PuTTY-User-Key-File-\d/i;

const ISSUED = new RegExp(
  `(?<![A-Za-z0-9])(?:${Object.values(FORMATS)
    .map(({ source }) => source)
    .join('|')})`,
  'g',
);

/** A user and a password before the host of a URL. */
const ADDRESS = /:\/\/([^\s:/@'"`<>{}$()]{0,64}):([^\s:/@'"`<>{}$()]{4,100})@(?!sha256:)/g;
/** Credentials of HTTP. */
const HEADER = /\b(?:Bearer|Basic|Token) +([\w.~+/-]{16,})/g;
const CURL = /\bcurl\b[^\n|;]{0,80}? (?:-u|--user)[ =]['"]?[\w.@-]{1,64}:([^\s'"$<{]{4,100})/g;
/** Commands and statements that are followed by a password. */
const COMMAND =
  /\b(?:IDENTIFIED BY ["']|ConvertTo-SecureString (?:-String )?["']|sshpass -p ?["']?)([^\s"'`$<{(]{4,100})/gi;
/** Placeholders for passwords in documentation. */
const MEANS_ANY =
  /^(?:pass(?:word|wd)?|pwd?|secret|token|changeme|example|x-oauth-basic|.?\*+|%\w|\[\w+\]|your[\w-]*|my[-_]?\w+)$/i;

/** The offset of the first key, token, hash or URL with a password that is recognised by its form. */
export function findFormat(text: string): number | undefined {
  const key = PRIVATE_KEY.exec(text);
  const others = [
    firstOf(text, ISSUED, ([match]) => isVaried(match)),
    firstOf(text, ADDRESS, ([, user = '', password = '']) => password !== user && !isAnyPassword(password)),
    firstOf(text, HEADER, ([, token = '']) => isVaried(token)),
    ...[CURL, COMMAND].map((pattern) => firstOf(text, pattern, ([, password = '']) => !isAnyPassword(password))),
  ];
  return [key?.index, ...others].filter((at) => at !== undefined).reduce(least, undefined);
}

/** Whether a text ends within a private key. Its single lines do not look like secrets. */
export function endsInPrivateKey(text: string): boolean {
  const at = text.lastIndexOf('-----BEGIN ');
  return at >= 0 && PRIVATE_KEY.test(text.slice(at, at + 64)) && !text.includes('-----END ', at);
}

function firstOf(text: string, pattern: RegExp, holds: (match: RegExpExecArray) => boolean): number | undefined {
  for (const match of text.matchAll(pattern)) if (holds(match)) return match.index;
  return undefined;
}

function least(a: number | undefined, b: number): number {
  return a === undefined ? b : Math.min(a, b);
}

/** Whether a text has digits or letters of both cases, unlike plain words, and is no mask such as xxxxxxxx. */
function isVaried(text: string): boolean {
  const isMixed = /\d/.test(text) || (/[a-z]/.test(text) && /[A-Z]/.test(text));
  return isMixed && new Set(text.slice(-16)).size >= 6;
}

function isAnyPassword(text: string): boolean {
  return MEANS_ANY.test(text) || new Set(text).size < 3;
}
