import { EMPTY_ROOT, type NodeId, nodeHash } from '../index.ts'

/** The tree hash exactly as RFC 6962 defines it, by recursion: slow and obviously right. */
export function naiveRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return EMPTY_ROOT
  if (leaves.length === 1) return leaves[0]!
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)))
}

export const naiveReader =
  (leaves: readonly Buffer[]) =>
  ({ level, index }: NodeId): Buffer =>
    naiveRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))
