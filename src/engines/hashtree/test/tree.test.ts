import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  CompactRange,
  consistencyNodes,
  consistencyPath,
  edgeTiles,
  HASH_BYTES,
  inclusionNodes,
  inclusionPath,
  leafHash,
  nodeFromTile,
  parseTilePath,
  peakNodes,
  rootFrom,
  type Tile,
  TiledTree,
  tileOf,
  tilePath,
  verifyConsistency,
  verifyInclusion,
} from '../index.ts'
import { naiveReader, naiveRoot } from './naive.ts'

const leavesOf = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => leafHash(`leaf ${i}`))
const sizeAndIndex = fc.integer({ min: 1, max: 90 }).chain(size => fc.tuple(fc.constant(size), fc.integer({ min: 0, max: size - 1 })))
const twoSizes = fc.integer({ min: 1, max: 90 }).chain(size => fc.tuple(fc.integer({ min: 1, max: size }), fc.constant(size)))
const leaves = leavesOf(90)

test('the growing tree has the root the definition gives', () => {
  const range = new CompactRange()
  for (let size = 0; size <= leaves.length; size++) {
    assert.deepEqual(range.root(), naiveRoot(leaves.slice(0, size)))
    const rebuilt = new CompactRange(size, peakNodes(size).map(naiveReader(leaves)))
    assert.deepEqual(rebuilt.root(), range.root())
    if (size < leaves.length) range.append(leaves[size]!)
  }
})

test('every entry proves itself, and no changed claim passes', () => {
  fc.assert(
    fc.property(sizeAndIndex, fc.nat(), fc.nat({ max: 7 }), ([size, index], pick, bit) => {
      const some = leaves.slice(0, size)
      const root = naiveRoot(some)
      const path = inclusionPath(index, size, naiveReader(some))
      const claim = { leaf: some[index]!, index, size, path, root }
      assert.ok(verifyInclusion(claim))
      assert.equal(verifyInclusion({ ...claim, index: (index + 1) % (size + 1) }), false)
      assert.equal(verifyInclusion({ ...claim, path: [...path, root] }), false)
      if (path.length > 0) {
        const at = pick % (path.length * HASH_BYTES)
        const bent = path.map(hash => Buffer.from(hash))
        bent[Math.floor(at / HASH_BYTES)]![at % HASH_BYTES]! ^= 1 << bit
        assert.equal(verifyInclusion({ ...claim, path: bent }), false)
        assert.equal(verifyInclusion({ ...claim, path: path.slice(1) }), false)
      }
    }),
  )
})

test('an older tree is proved the beginning of a newer one, a rewritten one is not', () => {
  fc.assert(
    fc.property(twoSizes, fc.nat(), ([oldSize, newSize], pick) => {
      const some = leaves.slice(0, newSize)
      const claim = {
        oldSize,
        oldRoot: naiveRoot(some.slice(0, oldSize)),
        newSize,
        newRoot: naiveRoot(some),
        path: consistencyPath(oldSize, newSize, naiveReader(some)),
      }
      assert.ok(verifyConsistency(claim))
      const rewritten = [...some]
      rewritten[pick % oldSize] = leafHash('another story')
      const forged = { ...claim, newRoot: naiveRoot(rewritten), path: consistencyPath(oldSize, newSize, naiveReader(rewritten)) }
      assert.equal(verifyConsistency(forged), false)
      assert.equal(verifyConsistency({ ...claim, path: [...claim.path, claim.newRoot] }), false)
    }),
  )
})

test('an old size of zero vouches for nothing and is refused', () => {
  const root = naiveRoot(leaves)
  assert.equal(verifyConsistency({ oldSize: 0, oldRoot: naiveRoot([]), newSize: 90, newRoot: root, path: [] }), false)
  assert.throws(() => consistencyPath(0, 90, naiveReader(leaves)), RangeError)
  assert.throws(() => inclusionPath(90, 90, naiveReader(leaves)), RangeError)
})

test('tiles are spelled as C2SP spells them', () => {
  assert.equal(tilePath({ level: 0, n: 1_234_067 }), 'tile/0/x001/x234/067')
  assert.equal(tilePath({ level: 2, n: 0 }, 17), 'tile/2/000.p/17')
  assert.equal(tilePath({ level: 1, n: 999 }), 'tile/1/999')
  assert.equal(tilePath({ level: 1, n: 1_000 }), 'tile/1/x001/000')
  fc.assert(
    fc.property(fc.nat(63), fc.nat(10 ** 12), fc.integer({ min: 1, max: 256 }), (level, n, width) =>
      assert.deepEqual(parseTilePath(tilePath({ level, n }, width)), { level, n, width }),
    ),
  )
  for (const wrong of [
    'tile/0/1',
    'tile/64/000',
    'tile/0/x000/001',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/00/000',
    'tile/0/000/',
    'tile/0/../000',
  ])
    assert.equal(parseTilePath(wrong), undefined, wrong)
})

test('tiles given out in batches are enough for the root, proofs and a restart', () => {
  const size = 70_001
  const all = leavesOf(size)
  const stored = new Map<string, Tile>()
  let tree = TiledTree.empty()
  for (let at = 0, batch = 1; at < size; at += batch, batch = (batch * 7) % 1_009) {
    for (const tile of tree.append(all.slice(at, at + batch))) stored.set(`${tile.level}/${tile.n}`, tile)
    if (batch % 5 === 0) tree = restart(tree.size)
  }
  const plain = new CompactRange()
  for (const leaf of all) plain.append(leaf)
  assert.equal(tree.size, size)
  assert.deepEqual(tree.root(), plain.root())

  function hashesOf(level: number, n: number, upTo: number): Buffer {
    if (level === 0 && !stored.has(`0/${n}`)) return Buffer.concat(all.slice(n * 256, upTo))
    return stored.get(`${level}/${n}`)?.hashes ?? Buffer.alloc(0)
  }
  function restart(now: number): TiledTree {
    return TiledTree.restore(
      now,
      edgeTiles(now).map(({ level, n, width }) => hashesOf(level, n, now).subarray(0, width * HASH_BYTES)),
    )
  }
  const read = (node: { level: number; index: number }) => {
    const { level, n } = tileOf(node)
    return nodeFromTile(node, hashesOf(level, n, size))
  }
  assert.deepEqual(rootFrom(size, read), plain.root())
  for (const index of [0, 255, 256, 65_535, 65_536, 69_999, 70_000]) {
    assert.ok(inclusionNodes(index, size).length > 0)
    assert.ok(verifyInclusion({ leaf: all[index]!, index, size, path: inclusionPath(index, size, read), root: plain.root() }))
  }
  assert.equal(consistencyNodes(size, size).length, 0)
  assert.throws(() => TiledTree.restore(300, [Buffer.alloc(0)]), RangeError)
})
