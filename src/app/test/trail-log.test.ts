import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { createHttp } from '#app/http.ts'
import {
  consistencyNodes,
  consistencyPath,
  edgeTiles,
  type NodeId,
  nodeFromTile,
  noteSigner,
  openCheckpoint,
  parseVkey,
  peakNodes,
  rootFrom,
  TILE_WIDTH,
  tileOf,
  tilePath,
  verifyConsistency,
} from '#engines/hashtree/index.ts'
import { connect } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { createSequencer, refuse } from '#modules/trail/index.ts'

test('an auditor with nothing but addresses and the key rebuilds the tree and sees that it only grew', () =>
  withTestDb(async kernel => {
    const db = connect(kernel.connections.sequencer, { max: 2 })
    const signer = noteSigner('town.example/trail', generateKeyPairSync('ed25519').privateKey)
    const sequencer = createSequencer({ db, clock: kernel.clock, log: kernel.log, holder: 'test', signer })
    const server = await createHttp({ kernel, tenant: { id: 1, name: { 'zh-CN': '-', en: '-' }, phone: '-', address: '-' } })
    const ctx = testCtx(kernel)
    const grow = async (count: number) => {
      for (let i = 0; i < count; i++) await refuse(kernel.db, ctx, { code: 'access.denied', place: `GET /${i}` })
      await sequencer.drain()
    }
    const get = async (path: string) => {
      const answer = await server.inject({ url: path })
      assert.equal(answer.statusCode, 200, path)
      return answer.rawPayload
    }
    const checkpoint = async () => {
      const opened = openCheckpoint((await get('/log/1/checkpoint')).toString(), [parseVkey(signer.vkey)!])
      assert.ok(opened.ok)
      return opened.checkpoint
    }
    /** Reads the tiles these subtrees need, full or as wide as a tree of `size` has them. */
    const readerFor = async (nodes: readonly NodeId[], size: number) => {
      const edge = new Map(edgeTiles(size).map(tile => [`${tile.level}/${tile.n}`, tile.width]))
      const tiles = new Map<string, Buffer>()
      for (const { level, n } of nodes.map(tileOf)) {
        const key = `${level}/${n}`
        if (!tiles.has(key)) tiles.set(key, await get(`/log/1/${tilePath({ level, n }, edge.get(key) ?? TILE_WIDTH)}`))
      }
      return (node: NodeId) => {
        const { level, n } = tileOf(node)
        return nodeFromTile(node, tiles.get(`${level}/${n}`)!)
      }
    }
    try {
      assert.equal((await server.inject({ url: '/log/1/checkpoint' })).statusCode, 404)
      await grow(300)
      const first = await checkpoint()
      assert.equal(first.size, 300)
      assert.ok(rootFrom(300, await readerFor(peakNodes(300), 300)).equals(first.root))
      await grow(275)
      const second = await checkpoint()
      const path = consistencyPath(300, 575, await readerFor(consistencyNodes(300, 575), 575))
      assert.ok(verifyConsistency({ oldSize: 300, oldRoot: first.root, newSize: 575, newRoot: second.root, path }))
      assert.equal(verifyConsistency({ oldSize: 300, oldRoot: second.root, newSize: 575, newRoot: second.root, path }), false)
      for (const absent of ['tile/0/002.p/64', 'tile/0/003', 'tile/1/000', 'tile/0/x000/001', 'tile/0/000.p/0'])
        assert.equal((await server.inject({ url: `/log/1/${absent}` })).statusCode, 404, absent)
      for (const other of ['/log/2/checkpoint', '/log/2/tile/0/000', '/log/0/checkpoint', "/log/1'/checkpoint"])
        assert.equal((await server.inject({ url: other })).statusCode, 404, other)
    } finally {
      await server.close()
      await sequencer.close()
      await db.close()
    }
  }))
