import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeSm2Key, type NoteSigner, noteSigner, sm2NoteSigner } from '#engines/hashtree/index.ts'

/** Makes the signing key (Ed25519, PKCS 8 PEM, readable by its owner only) unless it is there. */
export function ensureTrailKey(path: string): void {
  if (existsSync(path)) return
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' })
}

/** Signer from a key file; its `vkey` is the line that verifiers pin. Throws for another kind of key. */
export const loadTrailSigner = (path: string, origin: string): NoteSigner =>
  noteSigner(origin, createPrivateKey(readFileSync(path, 'utf8')))

/** Makes the second signing key (SM2, 32 bytes in hex, readable by its owner only) unless it is there. */
export function ensureSm2Key(path: string): void {
  if (existsSync(path)) return
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(path, `${makeSm2Key()}\n`, { mode: 0o600, flag: 'wx' })
}

export const loadSm2Signer = (path: string, origin: string): NoteSigner => sm2NoteSigner(origin, readFileSync(path, 'utf8').trim())
