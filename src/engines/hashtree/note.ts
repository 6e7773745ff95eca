import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { sm2 } from 'sm-crypto-v2'
import { decodeBase64 } from './base64.ts'

// C2SP signed-note: text, blank line, signature lines "— name base64(key id || signature)".
const ED25519 = 1
// The specification's type for kinds of key it does not know, and what tells ours from others': SM2 over SM3 with the
// standard's own user id (GB/T 32918.2), for installations that must sign by the national algorithms too.
const SM2 = Buffer.from('\xffSM2-SM3:', 'latin1')
const SIGNATURE_BYTES = 64
const SM2_POINT_BYTES = 65
const NOTE_CHARS_MAX = 65_536
const SIGNATURES_MAX = 32
const NAME = /^[^\s+\u0000-\u001f]+$/u

export interface NoteVerifier {
  readonly name: string
  /** First 4 bytes of SHA-256(name || 0x0A || kind || public key). */
  readonly id: Buffer
  /** Whether 64 bytes are this key's signature of a text. */
  isRight(text: Buffer, signature: Buffer): boolean
}

export interface NoteSigner {
  readonly name: string
  readonly id: Buffer
  sign(text: Buffer): Buffer
  /** Verifier key, `name+id+base64(kind || public key)`: what others pin. */
  readonly vkey: string
}

function keyId(name: string, encoded: Uint8Array): Buffer {
  return createHash('sha256').update(`${name}\n`).update(encoded).digest().subarray(0, 4)
}

/** Reads a verifier key; undefined when it is of neither kind or its id does not fit. */
export function parseVkey(vkey: string): NoteVerifier | undefined {
  const parts = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey)
  if (!parts) return undefined
  const [, name, hex, base64] = parts as unknown as [string, string, string, string]
  const encoded = decodeBase64(base64)
  if (!NAME.test(name) || !encoded || keyId(name, encoded).toString('hex') !== hex) return undefined
  const isRight = encoded[0] === ED25519 ? ed25519Check(encoded.subarray(1)) : sm2Check(encoded)
  return isRight && { name, id: Buffer.from(hex, 'hex'), isRight }
}

function ed25519Check(publicKey: Buffer): NoteVerifier['isRight'] | undefined {
  if (publicKey.length !== 32) return undefined
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') }, format: 'jwk' })
  return (text, signature) => verify(null, text, key, signature)
}

function sm2Check(encoded: Buffer): NoteVerifier['isRight'] | undefined {
  const point = encoded.subarray(SM2.length)
  if (!encoded.subarray(0, SM2.length).equals(SM2) || point.length !== SM2_POINT_BYTES) return undefined
  const key = point.toString('hex')
  if (!sm2.verifyPublicKey(key)) return undefined
  return (text, signature) => {
    try {
      return sm2.doVerifySignature(text, signature.toString('hex'), key, { hash: true })
    } catch {
      // The library throws for numbers that no signature has.
      return false
    }
  }
}

function signerOf(name: string, encoded: Buffer, sign: NoteSigner['sign']): NoteSigner {
  if (!NAME.test(name)) throw new TypeError('a key name has neither spaces nor a plus sign')
  const id = keyId(name, encoded)
  return { name, id, sign, vkey: `${name}+${id.toString('hex')}+${encoded.toString('base64')}` }
}

/** Signer of notes under `name` by Ed25519. Throws TypeError for another kind of key or an unusable name. */
export function noteSigner(name: string, privateKey: KeyObject): NoteSigner {
  if (privateKey.type !== 'private' || privateKey.asymmetricKeyType !== 'ed25519') throw new TypeError('an Ed25519 private key is needed')
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
  const encoded = Buffer.concat([Buffer.from([ED25519]), Buffer.from(jwk.x!, 'base64url')])
  return signerOf(name, encoded, text => sign(null, text, privateKey))
}

/** A new private key for `sm2NoteSigner`, 32 bytes in hex. */
export const makeSm2Key = (): string => sm2.generateKeyPairHex().privateKey

/** Signer of notes under `name` by SM2 over SM3; the private key is 32 bytes in hex. Throws TypeError for anything else. */
export function sm2NoteSigner(name: string, privateHex: string): NoteSigner {
  if (!/^[0-9a-f]{64}$/.test(privateHex)) throw new TypeError('an SM2 private key of 32 bytes in hex is needed')
  const publicKey = sm2.getPublicKeyFromPrivateKey(privateHex)
  return signerOf(name, Buffer.concat([SM2, Buffer.from(publicKey, 'hex')]), text =>
    Buffer.from(sm2.doSignature(text, privateHex, { hash: true, publicKey }), 'hex'),
  )
}

/** Signs a text ending in a newline, one line for each signer. Throws TypeError for control characters or a missing newline. */
export function signNote(text: string, ...signers: readonly NoteSigner[]): string {
  if (!isNoteText(text)) throw new TypeError('a note is well-formed text ending in a newline')
  const bytes = Buffer.from(text, 'utf8')
  const lines = signers.map(({ name, id, sign }) => `— ${name} ${Buffer.concat([id, sign(bytes)]).toString('base64')}\n`)
  return `${text}\n${lines.join('')}`
}

const isNoteText = (text: string): boolean => text.endsWith('\n') && text.isWellFormed() && !/[\u0000-\u0009\u000b-\u001f]/.test(text)

export type OpenedNote =
  | {
      readonly ok: true
      readonly text: string
      readonly signedBy: readonly string[]
      /** Lines of keys that were not given, and repeated ones. */
      readonly otherLines: number
    }
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
  const seen = new Set<NoteVerifier>()
  for (const line of lines) {
    const parts = /^— (\S+) (\S+)$/u.exec(line)
    const bytes = decodeBase64(parts?.[2] ?? '')
    if (!parts || !NAME.test(parts[1]!) || !bytes || bytes.length < 5) return { ok: false, why: 'malformed signature line' }
    const known = verifiers.find(v => v.name === parts[1] && v.id.equals(bytes.subarray(0, 4)))
    if (!known) continue
    const isRight = bytes.length === 4 + SIGNATURE_BYTES && known.isRight(Buffer.from(text, 'utf8'), bytes.subarray(4))
    if (!isRight) return { ok: false, why: `wrong signature of ${known.name}` }
    signedBy.push(known.name)
    seen.add(known)
  }
  if (signedBy.length === 0) return { ok: false, why: 'not signed by a pinned key' }
  return { ok: true, text, signedBy, otherLines: lines.length - seen.size }
}
