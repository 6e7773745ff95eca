import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql, type Tx } from '#kernel/db/index.ts'
import { type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { append, listCursors, listSubscribers, runSubscribers, type Subscriber, subscribe, unfolded } from '../index.ts'
import { noticed, noticeMany, paidBy, withSequencer } from './support.ts'

const counted = async (tx: Tx, number: number): Promise<void> => {
  await tx.run(
    sql`insert into trail.cursor (tenant_id, name, idx) values (1, ${`seen:${number}`}, 1) on conflict (tenant_id, name) do update set idx = trail.cursor.idx + 1`,
  )
}
const seen = (kernel: TestKernel) =>
  kernel.db.read(1, tx =>
    tx.rows<{ number: string; times: number }>(
      sql`select substr(name, 6) as number, idx as times from trail.cursor where tenant_id = 1 and name like 'seen:%'`,
    ),
  )
const failures = (kernel: TestKernel) =>
  kernel.db.read(1, tx =>
    tx.rows<{ idx: number; attempts: number; skipped: boolean }>(
      sql`select idx, attempts, skipped_at is not null as skipped from trail.cursor_failure where tenant_id = 1`,
    ),
  )

const reader = (
  name: string,
  handle: (number: number, tx: Tx) => Promise<void>,
  types: Subscriber['types'] = [noticed.type],
): Subscriber => ({
  name,
  types,
  handle: ({ tx, entry }) => handle(Number(entry.body.number), tx),
})

test('each entry of the wanted types is handled once, in order, across batches and restarts', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async sequencer => {
      const ctx = testCtx(kernel)
      const order: number[] = []
      const subscriber = reader('test.once', async (number, tx) => {
        order.push(number)
        await counted(tx, number)
      })
      await noticeMany(kernel, 450)
      await kernel.db.tx(1, tx => append(tx, ctx, paidBy, { subjectId: 'x', body: { amount_fen: 1, payerName: 'a' } }))
      await sequencer.drain()
      assert.equal(await runSubscribers(kernel, 1, [subscriber]), 450)
      assert.equal(await runSubscribers(kernel, 1, [subscriber]), 0)
      assert.deepEqual(
        order,
        Array.from({ length: 450 }, (_, i) => i),
      )
      assert.ok((await seen(kernel)).every(row => row.times === 1))
      const state = (await listCursors(kernel, 1)).find(cursor => cursor.name === 'test.once')
      assert.deepEqual(state, { name: 'test.once', idx: 450, behind: 0, skipped: 0 })
    }),
  ))

test('two processes at once handle each entry once', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async sequencer => {
      await noticeMany(kernel, 300)
      await sequencer.drain()
      const subscriber = reader('test.twice', async (number, tx) => counted(tx, number))
      await Promise.all([1, 2, 3].map(() => runSubscribers(kernel, 1, [subscriber])))
      const rows = await seen(kernel)
      assert.equal(rows.length, 300)
      assert.ok(rows.every(row => row.times === 1))
    }),
  ))

for (const kind of ['handle', 'handleBatch'] as const) {
  test(`a poison entry is retried, then skipped in sight, and the others arrive once (${kind})`, () =>
    withTestDb(kernel =>
      withSequencer(kernel, async sequencer => {
        await noticeMany(kernel, 20)
        await sequencer.drain()
        const one = async (number: number, tx: Tx) => {
          if (number === 7) throw new Error('cannot digest')
          await counted(tx, number)
        }
        const subscriber: Subscriber =
          kind === 'handle'
            ? reader('test.poison', one)
            : {
                name: 'test.poison',
                types: '*',
                async handleBatch({ tx, entries }) {
                  for (const entry of entries) await one(Number(entry.body.number), tx)
                },
              }
        for (let run = 1; run <= 4; run++) {
          await runSubscribers(kernel, 1, [subscriber])
          assert.deepEqual(await failures(kernel), [{ idx: 7, attempts: run, skipped: false }])
          assert.equal((await seen(kernel)).length, 7)
        }
        await runSubscribers(kernel, 1, [subscriber])
        await runSubscribers(kernel, 1, [subscriber])
        assert.deepEqual(await failures(kernel), [{ idx: 7, attempts: 5, skipped: true }])
        const rows = await seen(kernel)
        assert.equal(rows.length, 19)
        assert.ok(rows.every(row => row.times === 1))
      }),
    ))
}

test('a handler that fails once leaves no half effect and succeeds on the next run', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async sequencer => {
      await noticeMany(kernel, 5)
      await sequencer.drain()
      let isBroken = true
      const subscriber = reader('test.mended', async (number, tx) => {
        await counted(tx, number)
        if (isBroken && number === 3) throw new Error('later')
      })
      await runSubscribers(kernel, 1, [subscriber])
      assert.equal((await seen(kernel)).length, 3)
      isBroken = false
      await runSubscribers(kernel, 1, [subscriber])
      const rows = await seen(kernel)
      assert.equal(rows.length, 5)
      assert.ok(rows.every(row => row.times === 1))
    }),
  ))

test('folded and unfolded together are exact at every stage', () =>
  withTestDb(kernel =>
    withSequencer(kernel, async sequencer => {
      let folded = 0
      const subscriber: Subscriber = {
        name: 'test.fold',
        types: '*',
        handleBatch: async ({ entries }) => {
          folded += entries.length
        },
      }
      const rest = async () => (await kernel.db.read(1, tx => tx.rows<{ body: { number: number } }>(unfolded(1, 'test.fold')))).length
      await noticeMany(kernel, 10)
      assert.equal(folded + (await rest()), 10)
      await sequencer.drain()
      assert.equal(folded + (await rest()), 10)
      await runSubscribers(kernel, 1, [subscriber])
      await noticeMany(kernel, 4)
      assert.equal(folded, 10)
      assert.equal(await rest(), 4)
      await sequencer.drain()
      assert.equal(await rest(), 4)
      await runSubscribers(kernel, 1, [subscriber])
      assert.deepEqual([folded, await rest()], [14, 0])
    }),
  ))

test('putting the application together twice does not double a subscriber', () => {
  const make = () => reader('test.registered', async () => undefined)
  subscribe(make())
  subscribe(make())
  assert.equal(listSubscribers().filter(one => one.name === 'test.registered').length, 1)
})
