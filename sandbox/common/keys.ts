import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

export interface PemPair {
  publicKeyPem: string
  privateKeyPem: string
}

/** A fresh RSA-2048 pair in PEM (SPKI and PKCS #8). */
export function makeRsaPair(): PemPair {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    privateKeyPem: (privateKey as KeyObject).export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

/** Printable secret: `count` characters, about 5.9 bits each. */
export function makeSecret(count: number): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  let out = ''
  while (out.length < count) {
    for (const byte of randomBytes(count)) if (byte < 248 && out.length < count) out += letters[byte % 62]
  }
  return out
}

export function readJson<T>(path: string): T | undefined {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

/** Readable by the owner only; replaced whole, never half. */
export function writeJson(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
