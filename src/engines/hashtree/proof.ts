import { EMPTY_ROOT, foldPeaks, HASH_BYTES, type NodeId, nodeHash, rangeNodes } from './rfc6962.ts'

type Range = readonly [from: number, to: number]

/** Gives the hash of a complete subtree; throws when it is not at hand. */
export type NodeReader = (node: NodeId) => Buffer

function assertSizes(lower: number, upper: number, what: string): void {
  if (!Number.isSafeInteger(lower) || !Number.isSafeInteger(upper) || lower < 0 || lower > upper) {
    throw new RangeError(`${what}: ${lower} of ${upper}`)
  }
}

/** Largest power of two below `n`, for n > 1: where RFC 6962 splits. */
function splitAt(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** Sibling ranges from the leaf up to the root (RFC 6962, 2.1.1). */
function inclusionRanges(index: number, size: number): Range[] {
  assertSizes(index, size - 1, 'no such leaf')
  const ranges: Range[] = []
  let from = 0
  let to = size
  while (to - from > 1) {
    const middle = from + splitAt(to - from)
    if (index < middle) {
      ranges.push([middle, to])
      to = middle
    } else {
      ranges.push([from, middle])
      from = middle
    }
  }
  return ranges.reverse()
}

/** Ranges of a consistency proof (RFC 6962, 2.1.2). */
function consistencyRanges(oldSize: number, newSize: number): Range[] {
  if (oldSize === 0) throw new RangeError('there is nothing to be consistent with in an empty tree')
  assertSizes(oldSize, newSize, 'not an older size')
  const ranges: Range[] = []
  let from = 0
  let to = newSize
  let whole = true
  while (to !== oldSize) {
    const middle = from + splitAt(to - from)
    if (oldSize <= middle) {
      ranges.push([middle, to])
      to = middle
    } else {
      ranges.push([from, middle])
      from = middle
      whole = false
    }
  }
  if (!whole) ranges.push([from, to])
  return ranges.reverse()
}

const nodesOf = (ranges: readonly Range[]): NodeId[] => ranges.flatMap(([from, to]) => rangeNodes(from, to))
const hashesOf = (ranges: readonly Range[], read: NodeReader): Buffer[] =>
  ranges.map(([from, to]) => foldPeaks(rangeNodes(from, to).map(read)))

/** Subtrees an inclusion proof reads, so that a store can fetch them at once. */
export const inclusionNodes = (index: number, size: number): NodeId[] => nodesOf(inclusionRanges(index, size))

/** Subtrees a consistency proof reads. */
export const consistencyNodes = (oldSize: number, newSize: number): NodeId[] => nodesOf(consistencyRanges(oldSize, newSize))

/** Sibling hashes of leaf `index` in the tree of `size` leaves, leaf first. Throws RangeError for a leaf outside it. */
export const inclusionPath = (index: number, size: number, read: NodeReader): Buffer[] => hashesOf(inclusionRanges(index, size), read)

/** Hashes showing that the tree of `oldSize` is the beginning of that of `newSize`. Throws RangeError for old size 0. */
export const consistencyPath = (oldSize: number, newSize: number, read: NodeReader): Buffer[] =>
  hashesOf(consistencyRanges(oldSize, newSize), read)

const areHashes = (hashes: readonly Uint8Array[]): boolean => hashes.every(h => h.length === HASH_BYTES)
const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
const half = (n: number): number => Math.floor(n / 2)

export interface InclusionClaim {
  /** Hash of the leaf, 32 bytes. */
  readonly leaf: Uint8Array
  readonly index: number
  readonly size: number
  readonly path: readonly Uint8Array[]
  readonly root: Uint8Array
}

/** RFC 9162, 2.1.3.2. Anything malformed is false, never an exception. */
export function verifyInclusion({ leaf, index, size, path, root }: InclusionClaim): boolean {
  if (!isSize(index) || !isSize(size) || index >= size || !areHashes([leaf, root, ...path])) return false
  let node: Uint8Array = leaf
  let at = index
  let last = size - 1
  for (const sibling of path) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      node = nodeHash(sibling, node)
      while (at % 2 === 0 && at !== 0) {
        at = half(at)
        last = half(last)
      }
    } else {
      node = nodeHash(node, sibling)
    }
    at = half(at)
    last = half(last)
  }
  return last === 0 && same(node, root)
}

export interface ConsistencyClaim {
  readonly oldSize: number
  readonly oldRoot: Uint8Array
  readonly newSize: number
  readonly newRoot: Uint8Array
  readonly path: readonly Uint8Array[]
}

function isPowerOfTwo(n: number): boolean {
  let rest = n
  while (rest % 2 === 0) rest /= 2
  return rest === 1
}

/** RFC 9162, 2.1.4.2. An old size of 0 is refused: it would vouch for any tree. */
export function verifyConsistency({ oldSize, oldRoot, newSize, newRoot, path }: ConsistencyClaim): boolean {
  if (!isSize(oldSize) || !isSize(newSize) || oldSize === 0 || oldSize > newSize) return false
  if (!areHashes([oldRoot, newRoot, ...path])) return false
  if (oldSize === newSize) return path.length === 0 && same(oldRoot, newRoot)
  // A power of two is a subtree by itself: the proof leaves it out and the verifier knows it already.
  const hashes = isPowerOfTwo(oldSize) ? [oldRoot, ...path] : path
  let at = oldSize - 1
  let last = newSize - 1
  while (at % 2 === 1) {
    at = half(at)
    last = half(last)
  }
  let older = hashes[0]
  let newer = hashes[0]
  if (!older || !newer) return false
  for (const sibling of hashes.slice(1)) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      older = nodeHash(sibling, older)
      newer = nodeHash(sibling, newer)
      while (at % 2 === 0 && at !== 0) {
        at = half(at)
        last = half(last)
      }
    } else {
      newer = nodeHash(newer, sibling)
    }
    at = half(at)
    last = half(last)
  }
  return last === 0 && same(older, oldRoot) && same(newer, newRoot)
}

/** Root of the tree of `size` leaves from its subtrees. */
export const rootFrom = (size: number, read: NodeReader): Buffer => (size === 0 ? EMPTY_ROOT : foldPeaks(rangeNodes(0, size).map(read)))
