import { decodeBase64 } from './base64.ts'
import { type NoteSigner, type NoteVerifier, openNote, signNote } from './note.ts'
import { verifyConsistency } from './proof.ts'
import { HASH_BYTES } from './rfc6962.ts'

/** State of a tree: C2SP tlog-checkpoint. */
export interface Checkpoint {
  /** Which tree: a name without scheme, `example.org/trail/3`. */
  readonly origin: string
  readonly size: number
  readonly root: Buffer
}

export const checkpointText = ({ origin, size, root }: Checkpoint): string => `${origin}\n${size}\n${root.toString('base64')}\n`

/** Reads a checkpoint body; undefined when malformed. Extension lines are opaque and accepted. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [origin, sizeText, rootText, ...rest] = text.split('\n')
  if (!origin || !/^(0|[1-9]\d{0,15})$/.test(sizeText ?? '') || rest.pop() !== '' || rest.includes('')) return undefined
  const size = Number(sizeText)
  const root = decodeBase64(rootText ?? '')
  if (!Number.isSafeInteger(size) || root?.length !== HASH_BYTES) return undefined
  return { origin, size, root }
}

export const signCheckpoint = (checkpoint: Checkpoint, ...signers: readonly NoteSigner[]): string =>
  signNote(checkpointText(checkpoint), ...signers)

export type OpenedCheckpoint = { readonly ok: true; readonly checkpoint: Checkpoint } | { readonly ok: false; readonly why: string }

/** A key speaks for the tree of its own name and those below it, so one pinned key covers all tenants of an installation. */
const speaksFor = (name: string, origin: string): boolean => origin === name || origin.startsWith(`${name}/`)

/** Opens a signed checkpoint with pinned keys only. */
export function openCheckpoint(note: string, pinned: readonly NoteVerifier[]): OpenedCheckpoint {
  const opened = openNote(note, pinned)
  if (!opened.ok) return opened
  const checkpoint = parseCheckpoint(opened.text)
  if (!checkpoint) return { ok: false, why: 'malformed checkpoint' }
  if (!opened.signedBy.some(name => speaksFor(name, checkpoint.origin)))
    return { ok: false, why: `no pinned key speaks for ${checkpoint.origin}` }
  return { ok: true, checkpoint }
}

/**
 * What a witness does with a new checkpoint: it remembers the last one and accepts only a tree that begins with it.
 * Holding the signing key does not help a forger here: the signature may be right and the tree still refused.
 * `path` is the consistency proof from the held size; empty for the first checkpoint ever seen.
 */
export function witnessCheckpoint(
  held: Checkpoint | undefined,
  note: string,
  path: readonly Uint8Array[],
  pinned: readonly NoteVerifier[],
): OpenedCheckpoint {
  const opened = openCheckpoint(note, pinned)
  if (!opened.ok || held === undefined || held.size === 0) return opened
  const { checkpoint } = opened
  if (checkpoint.origin !== held.origin) return { ok: false, why: `another tree: ${checkpoint.origin}` }
  const isConsistent = verifyConsistency({
    oldSize: held.size,
    oldRoot: held.root,
    newSize: checkpoint.size,
    newRoot: checkpoint.root,
    path,
  })
  return isConsistent ? opened : { ok: false, why: `tree of ${checkpoint.size} does not begin with the one of ${held.size} seen before` }
}
