import { hash } from 'node:crypto'

/** Bytes of one tree hash. */
export const HASH_BYTES = 32

/** Root of the tree without leaves: SHA-256 of nothing (RFC 6962, 2.1). */
export const EMPTY_ROOT: Buffer = hash('sha256', Buffer.alloc(0), 'buffer')

const LEAF_PREFIX = Buffer.from([0])
const NODE_PREFIX = Buffer.from([1])

/** SHA-256(0x00 || data): hash of one entry. */
export function leafHash(data: Uint8Array | string): Buffer {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data
  return hash('sha256', Buffer.concat([LEAF_PREFIX, bytes]), 'buffer')
}

/** SHA-256(0x01 || left || right): hash of an inner node. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([NODE_PREFIX, left, right]), 'buffer')
}

/** Told of each complete subtree as it closes: it covers leaves [index * 2^level, (index + 1) * 2^level). */
export type NodeVisitor = (level: number, index: number, nodeHashOf: Buffer) => void

/**
 * A growing tree kept as its peaks: the roots of the complete subtrees of the leaves so far, largest first.
 * Appending costs one node hash on average; the root costs one per peak.
 */
export class CompactRange {
  #size: number
  #peaks: Buffer[]

  /** `peaks` as `peakNodes(size)` lists them. Throws RangeError when their number does not fit the size. */
  constructor(size = 0, peaks: readonly Buffer[] = []) {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`not a tree size: ${size}`)
    if (peaks.length !== peakNodes(size).length) throw new RangeError(`${peaks.length} peaks do not make a tree of ${size}`)
    this.#size = size
    this.#peaks = [...peaks]
  }

  get size(): number {
    return this.#size
  }

  append(leaf: Buffer, visit?: NodeVisitor): void {
    let index = this.#size
    let level = 0
    let node = leaf
    visit?.(level, index, node)
    while (index % 2 === 1) {
      node = nodeHash(this.#peaks.pop()!, node)
      index = (index - 1) / 2
      level++
      visit?.(level, index, node)
    }
    this.#peaks.push(node)
    this.#size++
  }

  root(): Buffer {
    return foldPeaks(this.#peaks)
  }

  clone(): CompactRange {
    return new CompactRange(this.#size, this.#peaks)
  }
}

/** Hash over adjacent complete subtrees, largest first, as RFC 6962 splits a ragged range. */
export function foldPeaks(peaks: readonly Buffer[]): Buffer {
  let node = peaks.at(-1)
  if (!node) return EMPTY_ROOT
  for (let i = peaks.length - 2; i >= 0; i--) node = nodeHash(peaks[i]!, node)
  return node
}

/** A complete subtree: leaves [index * 2^level, (index + 1) * 2^level). */
export interface NodeId {
  readonly level: number
  readonly index: number
}

/** Complete subtrees of leaves [from, to), left to right. `from` must be a multiple of the largest of them, as in every RFC 6962 split. */
export function rangeNodes(from: number, to: number): NodeId[] {
  const nodes: NodeId[] = []
  let at = from
  while (at < to) {
    let level = 0
    let width = 1
    while (at + width * 2 <= to && at % (width * 2) === 0) {
      width *= 2
      level++
    }
    nodes.push({ level, index: at / width })
    at += width
  }
  return nodes
}

export const peakNodes = (size: number): NodeId[] => rangeNodes(0, size)
