import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCheckpoint, parseVkey, RECEIPT_BYTES_MAX, receiptText } from '#engines/hashtree/index.ts'
import { connect, raw, sql } from '#kernel/db/index.ts'
import { type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import {
  append,
  checkTrail,
  erasePersonal,
  findCheckpoint,
  findEntry,
  proveConsistency,
  proveEntry,
  timeline,
  verifyBundle,
  witnessCheckpoint,
} from '../index.ts'
import { notice, noticeMany, paidBy, signerOf, withSequencer } from './support.ts'

/** Somebody with every right on the database. */
async function asInsider(kernel: TestKernel, text: string): Promise<void> {
  const owner = connect(kernel.owner, { max: 1 })
  await owner.tx(1, tx => tx.run(sql`${raw(text)}`))
  await owner.close()
}

const bad = async (...args: Parameters<typeof checkTrail>) =>
  (await checkTrail(...args)).filter(check => check.ok === false).map(check => check.id)

test('an entry has no proof until it is sealed, then one that fits a receipt and holds against the pinned key alone', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async (sequencer, signer) => {
      const ctx = testCtx(kernel)
      const id = await notice(ctx, 1)
      assert.equal(await proveEntry(kernel.db, 1, id), undefined)
      await sequencer.drain()
      const proof = await proveEntry(kernel.db, 1, id)
      assert.ok(proof)
      assert.equal(verifyBundle(proof, [signer.vkey]).ok, true)
      assert.equal(verifyBundle(proof, [signerOf().vkey]).ok, false)
      assert.ok(Buffer.byteLength(receiptText(proof)) <= RECEIPT_BYTES_MAX)
      assert.equal(await proveEntry(kernel.db, 2, id), undefined)
      assert.equal(await proveEntry(kernel.db, 1, '00000000-0000-7000-8000-000000000000'), undefined)
    }),
  ))

test('entries all over a trail of many tiles prove themselves, and each older size is consistent with the newest', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async (sequencer, signer) => {
      const sizes: number[] = []
      for (const count of [5, 251, 1, 600, 900]) {
        await noticeMany(kernel, count)
        await sequencer.drain()
        sizes.push((sizes.at(-1) ?? 0) + count)
      }
      const ids = await kernel.db.read(1, tx =>
        tx.rows<{ idx: number; id: string }>(sql`
        select idx, id from trail.entry where tenant_id = 1 and idx = any (${[0, 4, 255, 256, 257, 511, 512, 1_535, 1_536, 1_755, 1_756]})`),
      )
      assert.equal(ids.length, 11)
      for (const { idx, id } of ids) {
        const proof = await proveEntry(kernel.db, 1, id)
        assert.equal(proof?.index, idx)
        assert.equal(verifyBundle(proof, [signer.vkey]).ok, true, `entry ${idx}`)
      }
      const pinned = [parseVkey(signer.vkey)!]
      const older = await kernel.db.read(1, tx =>
        tx.rows<{ size: number; note: string }>(sql`select size, note from trail.checkpoint where tenant_id = 1`),
      )
      assert.deepEqual(
        older.map(row => row.size).sort((a, b) => a - b),
        sizes,
      )
      for (const { size, note } of older) {
        const held = openCheckpoint(note, pinned)
        const next = await proveConsistency(kernel.db, 1, size)
        assert.ok(held.ok && next)
        assert.equal(witnessCheckpoint(held.checkpoint, next.checkpoint, next.path, pinned).ok, true, `from ${size}`)
      }
      await assert.rejects(proveConsistency(kernel.db, 1, 0), RangeError)
    }),
  ))

test('an insider with the database and the signing key rewrites the past; a witness refuses it', () =>
  withTestDb(async kernel => {
    const signer = signerOf()
    const pinned = [parseVkey(signer.vkey)!]
    await noticeMany(kernel, 300)
    await withSequencer(kernel, sequencer => sequencer.drain(), { signer })
    const seen = openCheckpoint((await findCheckpoint(kernel.db, 1))!.note, pinned)
    assert.ok(seen.ok)
    // Take everything back, change one fact, and let the genuine sequencer seal it again with the genuine key.
    await asInsider(
      kernel,
      `insert into trail.pending select tenant_id, id, at, type, version, actor_kind, actor_id, subject_kind, request_id,
      array[id], array[subject_id], array[case when idx = 42 then '{"number": 1}' else body::text end] from trail.entry`,
    )
    for (const table of ['entry', 'tile', 'checkpoint']) await asInsider(kernel, `delete from trail.${table}`)
    await noticeMany(kernel, 1)
    await withSequencer(kernel, sequencer => sequencer.drain(), { signer })
    assert.deepEqual(await bad(kernel.db, 1, [signer.vkey]), [])
    const offered = await proveConsistency(kernel.db, 1, 300)
    assert.ok(offered)
    assert.equal(openCheckpoint(offered.checkpoint, pinned).ok, true)
    const answer = witnessCheckpoint(seen.checkpoint, offered.checkpoint, offered.path, pinned)
    assert.deepEqual(answer, { ok: false, why: 'tree of 301 does not begin with the one of 300 seen before' })
  }))

test('the doctor names what was tampered with', () =>
  withTestDb(async kernel => {
    const signer = signerOf()
    await withSequencer(
      kernel,
      async sequencer => {
        for (const count of [200, 400]) {
          await noticeMany(kernel, count)
          await sequencer.drain()
        }
      },
      { signer },
    )
    const keys = [signer.vkey]
    assert.deepEqual(await bad(kernel.db, 1, keys), [])
    assert.deepEqual(await bad(kernel.db, 1, [signerOf().vkey]), ['trail.signed'])
    const moot = await checkTrail(kernel.db, 1)
    assert.equal(moot.find(check => check.id === 'trail.signed')?.ok, 'not applicable')
    assert.ok((await checkTrail(kernel.db, 9, keys)).every(check => check.ok === 'not applicable'))

    await asInsider(kernel, `update trail.entry set body = '{"number": 77}' where idx = 5`)
    assert.deepEqual(await bad(kernel.db, 1, keys), ['trail.columns'])
    await asInsider(kernel, `update trail.entry set body = canonical::jsonb->'body' where idx = 5`)
    await asInsider(kernel, `update trail.entry set subject_id = 'other' where idx = 6`)
    assert.deepEqual(await bad(kernel.db, 1, keys), ['trail.columns'])
    await asInsider(kernel, `update trail.entry set subject_id = canonical::jsonb->'subject'->>'id' where idx = 6`)
    await asInsider(kernel, `update trail.tile set hashes = set_byte(hashes, 8, get_byte(hashes, 8) # 1) where level = 0 and n = 1`)
    assert.deepEqual(await bad(kernel.db, 1, keys), ['trail.tiles'])
    await asInsider(kernel, `delete from trail.checkpoint where size = 600`)
    assert.deepEqual(await bad(kernel.db, 1, keys), ['trail.tiles', 'trail.root'])
    await asInsider(kernel, `delete from trail.entry where idx = 100`)
    assert.deepEqual(await bad(kernel.db, 1, keys), ['trail.contiguous', 'trail.tiles', 'trail.root', 'trail.consistent'])
    await asInsider(kernel, `update trail.entry set canonical = replace(canonical, '"number":7}', '"number":8}') where idx = 7`)
    assert.ok((await bad(kernel.db, 1, keys)).includes('trail.leaf'))
    await asInsider(kernel, `update trail.entry set idx = 9000000000000 where idx = 599`)
    assert.ok((await bad(kernel.db, 1, keys)).includes('trail.contiguous'))
  }))

test('erasing personal values keeps every proof valid', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async (sequencer, signer) => {
      const ctx = testCtx(kernel)
      const id = await kernel.db.tx(1, tx =>
        append(tx, ctx, paidBy, { subjectId: 'order-1', body: { amount_fen: 5, payerName: '张三', phone: '13800000000' } }),
      )
      await sequencer.drain()
      const before = await proveEntry(kernel.db, 1, id)
      assert.equal(await kernel.db.tx(1, tx => erasePersonal(tx, ctx, 'thing', 'order-1')), 2)
      await sequencer.drain()
      const now = await proveEntry(kernel.db, 1, id)
      assert.equal(now?.entry, before?.entry)
      assert.ok(before && verifyBundle(before, [signer.vkey]).ok)
      assert.ok(now && verifyBundle(now, [signer.vkey]).ok)
      assert.deepEqual(await bad(kernel.db, 1, [signer.vkey]), [])
      assert.equal(now.entry.includes('张三'), false)
    }),
  ))

test('a timeline is what happened to one thing, page by page', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async sequencer => {
      const ctx = testCtx(kernel)
      for (let i = 0; i < 6; i++) await notice(ctx, i, i % 2 === 0 ? 'even' : 'odd')
      await sequencer.drain()
      const page = await timeline(kernel.db, 1, 'thing', 'even', { limit: 2 })
      assert.deepEqual(
        page.map(entry => entry.body.number),
        [0, 2],
      )
      const rest = await timeline(kernel.db, 1, 'thing', 'even', { limit: 2, after: page.at(-1)!.index })
      assert.deepEqual(
        rest.map(entry => entry.body.number),
        [4],
      )
      assert.deepEqual(await timeline(kernel.db, 2, 'thing', 'even'), [])
      const found = await findEntry(kernel.db, 1, rest[0]!.id)
      assert.deepEqual(found, rest[0])
      assert.deepEqual(
        [found?.actor, found?.subject, found?.requestId],
        [{ kind: 'staff', id: 'test' }, { kind: 'thing', id: 'even' }, ctx.requestId],
      )
    }),
  ))
