import { decodeBase64 } from './base64.ts'
import { CanonicalError, canonicalJson } from './canonical.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { type NoteVerifier, openNote, parseVkey } from './note.ts'
import { verifyInclusion } from './proof.ts'
import { HASH_BYTES, leafHash } from './rfc6962.ts'

export const RECEIPT_FORMAT = 'yimen-receipt/1'
/** A receipt fits a print and a message: 2 KB as a file. */
export const RECEIPT_BYTES_MAX = 2_048
const PATH_MAX = 53

/** Everything needed to check one entry of the trail without network; keys are never part of it. */
export interface ReceiptBundle {
  readonly format: typeof RECEIPT_FORMAT
  /** Canonical JSON text of the entry, exactly as hashed. */
  readonly entry: string
  readonly index: number
  /** Sibling hashes, base 64, leaf first. */
  readonly path: readonly string[]
  /** Signed checkpoint note. */
  readonly checkpoint: string
}

const KEYS = 'checkpoint,entry,format,index,path'

/** The one spelling of a receipt file. */
export const receiptText = (bundle: ReceiptBundle): string => `${canonicalJson(bundle)}\n`

/** Reads a receipt file; undefined when it is anything else, has further fields or is spelled in another way. */
export function parseReceipt(text: string): ReceiptBundle | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
    if (`${canonicalJson(value)}\n` !== text) return undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof CanonicalError) return undefined
    throw error
  }
  return isBundle(value) ? value : undefined
}

function isBundle(value: unknown): value is ReceiptBundle {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const v = value as Record<string, unknown>
  return (
    Object.keys(v).sort().join() === KEYS &&
    v.format === RECEIPT_FORMAT &&
    typeof v.entry === 'string' &&
    typeof v.index === 'number' &&
    typeof v.checkpoint === 'string' &&
    Array.isArray(v.path) &&
    v.path.length <= PATH_MAX &&
    v.path.every(item => typeof item === 'string')
  )
}

export type BundleVerdict =
  | { readonly ok: true; readonly checkpoint: Checkpoint; readonly entry: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly why: string }

/**
 * Whether the entry stands at its index in the tree a pinned key signed. `pinnedVkeys` come from the verifier's
 * own file; a line that is no key throws TypeError, because silently ignoring it would change who is trusted.
 */
export function verifyBundle(bundle: ReceiptBundle, pinnedVkeys: readonly string[]): BundleVerdict {
  const pinned = pinnedVkeys.map(verifierOf)
  const opened = openCheckpoint(bundle.checkpoint, pinned)
  if (!opened.ok) return opened
  // A log may carry lines of anybody; a receipt in somebody's hand carries ours alone, so that nothing can be written into it.
  const note = openNote(bundle.checkpoint, pinned)
  if (!note.ok || note.otherLines > 0) return { ok: false, why: 'it also carries a signature of a key that is not pinned, or one twice' }
  const path = bundle.path.map(decodeBase64)
  if (!path.every(hash => hash?.length === HASH_BYTES)) return { ok: false, why: 'malformed path' }
  const { size, root } = opened.checkpoint
  const isIncluded = verifyInclusion({ leaf: leafHash(bundle.entry), index: bundle.index, size, path: path as Buffer[], root })
  if (!isIncluded) return { ok: false, why: `the entry is not number ${bundle.index} of the signed tree of ${size}` }
  const entry: unknown = JSON.parse(bundle.entry)
  return { ok: true, checkpoint: opened.checkpoint, entry: entry as Record<string, unknown> }
}

/** Throws TypeError when the line is not a verifier key. */
export function verifierOf(vkey: string): NoteVerifier {
  const verifier = parseVkey(vkey)
  if (!verifier) throw new TypeError(`not a verifier key: ${vkey.slice(0, 80)}`)
  return verifier
}
