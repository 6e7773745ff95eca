import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { connect, sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { isUuid } from '#kernel/id.ts'
import { manualClock } from '#kernel/time.ts'
import { eventId } from '../append.ts'
import { append, commitment, defineEvent, erasePersonal, findEntry, readPersonal, refuse, sqlInsertPending, upcast } from '../index.ts'
import { countOf, noticed, paidBy, withSequencer } from './support.ts'

test('an event is defined once, with a step from every older version', () => {
  const body = z.object({ a: z.int() })
  const spec = { type: 'trail_test.twice_defined', version: 1, subject: 'thing', body }
  defineEvent(spec)
  assert.throws(() => defineEvent(spec), /defined twice/)
  assert.throws(() => defineEvent({ ...spec, type: 'Nope' }), /not of the form/)
  assert.throws(() => defineEvent({ ...spec, type: 'trail_test.lacks_step', version: 2 }), /needs upcasts from 1/)
  assert.throws(() => defineEvent({ ...spec, type: 'trail_test.lacks_field', personal: ['b' as 'a'] }), /not in the body/)
})

test('golden events of each version are lifted to the newest', () => {
  defineEvent({
    type: 'trail_test.fee_changed',
    version: 3,
    subject: 'fee',
    body: z.object({ amount_fen: z.int(), unit: z.string(), reason: z.string() }),
    upcast: [
      { from: 2, up: body => ({ ...body, reason: 'unknown' }) },
      { from: 1, up: ({ yuan }) => ({ amount_fen: Number(yuan) * 100, unit: 'month' }) },
    ],
  })
  const newest = { amount_fen: 1_200, unit: 'month', reason: 'unknown' }
  const golden: Record<number, Record<string, unknown>> = { 1: { yuan: 12 }, 2: { amount_fen: 1_200, unit: 'month' }, 3: newest }
  for (const [version, body] of Object.entries(golden)) {
    assert.deepEqual(upcast('trail_test.fee_changed', Number(version), body), { version: 3, body: newest })
  }
  assert.throws(() => upcast('trail_test.fee_changed', 4, newest), /newer than this program/)
  assert.deepEqual(upcast('trail_test.never_heard_of', 9, { x: 1 }), { version: 9, body: { x: 1 } })
})

test('an event lives and dies with its transaction, and a body that does not fit never enters', () =>
  withTestDb(async kernel => {
    const ctx = testCtx(kernel)
    await kernel.db.tx(1, tx => append(tx, ctx, noticed, { subjectId: 'a', body: { number: 1 } }))
    await assert.rejects(
      kernel.db.tx(1, async tx => {
        await append(tx, ctx, noticed, { subjectId: 'a', body: { number: 2 } })
        throw new Error('no')
      }),
    )
    const bad = (body: object, subjectId = 'a') =>
      kernel.db.tx(1, tx => append(tx, ctx, noticed, { subjectId, body: body as { number: number } }))
    await assert.rejects(bad({ number: 1.5 }))
    await assert.rejects(bad({ number: 1, note: '\ud800' }), /lone surrogate/)
    await assert.rejects(bad({ number: 1, note: 'x'.repeat(9_000) }), RangeError)
    await assert.rejects(bad({ number: 1 }, ''), RangeError)
    assert.equal(await countOf(kernel.db, 'trail.pending'), 1)
  }))

test('a statement records what it did itself: all its events in one row, none when nothing happened', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async sequencer => {
      const text = `with won as (select id, n from unnest($4::text[]) with ordinality as w(id, n) where id <> 'b') ${sqlInsertPending({
        source: 'won',
        id: 'gen_random_uuid()',
        at: '$2',
        type: noticed.type,
        version: 1,
        actorKind: `'system'`,
        actorId: '$3',
        subjectKind: 'thing',
        subjectId: 's.id',
        requestId: '$3',
        body: `'{"number":' || s.n || '}'`,
      })}`
      const record = (things: string[]) => kernel.db.statement('test_many', text, [1, kernel.clock.now(), 'me', things])
      await record(['b'])
      assert.equal(await countOf(kernel.db, 'trail.pending'), 0)
      await record(['a', 'b', 'c'])
      await record(['d'])
      assert.equal(await countOf(kernel.db, 'trail.pending'), 2)
      assert.equal(await countOf(kernel.db, 'trail.pending_event'), 3)
      assert.equal(await sequencer.drain(), 3)
      const sealed = await kernel.db.read(1, tx =>
        tx.rows(sql`select subject_id, actor_id, body from trail.entry where tenant_id = 1 order by subject_id`),
      )
      assert.deepEqual(sealed, [
        { subject_id: 'a', actor_id: 'me', body: { number: 1 } },
        { subject_id: 'c', actor_id: 'me', body: { number: 3 } },
        { subject_id: 'd', actor_id: 'me', body: { number: 1 } },
      ])
    }),
  ))

test('rows of many events fill batches without splitting and without leaving any behind', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async sequencer => {
      for (let i = 0; i < 40; i++)
        await kernel.db.pool.query(
          `insert into trail.pending select 1, ids[1], $1, 'trail_test.thing_noticed', 1, 'system', 'x', 'thing', 'r', ids, names, bodies
           from (select array_agg(gen_random_uuid()) as ids, array_agg('s' || n) as names, array_agg('{"number":' || n || '}') as bodies from generate_series(1, 64) n) q`,
          [kernel.clock.now()],
        )
      assert.equal(await sequencer.drain(), 2_560)
      const sizes = await kernel.db.read(1, tx =>
        tx.rows<{ size: number }>(sql`select size from trail.checkpoint where tenant_id = 1 order by size`),
      )
      assert.deepEqual(
        sizes.map(row => row.size),
        [1_024, 2_048, 2_560],
      )
    }),
  ))

test('personal values stand in the tree as commitments, and their erasure leaves the entry as it was', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async sequencer => {
      const ctx = testCtx(kernel)
      const id = await kernel.db.tx(1, tx =>
        append(tx, ctx, paidBy, { subjectId: 'order-1', body: { amount_fen: 100 }, personal: { payerName: '张三' } }),
      )
      const read = () => kernel.db.read(1, tx => readPersonal(tx, ctx, id))
      assert.deepEqual(await read(), { payerName: '张三' })
      await sequencer.drain()
      assert.deepEqual(await read(), { payerName: '张三' })
      const entry = await findEntry(kernel.db, 1, id)
      const { salt } = await kernel.db.read(1, tx =>
        tx.one<{ salt: Buffer }>(sql`select salt from trail.private where tenant_id = 1 and entry_id = ${id}`),
      )
      assert.deepEqual(entry?.body, { amount_fen: 100, payerName: commitment(salt, '张三') })
      const stored = await kernel.db.read(1, tx =>
        tx.rows<object>(
          sql`select p.*, e.canonical from trail.private p join trail.entry e on e.id = p.entry_id and e.tenant_id = p.tenant_id`,
        ),
      )
      assert.equal(stored.length, 1)
      assert.equal(JSON.stringify(stored).includes('张三'), false)
      assert.equal(await kernel.db.tx(1, tx => erasePersonal(tx, ctx, 'thing', 'order-1')), 1)
      assert.deepEqual(await read(), {})
      assert.deepEqual(await findEntry(kernel.db, 1, id), entry)
    }),
  ))

test('a personal value changed behind the back of the trail is noticed', () =>
  withTestDb(async kernel => {
    const ctx = testCtx(kernel)
    const id = await kernel.db.tx(1, tx => append(tx, ctx, paidBy, { subjectId: 'order-1', body: { amount_fen: 100, payerName: '张三' } }))
    const value = kernel.vault.seal(1, `trail|private|${id}|payerName`, '"李四"')
    const owner = connect(kernel.owner, { max: 1 })
    await owner.tx(1, tx => tx.run(sql`update trail.private set value = ${value}`))
    await owner.close()
    await assert.rejects(
      kernel.db.read(1, tx => readPersonal(tx, ctx, id)),
      /does not meet its commitment/,
    )
  }))

test('a refusal is recorded by itself, whatever text the caller sent', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async sequencer => {
      const ctx = testCtx(kernel, { kind: 'anonymous', id: '-' })
      const id = await refuse(kernel.db, ctx, { code: 'billing.bill_unknown', place: 'POST /pay', subject: `${'😀'.repeat(150)}\0\ud800` })
      const plain = await refuse(kernel.db, ctx, { code: 'access.denied', place: 'POST /pay' })
      await sequencer.drain()
      const entry = await findEntry(kernel.db, 1, id)
      assert.equal(entry?.type, 'trail.request_refused')
      assert.deepEqual(entry.body, { code: 'billing.bill_unknown', place: 'POST /pay' })
      assert.equal(entry.subject.id, '😀'.repeat(100))
      assert.equal((await findEntry(kernel.db, 1, plain))?.subject.id, ctx.requestId)
    }),
  ))

test('what one process records within a millisecond keeps its order, and its ids stay of version 7', () => {
  const clock = manualClock('2026-03-05T02:00:00Z')
  return withTestDb(
    async kernel => {
      const ids = Array.from({ length: 20_000 }, () => eventId(kernel, clock.now()))
      assert.ok(ids.every(isUuid))
      assert.ok(ids.every(id => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/.test(id)))
      assert.deepEqual([...ids].sort(), ids)
      clock.advance(1)
      assert.ok(eventId(kernel, clock.now()) > ids.at(-1)!)
    },
    { clock },
  )
})
