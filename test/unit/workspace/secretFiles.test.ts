import assert from 'node:assert/strict';
import { isSecretFile } from '../../../src/workspace/secretFiles';

const secret = `
  .env .env.local .env-prod app/.env.production prod.env config/prod.env .envrc scripts/.envrc .dev.vars .Renviron
  secrets.yaml secrets.json secrets.py secrets app-secrets.yml k8s/secret.yaml secrets.prod.toml .secrets.toml
  certs/server.pem server.KEY server.crt ca.cer AuthKey_1.p8 release.pfx release.jks app.keystore keys.kdbx key.ppk
  id_ed25519 id_rsa .ssh/config .aws/config .kube/config .docker/config.json kubeconfig prod.kubeconfig .netrc _netrc
  .npmrc .pypirc .pgpass .git-credentials .htpasswd credentials credentials.json config/credentials.yml.enc
  terraform.tfstate terraform.tfstate.backup infra/prod.tfvars prod.auto.tfvars google-services.json
  GoogleService-Info.plist service-account-prod.json client_secret_1.json wp-config.php master.key arduino_secrets.h
  office.ovpn .vault_pass.txt
`;
const open = `
  .env.example .env.sample .env.template prod.env.example src/env.ts env.d.ts environment.prod.ts src/secrets.ts
  test/unit/workspace/secrets.test.ts secrets.go docs/secrets.md secretFiles.ts credentials.ts keyboard.ts monkey.md
  tokens.css key.ts certificate.ts docker-compose.yml package.json .eslintrc .envoy.yaml wp-config-sample.php
  terraform.tfvars.example secretsmanager.tf .docker/Dockerfile .docker/nginx/default.conf .docker/app/config.json
  .env.d.ts types/.env.d.ts
`;

describe('names of files with secrets', () => {
  const names = (list: string) => list.trim().split(/\s+/);

  it('are those of tools, keys, certificates and environments', () => {
    assert.deepEqual(
      names(secret).filter((path) => !isSecretFile(path)),
      [],
    );
  });

  it('are not those of examples or of code about secrets', () => {
    assert.deepEqual(names(open).filter(isSecretFile), []);
  });
});
