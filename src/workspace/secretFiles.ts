/** Names of files that usually contain secrets, in lower case. Their contents are not examined. */
const NAMES = [
  // Environments
  /^\.env(?:[.-](?!d\.[cm]?ts$).+)?$/,
  /\.env(?:\.(?:local|dev|development|test|staging|prod|production))?$/,
  /^\.(?:envrc|dev\.vars|renviron|flaskenv)(?:\..+)?$/,
  // Credentials of tools
  /^[._]netrc$/,
  /^\.(?:npmrc|yarnrc|pypirc|pgpass|my\.cnf|mylogin\.cnf|htpasswd|htdigest|git-credentials|gitcookies|dockercfg|dockerconfigjson)$/,
  /^\.(?:vault-token|vault[_-]pass(?:\.txt)?|s3cfg|boto|terraformrc|fly|ngrok2?|npmtoken|snyk|subversion|cargo-credentials)$/,
  /^(?:htpasswd|shadow|gshadow|pgpass\.conf|terraform\.rc|rclone\.conf)$/,
  /^(?:kubeconfig|kubeconfig\..+|.+\.kubeconfig|admin\.conf|dockerconfig\.json)$/,
  /^\.?ansible[-_]?vault.*$/,
  // Files of applications
  /^credentials(?:\.(?!(?:ts|tsx|js|jsx|mjs|cjs|go|rs|java|kt|swift|rb|cs|php|py|vue|md)$).+)?$/,
  /^(?:arduino_)?secrets?\.h$/,
  /^(?:service[-_]?account|client[-_]?secrets?|application_default_credentials|gcp[-_]?key|firebase[-_]?adminsdk).*\.json$/,
  /^(?:google-services\.json|googleservice-info\.plist|agconnect-services\.json)$/,
  /^(?:terraform\.tfstate|.+\.tfstate)(?:\.backup|\..+\.backup)?$/,
  /\.(?:tfvars|tfvars\.json)$/,
  /^(?:wp-config\.php|wp-config-.+\.php|localsettings\.php|settings\.local\.php|parameters\.ya?ml|master\.key|local_settings\.py|localsettings\.py)$/,
  /^appsettings\.(?:local|production)\.json$/,
  /^(?:keystore|key|signing|release-signing)\.properties$/,
  /^(?:local\.settings|user-?secrets)\.json$/,
  // Keys and certificates
  /^(?:id|ssh_host)_(?:rsa|dsa|ecdsa|ed25519)(?:_sk|_key)?$/,
  /\.(?:pem|key|crt|cer|cert|der|p7b|p7c|p8|p12|pfx|pkcs12|jks|jceks|bks|keystore|truststore|kdbx?|ppk|csr|keytab|mobileprovision|provisionprofile)$/,
  /\.(?:ovpn|asc|gpg|pgp|agekey|age|psafe3|agilekeychain|1pif|sops)$/,
  /^(?:wg\d+\.conf|wpa_supplicant.*\.conf)$/,
];

/** `secrets.*` and `*-secrets.*`, unless the extension is that of source code or documentation. */
const SECRETS =
  /^\.?(?:.+[-_.])?secrets?(?:[-_.](?:local|dev|development|test|staging|prod|production|enc))?(?:\.([\w.]+))?$/;
const SOURCE =
  /(?:^|\.)(?:[cm]?[jt]sx?|d\.ts|go|rs|java|kts?|scala|swift|rb|cs|fs|vb|php|cc|cpp|cxx|hpp|m|mm|dart|ex|exs|erl|hs|clj|lua|vue|svelte|html|css|s[ac]ss|less|md|mdx|rst|adoc|svg|png|snap)$/;

/** Folders that mainly contain secrets, and one file of a folder that may also belong to a project. */
const FOLDERS =
  /(?:^|\/)(?:\.(?:ssh|aws|azure|gnupg|kube|gcloud|secrets?|password-store)|\.config\/gcloud)\/|(?:^|\/)\.docker\/config\.json$/;

/** An example that a project commits contains no secrets. */
const EXAMPLE = /(?:^|[._-])(?:example|examples|sample|template|tmpl|tpl|dist|defaults|schema)(?:[._-]|$)/;

/** Whether a file usually contains secrets, by its path with forward slashes. */
export function isSecretFile(path: string): boolean {
  const lowerCase = path.toLowerCase();
  const name = lowerCase.slice(lowerCase.lastIndexOf('/') + 1);
  if (FOLDERS.test(lowerCase)) return true;
  if (EXAMPLE.test(name) && !/\.(?:pem|key|p12|pfx|p8|jks|keystore)$/.test(name)) return false;
  if (NAMES.some((pattern) => pattern.test(name))) return true;
  const secrets = SECRETS.exec(name);
  return secrets !== null && !SOURCE.test(secrets[1] ?? '');
}
