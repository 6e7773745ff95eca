import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Encrypts identity data at rest. One key file (the key-encryption key) per installation; the data key of a
 * tenant is derived from it and its version, so that a rotation is a new version line in the file.
 * Ciphertext: version (1 byte) | nonce (12) | AES-256-GCM text | tag (16); the associated data bind it to its cell.
 */
export interface Vault {
  seal(tenantId: number, cell: string, plain: string | Buffer): Buffer
  open(tenantId: number, cell: string, sealed: Buffer): string
  openBytes(tenantId: number, cell: string, sealed: Buffer): Buffer
  /** Keyed digest for exact look-up without decryption, 16 bytes. */
  blind(tenantId: number, purpose: string, plain: string): Buffer
  /** Keyed digest of a secret shown once (session token, SMS code), 32 bytes. */
  digest(purpose: string, secret: string): Buffer
}

export function createVault(keys: readonly Buffer[]): Vault {
  if (keys.length === 0 || keys.some(key => key.length !== 32)) throw new Error('the key file must hold lines of 32 bytes in hexadecimal')
  const newest = keys.length - 1
  const derived = new Map<string, Buffer>()
  const derive = (version: number, label: string): Buffer => {
    const name = `${version}:${label}`
    let key = derived.get(name)
    if (!key) {
      const root = keys[version]
      if (!root) throw new Error(`no key of version ${version}`)
      key = Buffer.from(hkdfSync('sha256', root, '', label, 32))
      derived.set(name, key)
    }
    return key
  }
  const openBytes: Vault['openBytes'] = (tenantId, cell, sealed) => {
    if (sealed.length < 29) throw new Error('sealed value is too short')
    const decipher = createDecipheriv('aes-256-gcm', derive(sealed[0]!, `seal:${tenantId}`), sealed.subarray(1, 13))
    decipher.setAAD(Buffer.from(`${tenantId}|${cell}`)).setAuthTag(sealed.subarray(-16))
    return Buffer.concat([decipher.update(sealed.subarray(13, -16)), decipher.final()])
  }
  return {
    seal(tenantId, cell, plain) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', derive(newest, `seal:${tenantId}`), nonce).setAAD(Buffer.from(`${tenantId}|${cell}`))
      const text = Buffer.concat([typeof plain === 'string' ? cipher.update(plain, 'utf8') : cipher.update(plain), cipher.final()])
      return Buffer.concat([Buffer.of(newest), nonce, text, cipher.getAuthTag()])
    },
    open: (tenantId, cell, sealed) => openBytes(tenantId, cell, sealed).toString('utf8'),
    openBytes,
    // Look-up digests stay on the first key: a rotation of the sealing key must not lose the index.
    blind: (tenantId, purpose, plain) =>
      createHmac('sha256', derive(0, `blind:${tenantId}:${purpose}`))
        .update(plain)
        .digest()
        .subarray(0, 16),
    digest: (purpose, secret) =>
      createHmac('sha256', derive(0, `digest:${purpose}`))
        .update(secret)
        .digest(),
  }
}

/** Reads the key file, making it (readable by its owner only) on the first start. */
export function loadVault(path: string): Vault {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(path, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
  }
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  return createVault(lines.map(line => Buffer.from(line, 'hex')))
}
