import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { decodeBase64 } from './base64.ts'

// C2SP signed-note: text, blank line, signature lines "— name base64(key id || signature)".
const ED25519 = 1
const SIGNATURE_BYTES = 64
const NOTE_CHARS_MAX = 65_536
const SIGNATURES_MAX = 32
const NAME = /^[^\s+\u0000-\u001f]+$/u

export interface NoteVerifier {
  readonly name: string
  /** First 4 bytes of SHA-256(name || 0x0A || 0x01 || public key). */
  readonly id: Buffer
  readonly key: KeyObject
}

export interface NoteSigner {
  readonly name: string
  readonly id: Buffer
  readonly key: KeyObject
  /** Verifier key, `name+id+base64(0x01 || public key)`: what others pin. */
  readonly vkey: string
}

function keyId(name: string, encoded: Uint8Array): Buffer {
  return createHash('sha256').update(`${name}\n`).update(encoded).digest().subarray(0, 4)
}

/** Reads a verifier key; undefined when it is not one of Ed25519 or its id does not fit. */
export function parseVkey(vkey: string): NoteVerifier | undefined {
  const parts = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey)
  if (!parts) return undefined
  const [, name, hex, base64] = parts as unknown as [string, string, string, string]
  const encoded = decodeBase64(base64)
  if (!NAME.test(name) || encoded?.length !== 33 || encoded[0] !== ED25519) return undefined
  const id = keyId(name, encoded)
  if (id.toString('hex') !== hex) return undefined
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: encoded.subarray(1).toString('base64url') }, format: 'jwk' })
  return { name, id, key }
}

/** Signer of notes under `name`. Throws TypeError for another kind of key or an unusable name. */
export function noteSigner(name: string, privateKey: KeyObject): NoteSigner {
  if (privateKey.type !== 'private' || privateKey.asymmetricKeyType !== 'ed25519') throw new TypeError('an Ed25519 private key is needed')
  if (!NAME.test(name)) throw new TypeError('a key name has neither spaces nor a plus sign')
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
  const encoded = Buffer.concat([Buffer.from([ED25519]), Buffer.from(jwk.x!, 'base64url')])
  const id = keyId(name, encoded)
  return { name, id, key: privateKey, vkey: `${name}+${id.toString('hex')}+${encoded.toString('base64')}` }
}

/** Signs a text ending in a newline. Throws TypeError for control characters or a missing newline. */
export function signNote(text: string, signer: NoteSigner): string {
  if (!isNoteText(text)) throw new TypeError('a note is well-formed text ending in a newline')
  const signature = Buffer.concat([signer.id, sign(null, Buffer.from(text, 'utf8'), signer.key)])
  return `${text}\n— ${signer.name} ${signature.toString('base64')}\n`
}

const isNoteText = (text: string): boolean => text.endsWith('\n') && text.isWellFormed() && !/[\u0000-\u0009\u000b-\u001f]/.test(text)

export type OpenedNote =
  | { readonly ok: true; readonly text: string; readonly signedBy: readonly string[] }
  | { readonly ok: false; readonly why: string }

/**
 * Text of a note signed by at least one of the given keys. Lines of unknown keys are ignored, as the
 * specification asks; a known key whose signature is wrong spoils the whole note.
 */
export function openNote(note: string, verifiers: readonly NoteVerifier[]): OpenedNote {
  if (note.length > NOTE_CHARS_MAX || !isNoteText(note)) return { ok: false, why: 'malformed note' }
  const cut = note.lastIndexOf('\n\n')
  if (cut < 0) return { ok: false, why: 'note without signatures' }
  const text = note.slice(0, cut + 1)
  const lines = note.slice(cut + 2, -1).split('\n')
  if (lines.length > SIGNATURES_MAX) return { ok: false, why: 'too many signatures' }
  const signedBy: string[] = []
  for (const line of lines) {
    const parts = /^— (\S+) (\S+)$/u.exec(line)
    const bytes = decodeBase64(parts?.[2] ?? '')
    if (!parts || !NAME.test(parts[1]!) || !bytes || bytes.length < 5) return { ok: false, why: 'malformed signature line' }
    const known = verifiers.find(v => v.name === parts[1] && v.id.equals(bytes.subarray(0, 4)))
    if (!known) continue
    const isRight = bytes.length === 4 + SIGNATURE_BYTES && verify(null, Buffer.from(text, 'utf8'), known.key, bytes.subarray(4))
    if (!isRight) return { ok: false, why: `wrong signature of ${known.name}` }
    signedBy.push(known.name)
  }
  if (signedBy.length === 0) return { ok: false, why: 'not signed by a pinned key' }
  return { ok: true, text, signedBy }
}
