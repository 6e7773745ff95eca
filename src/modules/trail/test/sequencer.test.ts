import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { manualClock } from '#kernel/time.ts'
import { append, checkTrail, createSequencer, findCheckpoint, listCursors } from '../index.ts'
import { assertLease, Fenced, takeLease } from '../lease.ts'
import { countOf, notice, noticed, noticeMany, signerOf, withSequencer } from './support.ts'

const good = async (...args: Parameters<typeof checkTrail>) => {
  const checks = await checkTrail(...args)
  assert.deepEqual(
    checks.filter(check => check.ok !== true),
    [],
  )
}

test('many writers at once leave one order without gaps, and nothing is lost or doubled', () =>
  withTestDb(
    kernel =>
      withSequencer(kernel, async (sequencer, signer) => {
        let isWriting = true
        const sealing = (async () => {
          while (isWriting) await sequencer.drain()
        })()
        const ids: string[] = []
        await Promise.all(
          Array.from({ length: 8 }, async (_, writer) => {
            const ctx = testCtx(kernel)
            for (let i = 0; i < 60; i++) {
              // Some transactions stay open while later ones commit, some roll back.
              await kernel.db
                .tx(1, async tx => {
                  const id = await append(tx, ctx, noticed, { subjectId: `w${writer}`, body: { number: i } })
                  if (i % 7 === writer % 7) await tx.client.query('select pg_sleep(0.01)')
                  if (i % 11 === 0) throw new Error('rolled back')
                  tx.afterCommit(() => ids.push(id))
                })
                .catch(error => assert.equal(error.message, 'rolled back'))
            }
          }),
        )
        isWriting = false
        await sealing
        await sequencer.drain()
        const rows = await kernel.db.read(1, tx =>
          tx.rows<{ idx: number; id: string }>(sql`select idx, id from trail.entry where tenant_id = 1 order by idx`),
        )
        assert.deepEqual(
          rows.map(row => row.idx),
          ids.map((_, i) => i),
        )
        assert.deepEqual(rows.map(row => row.id).sort(), ids.sort())
        assert.equal(await countOf(kernel.db, 'trail.pending'), 0)
        await good(kernel.db, 1, [signer.vkey])
      }),
    { max: 12 },
  ))

test('each tenant has a trail of its own under its own name', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async (sequencer, signer) => {
      await noticeMany(kernel, 30, 1)
      await noticeMany(kernel, 20, 2)
      assert.equal(await sequencer.drain(), 50)
      for (const [tenantId, size] of [
        [1, 30],
        [2, 20],
      ] as const) {
        const checkpoint = await findCheckpoint(kernel.db, tenantId)
        assert.equal(checkpoint?.size, size)
        assert.match(checkpoint.note, new RegExp(`^town\\.example/trail/${tenantId}\n`))
        await good(kernel.db, tenantId, [signer.vkey])
      }
      const foreign = await kernel.db.read(2, tx => tx.rows(sql`select idx from trail.entry where tenant_id = 1`))
      assert.deepEqual(foreign, [])
    }),
  ))

test('a new process continues the tree of the one before, over several tiles', () =>
  withTestDb(async kernel => {
    const signer = signerOf()
    for (const count of [1, 254, 1, 300, 2_100, 3]) {
      await noticeMany(kernel, count)
      await withSequencer(kernel, async sequencer => assert.equal(await sequencer.drain(), count), { signer })
    }
    assert.equal((await findCheckpoint(kernel.db, 1))?.size, 2_659)
    await good(kernel.db, 1, [signer.vkey])
  }))

test('a batch that dies before its commit loses nothing', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async (sequencer, signer, db) => {
      await noticeMany(kernel, 300)
      await sequencer.drain()
      await noticeMany(kernel, 200)
      // The connection is killed by the server while the batch holds its rows: the checkpoint insert waits on our lock.
      const owner = connect(kernel.owner, { max: 3 })
      const dying = await owner.tx(1, async tx => {
        await tx.client.query('lock table trail.checkpoint in access exclusive mode')
        const drained = sequencer.drain()
        for (let tries = 0; ; tries++) {
          const { rows } = await owner.pool.query(
            `select pg_terminate_backend(pid) as killed from pg_stat_activity where usename = 'yimen_sequencer' and wait_event_type = 'Lock' and datname = current_database()`,
          )
          if (rows.length > 0) break
          assert.ok(tries < 200, 'the batch never came to wait')
          await new Promise(resolve => setTimeout(resolve, 10))
        }
        return drained
      })
      await owner.close()
      assert.equal(dying, 0)
      assert.equal(await countOf(kernel.db, 'trail.pending'), 200)
      assert.equal(await sequencer.drain(), 200)
      assert.equal(db.pool.totalCount > 0, true)
      await good(kernel.db, 1, [signer.vkey])
    }),
  ))

test('of two sequencers one works; the one that slept through a taking cannot write', () => {
  const clock = manualClock('2026-03-05T02:00:00Z')
  return withTestDb(
    async kernel => {
      const signer = signerOf()
      const db = connect(kernel.connections.sequencer, { max: 4 })
      const make = (holder: string) => createSequencer({ db, signer, clock, log: kernel.log, holder, leaseMs: 10_000 })
      const [first, second] = [make('first'), make('second')]
      await noticeMany(kernel, 10)
      assert.equal(await first.drain(), 10)
      await noticeMany(kernel, 5)
      assert.equal(await second.drain(), 0)
      clock.advance(10_001)
      assert.equal(await second.drain(), 5)
      await noticeMany(kernel, 5)
      assert.equal(await first.drain(), 0)
      assert.equal(await second.drain(), 5)
      assert.deepEqual(await first.drain(), 0)
      await second.close()
      await noticeMany(kernel, 1)
      assert.equal(await first.drain(), 1)
      await good(kernel.db, 1, [signer.vkey])
      await db.close()
    },
    { clock },
  )
})

test('an epoch that is over is refused inside the transaction, and a taker waits for the batch under way', () => {
  const clock = manualClock('2026-03-05T02:00:00Z')
  return withTestDb(
    async kernel => {
      const db = connect(kernel.connections.sequencer, { max: 4 })
      const old = await takeLease(db, clock, 0, 'old', 1_000)
      assert.ok(old)
      assert.equal(await takeLease(db, clock, 0, 'new', 1_000), undefined)
      clock.advance(1_001)
      let isCommitted = false
      let taking: Promise<unknown> = Promise.resolve()
      await db.tx(1, async tx => {
        await assertLease(tx, old)
        taking = takeLease(db, clock, 0, 'new', 1_000).then(lease => {
          assert.equal(isCommitted, true, 'the lease changed hands in the middle of a batch')
          return lease
        })
        await new Promise(resolve => setTimeout(resolve, 100))
        isCommitted = true
      })
      assert.deepEqual(await taking, { bucket: 0, holder: 'new', epoch: 2 })
      await assert.rejects(
        db.tx(1, tx => assertLease(tx, old)),
        Fenced,
      )
      await db.close()
    },
    { clock },
  )
})

test('the application can neither change nor remove what is written, nor the sequencer what is sealed', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async (sequencer, _signer, db) => {
      await notice(testCtx(kernel), 1)
      await sequencer.drain()
      await notice(testCtx(kernel), 2)
      const refused = (who: typeof db, text: string) =>
        assert.rejects(
          who.tx(1, tx => tx.client.query(text)),
          { code: '42501' },
          text,
        )
      for (const table of ['entry', 'tile', 'checkpoint']) {
        await refused(kernel.db, `delete from trail.${table}`)
        await refused(kernel.db, `truncate trail.${table}`)
        await refused(kernel.db, `insert into trail.${table} select * from trail.${table}`)
        await refused(kernel.db, `update trail.${table} set tenant_id = 2`)
        await refused(db, `delete from trail.${table}`)
        await refused(db, `update trail.${table} set tenant_id = 2`)
      }
      await refused(kernel.db, `delete from trail.pending`)
      await refused(kernel.db, `update trail.pending set bodies = '{}'`)
      await refused(kernel.db, `update trail.lease set epoch = 9`)
      await refused(db, `update trail.pending set bodies = '{}'`)
      await refused(db, `insert into trail.pending select * from trail.pending`)
      await refused(db, `select * from trail.private`)
      assert.equal(await countOf(kernel.db, 'trail.pending'), 1)
    }),
  ))

test('a row without canonical form is sealed in quarantine instead of stopping the trail', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async (sequencer, signer) => {
      const ctx = testCtx(kernel)
      await notice(ctx, 1)
      await kernel.db.tx(1, tx =>
        tx.run(
          sql`insert into trail.pending select 1, gen_random_uuid(), ${kernel.clock.now()}, 'trail_test.thing_noticed', 1, 'staff', 'x', 'thing', 'r',
            array[gen_random_uuid(), gen_random_uuid()], array['one', 'two'], array['{"number": 1.5}', '{"number":']`,
        ),
      )
      await notice(ctx, 2)
      assert.equal(await sequencer.drain(), 4)
      const types = await kernel.db.read(1, tx =>
        tx.rows<{ type: string; body: object }>(
          sql`select type, body from trail.entry where tenant_id = 1 and type = 'trail.entry_quarantined' order by subject_id`,
        ),
      )
      assert.deepEqual(types, [
        { type: 'trail.entry_quarantined', body: { type: 'trail_test.thing_noticed', version: 1, text: '{"number": 1.5}' } },
        { type: 'trail.entry_quarantined', body: { type: 'trail_test.thing_noticed', version: 1, text: '{"number":' } },
      ])
      await good(kernel.db, 1, [signer.vkey])
      assert.deepEqual(await listCursors(kernel, 1), [])
    }),
  ))

test('nothing is signed on top of a tree that does not fit its last checkpoint', () =>
  withTestDb(async kernel => {
    const signer = signerOf()
    await noticeMany(kernel, 10)
    await noticeMany(kernel, 4, 2)
    await withSequencer(kernel, sequencer => sequencer.drain(), { signer })
    const owner = connect(kernel.owner, { max: 1 })
    await owner.tx(1, tx => tx.run(sql`update trail.entry set leaf = decode(repeat('00', 32), 'hex') where tenant_id = 1 and idx = 3`))
    await owner.close()
    await noticeMany(kernel, 5)
    await noticeMany(kernel, 6, 2)
    await withSequencer(kernel, async sequencer => assert.equal(await sequencer.drain(), 6), { signer })
    assert.equal((await findCheckpoint(kernel.db, 1))?.size, 10)
    assert.equal((await findCheckpoint(kernel.db, 2))?.size, 10)
    assert.equal(await countOf(kernel.db, 'trail.pending'), 5)
  }))
